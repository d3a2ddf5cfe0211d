"""From intensities to ratios: the filters, imputation and normalisation before the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phenoprot.curves.design import DoseDesign
from phenoprot.curves.settings import FitSettings

TOO_MANY_MISSING = "too many missing values"
TOO_MANY_IMPUTED = "too many imputed values"
NO_CONTROL = "no valid control"


@dataclass(frozen=True)
class Prepared:
    """The n curves that no filter removed; columns are the experiments of the design."""

    rows: np.ndarray
    """(n,): their row in the table that was given."""
    values: np.ndarray
    """(n, experiments): intensities, with the imputed ones."""
    imputed: np.ndarray
    """(n, experiments) bool: which intensities are imputed."""
    levelled: np.ndarray
    """(n, experiments): intensities after the normalisation; `values` if there is none."""
    ratios: np.ndarray
    """(n, experiments): ratios to the mean control."""
    clipped: np.ndarray
    """(n, experiments): ratios within ``ratio_range``, which the fit uses."""
    quality: np.ndarray
    """(n,): log2 of the mean control intensity."""


def prepare(values: np.ndarray, design: DoseDesign, settings: FitSettings) -> Prepared:
    """Filter, impute, normalise and divide by the mean control, in CurveCurator's order.

    A value of 0 counts as missing for `max_missing` and is no control, but it is a ratio of 0 for
    the fit.

    Parameters
    ----------
    values
        Intensities, (N, experiments) float64, NaN where missing.
    design
        Doses and controls of the experiments.
    settings
        Options of the filters. The imputed value and the normalisation depend on all N curves.
    """
    data = values
    controls, dosed = design.control_columns, design.treated_columns
    rows = np.arange(len(data))
    if settings.max_missing is not None:
        absent = np.isnan(data[:, dosed]) | (data[:, dosed] == 0)
        keep = absent.sum(axis=1) <= settings.max_missing
        data, rows = data[keep], rows[keep]
    imputed = np.zeros(data.shape, dtype=bool)
    if settings.imputation:
        value = imputation_value(data[:, controls], settings.imputation_pct)
        imputed = np.isnan(data) | (data < value)
        data = np.where(imputed, value, data)
        limit = len(design.experiments) if settings.max_missing is None else settings.max_missing
        keep = imputed.sum(axis=1) <= limit
        data, rows, imputed = data[keep], rows[keep], imputed[keep]
    levelled = centre_medians(data) if settings.normalization else data
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = levelled / _row_mean(levelled[:, controls])[:, None]
    ratios[np.isposinf(ratios)] = np.nan
    keep = (np.nan_to_num(ratios[:, controls]) != 0).any(axis=1)
    if not keep.all():  # else spare the copies
        data, levelled, ratios, rows = data[keep], levelled[keep], ratios[keep], rows[keep]
        imputed = imputed[keep]
    clipped = ratios if settings.ratio_range is None else np.clip(ratios, *settings.ratio_range)
    with np.errstate(divide="ignore"):
        quality = np.log2(_row_mean(data[:, controls]))
    return Prepared(rows, data, imputed, levelled, ratios, clipped, quality)


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
