"""Labels and levels of a dose-response readout, from its fitted curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.curves.labels import ratio_targets
from phenoprot.curves.settings import CurveSettings
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    PLATE,
    PROTEIN,
    TREATMENT_KEY,
    VALUE,
    WELL_KEY,
)
from phenoprot.wells.normalise import require_finite

_NAMES = {COMPOUND: "compound", CONCENTRATION: "concentration", PROTEIN: "gene", VALUE: "intensity"}


def long_readout(proteomics: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """The readout as the curve fits take it.

    Returns
    -------
    pandas.DataFrame
        compound, concentration, replicate (number of the well among those of its treatment),
        gene, intensity, plate.
    """
    placed = wells.sort_values(WELL_KEY)
    placed = placed.assign(replicate=placed.groupby(TREATMENT_KEY).cumcount() + 1)
    long = proteomics.merge(placed[[*WELL_KEY, *TREATMENT_KEY, "replicate"]], on=WELL_KEY)
    return long.rename(columns=_NAMES | {PLATE: "plate"})[
        ["compound", "concentration", "replicate", "gene", "intensity", "plate"]
    ]


def label_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Fitted curves in the schema of the labels.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Protein``, ``Label`` (up / down / not / empty =
        unclassified), ``Effect`` (log2 fold change), ``P``, ``pEC50``.
    """
    return pd.DataFrame(
        {
            COMPOUND: curves["compound"],
            PROTEIN: curves["gene"],
            "Label": curves["Curve Regulation"].fillna(""),
            "Effect": curves["Curve Fold Change"],
            "P": curves["Curve P_Value"],
            "pEC50": curves["pEC50"],
        }
    )


def ratio_levels(readout: pd.DataFrame, settings: CurveSettings) -> pd.DataFrame:
    """Ratio to the plate's negative controls per treatment, replicates averaged.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and one float32 column per protein.

    Raises
    ------
    UserError
        A ratio is so large that it has no place in single precision.
    """
    ratios = ratio_targets(readout, settings)
    wide = ratios.pivot(index=["compound", "concentration"], columns="gene", values="ratio")
    wide.index.names = TREATMENT_KEY
    wide.columns.name = None
    with np.errstate(over="ignore"):
        levels = wide.sort_index().astype(np.float32).reset_index()
    return require_finite(levels, "proteomics")
