"""Labels and levels of a dose-response readout, from what the stage ``curves`` made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.curves.columns import CURVE_KEY, EFFECT, LABEL, PEC50, RATIO, P
from phenoprot.screens.contract import PROTEIN, TREATMENT_KEY
from phenoprot.wells.normalise import require_finite

LABEL_COLUMNS = [*CURVE_KEY, LABEL, EFFECT, P, PEC50]
"""Columns of ``curves.parquet`` that are labels: ``Label`` (up / down / not / empty =
unclassified), ``Effect`` (log2 fold change), ``P`` and ``pEC50`` of every compound and protein."""


def ratio_levels(ratios: pd.DataFrame) -> pd.DataFrame:
    """Ratio to the negative controls per treatment.

    Parameters
    ----------
    ratios
        Result of :func:`phenoprot.curves.designs.mean_ratios`.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and one float32 column per protein.

    Raises
    ------
    UserError
        A ratio is too large for single precision.
    """
    wide = ratios.pivot(index=TREATMENT_KEY, columns=PROTEIN, values=RATIO)
    wide.columns.name = None
    with np.errstate(over="ignore"):
        levels = wide.sort_index().astype(np.float32).reset_index()
    return require_finite(levels, "proteomics")
