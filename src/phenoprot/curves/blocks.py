"""What a worker process does: fit a block of a screen's curves.

This module imports what decides a fit and nothing else: its import closure is part of the key of
finished blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.files import write_parquet
from phenoprot.curves.columns import FILTER, LABEL, QUALITY, VALID_DOSES
from phenoprot.curves.design import DesignCurves
from phenoprot.curves.engine import TESTED, fit_curves
from phenoprot.curves.prepare import NO_CONTROL, TOO_MANY_IMPUTED, TOO_MANY_MISSING, prepare
from phenoprot.curves.reference import fit_parts
from phenoprot.curves.settings import CurveSettings, FitSettings
from phenoprot.curves.statistics import STATES
from phenoprot.curves.summary import COLUMNS

RESULT = "curves.parquet"
"""The file of a block."""
FITTED = (QUALITY, *COLUMNS, *TESTED, LABEL)
"""Columns of a fit."""


@dataclass(frozen=True)
class Block:
    """The payload of a shard."""

    parts: Sequence[DesignCurves]
    """Curves by dose design."""
    settings: CurveSettings
    """Options of the fit, and its engine."""


def fit_block(block: Block, folder: Path) -> None:
    """In a worker process: write the fits of a block."""
    write_parquet(folder / RESULT, fitted_rows(block))


def fitted_rows(block: Block) -> pd.DataFrame:
    """Fit the curves of a block.

    Returns
    -------
    pandas.DataFrame
        One row per curve, by dose design: its key, ``Valid_Doses``, ``Filter`` and `FITTED`; a
        curve that a filter removed has none of these but the filter.
    """
    fit = block.settings.fit_settings
    if block.settings.engine == "curvecurator":
        tables = fit_parts(block.parts, fit)
    else:
        tables = [_fitted(part, block.settings) for part in block.parts]
    rows = [_all_rows(part, t, fit) for part, t in zip(block.parts, tables, strict=True)]
    return pd.concat(rows, ignore_index=True)


def _fitted(part: DesignCurves, settings: CurveSettings) -> pd.DataFrame:
    """Fits of the batched engine; the index tells the curve."""
    fit = settings.fit_settings
    prepared = prepare(part.values, part.design, fit)
    fits = fit_curves(prepared, part.design, fit, device=settings.device)
    ratios = prepared.clipped[:, part.design.treated_columns]
    columns = {
        VALID_DOSES: (~np.isnan(ratios)).sum(axis=1),
        QUALITY: prepared.quality,
        **{name: fits.summaries[:, i] for i, name in enumerate(COLUMNS)},
        **{name: fits.tested[:, i] for i, name in enumerate(TESTED)},
        LABEL: np.array(["", *STATES[1:]], dtype=object)[fits.states],
    }
    return pd.DataFrame(columns, index=prepared.rows)


def _all_rows(part: DesignCurves, fitted: pd.DataFrame, fit: FitSettings) -> pd.DataFrame:
    """All curves of a dose design with their fit, or the filter that removed them."""
    fitted = fitted.reindex(index=np.arange(len(part.key)), columns=[VALID_DOSES, *FITTED])
    gone = fitted[VALID_DOSES].isna().to_numpy()
    out = pd.concat([part.key.reset_index(drop=True), fitted], axis=1)
    out[FILTER] = ""
    if gone.any():
        out.loc[gone, FILTER] = _reasons(part, gone, fit)
    return out


def _reasons(part: DesignCurves, gone: np.ndarray, fit: FitSettings) -> list[str]:
    """Filter of each removed curve: the first of `prepare`'s that removes it."""
    values = part.values[gone]
    plain = fit.model_copy(update={"imputation": False})
    unlimited = plain.model_copy(update={"max_missing": None})
    filled = set(prepare(values, part.design, plain).rows.tolist())
    controlled = set(prepare(values, part.design, unlimited).rows.tolist())
    reasons = []
    for row in range(len(values)):
        if row in filled:
            reasons.append(TOO_MANY_IMPUTED)
        else:
            reasons.append(TOO_MANY_MISSING if row in controlled else NO_CONTROL)
    return reasons
