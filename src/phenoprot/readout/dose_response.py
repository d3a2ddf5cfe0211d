"""Labels and levels of a dose-response readout, from what the stage ``curves`` made of it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, quoted
from phenoprot.curves.columns import CURVE_KEY, EFFECT, LABEL, PEC50, RATIO, P
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN, TREATMENT_KEY
from phenoprot.wells.normalise import require_finite

LABEL_COLUMNS = [*CURVE_KEY, LABEL, EFFECT, P, PEC50]
"""Columns of ``curves.parquet`` that are labels: ``Label`` (up / down / not / empty =
unclassified), ``Effect`` (log2 fold change), ``P`` and ``pEC50`` of every compound and protein."""


def ratio_levels(ratios: pd.DataFrame, levels: Literal["log2", "ratio"]) -> pd.DataFrame:
    """Ratio to the negative controls per treatment, or its log2.

    Parameters
    ----------
    ratios
        Result of :func:`phenoprot.curves.designs.mean_ratios`.
    levels
        ``log2`` or ``ratio``.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and one float32 column per protein.

    Raises
    ------
    UserError
        A ratio has no logarithm, or is too large for single precision.
    """
    if levels == "log2":
        ratios = ratios.assign(**{RATIO: _log2(ratios)})
    wide = ratios.pivot(index=TREATMENT_KEY, columns=PROTEIN, values=RATIO)
    wide.columns.name = None
    with np.errstate(over="ignore"):
        table = wide.sort_index().astype(np.float32).reset_index()
    return require_finite(table, "proteomics")


def _log2(ratios: pd.DataFrame) -> pd.Series:
    """Logarithms of the ratios, which must be positive."""
    none = ratios[ratios[RATIO] <= 0]
    if len(none):
        first = none.iloc[0]
        raise UserError(
            f"{len(none)} of {len(ratios)} ratio(s) to the negative controls are 0 or less and "
            f"have no logarithm, e.g. {first[RATIO]:g} of {quoted(first[PROTEIN])} under "
            f"{quoted(first[COMPOUND])} at {first[CONCENTRATION]:g}",
            where="proteomics",
            remedy="Set labels.levels: ratio, or curves.ratio_range to clip ratios from above 0.",
        )
    return np.log2(ratios[RATIO])
