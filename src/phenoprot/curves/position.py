"""The effect of the well's position, removed from intensities before curves are made of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.screens.contract import PROTEIN, VALUE, WELL_KEY
from phenoprot.wells.position import without_position_effects

POSITION_TERMS = "position_terms"
"""Key of counts: how many terms of the position's effect were removed."""
_LOG = "log2"


def without_position(
    proteomics: pd.DataFrame, wells: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Divide intensities by the effect of the well's position, as the negative controls show it.

    :func:`phenoprot.wells.position.without_position_effects` on log2 intensities, plate by plate.

    Parameters
    ----------
    proteomics
        ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Protein``, ``Value``, each key once.
        Values without a logarithm (0, negative, missing) are no part of it and stay.
    wells
        Plate layout.

    Returns
    -------
    proteomics
        Same rows and columns, in order.
    terms
        What was removed; empty: the table is as it was.
    """
    values = proteomics[VALUE].to_numpy(dtype=np.float64)
    there = np.isfinite(values) & (values > 0)
    logs = proteomics.loc[there, [*WELL_KEY, PROTEIN]].assign(**{_LOG: np.log2(values[there])})
    wide = logs.pivot(index=WELL_KEY, columns=PROTEIN, values=_LOG).reset_index()
    wide.columns.name = None
    corrected, terms = without_position_effects(wide, wells)
    if not terms:
        return proteomics, terms
    long = corrected.melt(id_vars=WELL_KEY, var_name=PROTEIN, value_name=_LOG).dropna()
    new = proteomics[[*WELL_KEY, PROTEIN]].merge(long, how="left", on=[*WELL_KEY, PROTEIN])
    levels = np.exp2(new[_LOG].to_numpy(dtype=np.float64))
    return proteomics.assign(**{VALUE: np.where(np.isnan(levels), values, levels)}), terms
