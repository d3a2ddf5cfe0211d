"""CurveCurator's tables: its names of columns, and the batched engine from table to table.

The rest of the package works on arrays, and names columns as the screen contract does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.curves.design import DoseDesign
from phenoprot.curves.engine import TESTED, Fits, fit_curves
from phenoprot.curves.prepare import Prepared, prepare
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.statistics import STATES
from phenoprot.curves.summary import COLUMNS

NAMES = {
    "pEC50": "pEC50",
    "Slope": "Curve Slope",
    "Front": "Curve Front",
    "Back": "Curve Back",
    "Effect": "Curve Fold Change",
    "AUC": "Curve AUC",
    "RMSE": "Curve RMSE",
    "R2": "Curve R2",
    "pEC50_Error": "pEC50 Error",
    "Slope_Error": "Curve Slope Error",
    "Front_Error": "Curve Front Error",
    "Back_Error": "Curve Back Error",
    "Null_Model": "Null Model",
    "Null_RMSE": "Null RMSE",
    "F": "Curve F_Value",
    "P": "Curve P_Value",
    "Log_P": "Curve Log P_Value",
    "F_Adjusted": "Curve F_Value SAM Corrected",
    "Relevance": "Curve Relevance Score",
}
"""CurveCurator's names of `summary.COLUMNS` and `engine.TESTED`."""
NAME = "Name"
DUPLICATES = "N duplicates"
SIGNAL = "Signal Quality"
REGULATION = "Curve Regulation"
"""The call; empty for unclassified curves."""


def raw(names: tuple[str, ...]) -> list[str]:
    """Intensity columns of the experiments `names`."""
    return [f"Raw {name}" for name in names]


def normalized(names: tuple[str, ...]) -> list[str]:
    """Normalised intensity columns of the experiments `names`."""
    return [f"Normalized {name}" for name in names]


def ratio(names: tuple[str, ...]) -> list[str]:
    """Ratio columns of the experiments `names`."""
    return [f"Ratio {name}" for name in names]


def fit_table(
    table: pd.DataFrame,
    design: DoseDesign,
    settings: FitSettings,
    threads: int = 1,
    device: str | None = None,
) -> pd.DataFrame:
    """Filter, normalise and fit a table of curves as CurveCurator does.

    Parameters
    ----------
    table
        ``Name`` (unique) and ``Raw <experiment>`` columns.
    design
        Doses and controls of the experiments.
    settings
        Options of the fit.
    threads
        Threads that share the curves; no result depends on it.
    device
        Torch device to search on, e.g. ``cuda``; None is the compiled code on the CPU.

    Returns
    -------
    curves
        CurveCurator's columns in its order; rows that a filter removed are left out, the others
        keep their order.
    """
    values = table[raw(design.experiments)].to_numpy(dtype=np.float64, copy=True)
    prepared = prepare(values, design, settings)
    fits = fit_curves(prepared, design, settings, threads, device)
    parts = [_named(table, prepared.rows), *_intensities(prepared, design, settings), *_fits(fits)]
    # All parts are new and count their rows from 0: none needs a copy.
    return pd.concat(parts, axis=1, copy=False)


def _named(table: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Names of the curves, and how many rows of the input each was summed from."""
    names = table[[NAME]].iloc[rows].reset_index(drop=True)
    names[DUPLICATES] = table[DUPLICATES].to_numpy()[rows] if DUPLICATES in table else 1
    return names


def _intensities(
    prepared: Prepared, design: DoseDesign, settings: FitSettings
) -> list[pd.DataFrame]:
    """What was measured and what became of it before the fit."""
    experiments, controls = design.experiments, design.control_columns
    parts = [pd.DataFrame(prepared.values, columns=raw(experiments))]
    if settings.imputation:
        parts.append(_imputation(prepared.imputed, design))
    if settings.normalization:
        parts.append(pd.DataFrame(prepared.levelled, columns=normalized(experiments)))
    parts.append(pd.DataFrame(prepared.clipped, columns=ratio(experiments)))
    if len(controls) > 1:
        spread = pd.DataFrame(prepared.ratios[:, controls]).std(axis=1)
        parts.append(spread.rename("Control Ratio Std").to_frame())
    return [*parts, pd.DataFrame({SIGNAL: prepared.quality})]


def _imputation(imputed: np.ndarray, design: DoseDesign) -> pd.DataFrame:
    # CurveCurator names a position by the last word of the column's name.
    words = np.array([name.split(" ")[-1] for name in design.experiments], dtype=object)
    return pd.DataFrame(
        {
            "Imputation N": imputed.sum(axis=1),
            "Imputation Position": [";".join(words[row]) for row in imputed],
        }
    )


def _fits(fits: Fits) -> list[pd.DataFrame]:
    calls = np.array([np.nan, *STATES[1:]], dtype=object)
    return [
        pd.DataFrame(fits.summaries[:, : len(COLUMNS)], columns=[NAMES[name] for name in COLUMNS]),
        pd.DataFrame(fits.tested, columns=[NAMES[name] for name in TESTED]),
        pd.DataFrame({REGULATION: calls[fits.states]}),
    ]


def leave_few_doses(curves: pd.DataFrame, design: DoseDesign, minimum: int) -> int:
    """Remove the call of curves with fewer than `minimum` valid doses, in place; return how many.

    CurveCurator calls curves of 4 doses too, where the critical F is 53.5 (14.6 with 5).
    """
    few = curves[ratio(design.treated)].notna().sum(axis=1) < minimum
    curves[REGULATION] = curves[REGULATION].astype(object)
    curves.loc[few, REGULATION] = np.nan
    return int(few.sum())
