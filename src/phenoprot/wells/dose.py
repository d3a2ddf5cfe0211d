"""The treatments of a screen, and their concentration as the only feature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import CONCENTRATION, TREATMENT_KEY, treated_wells
from phenoprot.wells.names import DOSE


def treatments(wells: pd.DataFrame) -> pd.DataFrame:
    """All treatments of the layout: ``Metadata_Compound``, ``Metadata_Concentration``, sorted."""
    unique = treated_wells(wells)[TREATMENT_KEY].drop_duplicates()
    return unique.sort_values(TREATMENT_KEY, ignore_index=True)


def concentration_profile(wells: pd.DataFrame) -> pd.DataFrame:
    """Decimal logarithm of each treatment's concentration: what the dose alone can tell.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and ``Concentration_Log10`` (float32, of
        the screen's unit); one row per treatment, sorted.

    Raises
    ------
    UserError
        All treatments have one concentration.
    """
    table = treatments(wells)
    if table[CONCENTRATION].nunique() < 2:
        raise UserError(
            "all treatments have one concentration, which can tell nothing",
            where=DOSE,
            remedy=f"Take {DOSE} out of the rows of this screen in params.yaml.",
        )
    return table.assign(Concentration_Log10=np.log10(table[CONCENTRATION]).astype(np.float32))
