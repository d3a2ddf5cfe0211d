"""From intensities to ratios: the filters, imputation and normalisation before the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.curves.design import DoseDesign, normalized, ratio, raw
from phenoprot.curves.settings import FitSettings

TOO_MANY_MISSING = "too many missing values"
TOO_MANY_IMPUTED = "too many imputed values"
NO_CONTROL = "no valid control"


@dataclass(frozen=True)
class Prepared:
    """Curves ready to be fitted, and why the others are not among them.

    Parameters
    ----------
    curves
        Name, N duplicates, Raw, [Imputation], [Normalized], Ratio columns, Signal Quality.
    removed
        Number of curves that each filter removed.
    """

    curves: pd.DataFrame
    removed: dict[str, int]


def prepare(table: pd.DataFrame, design: DoseDesign, settings: FitSettings) -> Prepared:
    """Filter, impute, normalise and divide by the mean control, in CurveCurator's order.

    A value of 0 counts as missing for `max_missing` and as no control, but is a ratio of 0 for the
    fit.
    """
    data = table[raw(design.experiments)].to_numpy(dtype=np.float64, copy=True)
    place = {name: i for i, name in enumerate(design.experiments)}
    controls = [place[name] for name in design.controls]
    dosed = [place[name] for name in design.treated]
    removed = {TOO_MANY_MISSING: 0, TOO_MANY_IMPUTED: 0, NO_CONTROL: 0}
    rows = np.arange(len(data))

    if settings.max_missing is not None:
        absent = np.isnan(data[:, dosed]) | (data[:, dosed] == 0)
        keep = absent.sum(axis=1) <= settings.max_missing
        removed[TOO_MANY_MISSING] = int((~keep).sum())
        data, rows = data[keep], rows[keep]
    imputed = np.zeros(data.shape, dtype=bool)
    if settings.imputation:
        value = imputation_value(data[:, controls], settings.imputation_pct)
        imputed = np.isnan(data) | (data < value)
        data = np.where(imputed, value, data)
        limit = len(design.experiments) if settings.max_missing is None else settings.max_missing
        keep = imputed.sum(axis=1) <= limit
        removed[TOO_MANY_IMPUTED] = int((~keep).sum())
        data, rows, imputed = data[keep], rows[keep], imputed[keep]
    levelled = centre_medians(data) if settings.normalization else data
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = levelled / _row_mean(levelled[:, controls])[:, None]
    ratios[np.isposinf(ratios)] = np.nan
    keep = (np.nan_to_num(ratios[:, controls]) != 0).any(axis=1)
    removed[NO_CONTROL] = int((~keep).sum())
    if removed[NO_CONTROL]:  # else spare the copies
        data, levelled, ratios, rows = data[keep], levelled[keep], ratios[keep], rows[keep]
        imputed = imputed[keep]

    curves = table[["Name"]].iloc[rows].reset_index(drop=True)
    summed = "N duplicates" in table
    curves["N duplicates"] = table["N duplicates"].to_numpy()[rows] if summed else 1
    blocks = [curves, pd.DataFrame(data, columns=raw(design.experiments))]
    if settings.imputation:
        blocks.append(_imputation_columns(imputed, design))
    if settings.normalization:
        blocks.append(pd.DataFrame(levelled, columns=normalized(design.experiments)))
    if len(controls) > 1:
        spread = pd.DataFrame(ratios[:, controls]).std(axis=1)
    if settings.ratio_range is not None:
        clipped = np.clip(ratios, *settings.ratio_range)
    else:
        clipped = ratios
    blocks.append(pd.DataFrame(clipped, columns=ratio(design.experiments)))
    if len(controls) > 1:
        blocks.append(spread.rename("Control Ratio Std").to_frame())
    with np.errstate(divide="ignore"):
        quality = np.log2(_row_mean(data[:, controls]))
    blocks.append(pd.DataFrame({"Signal Quality": quality}))
    return Prepared(pd.concat(blocks, axis=1, copy=False), removed)


def _row_mean(values: np.ndarray) -> np.ndarray:
    """Mean of each row over its valid values, NaN for a row without one, shape (N,)."""
    valid = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(valid, values, 0.0).sum(axis=1) / valid.sum(axis=1))


def imputation_value(controls: np.ndarray, quantile: float) -> float:
    """Quantile of the curves' mean control intensities that are above 0."""
    means = _row_mean(controls)
    return float(np.quantile(means[np.isfinite(means) & (means != 0)], quantile))


def centre_medians(data: np.ndarray) -> np.ndarray:
    """Bring every column's log2 median to their common mean; 0 stays 0, missing stays missing.

    Parameters
    ----------
    data
        Intensities, shape (N, experiments).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(data > 0, np.log2(data), np.nan)
    medians = np.nanmedian(logs, axis=0)
    centred = 2 ** (logs + (medians.mean() - medians))
    return np.where(np.isnan(data), np.nan, np.nan_to_num(centred))


def _imputation_columns(imputed: np.ndarray, design: DoseDesign) -> pd.DataFrame:
    # CurveCurator names a position by the last word of the column's name.
    words = np.array([name.split(" ")[-1] for name in design.experiments], dtype=object)
    return pd.DataFrame(
        {
            "Imputation N": imputed.sum(axis=1),
            "Imputation Position": [";".join(words[row]) for row in imputed],
        }
    )
