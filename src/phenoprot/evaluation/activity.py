"""Which compounds are active, and how many treatments at each concentration."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.evaluation.results import ActivityCounts, DoseActivity
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, TREATMENT_KEY

ACTIVE, FIRST = "active", "first_active_concentration"
TREATMENTS, COMPOUNDS = "treatments.parquet", "compounds.parquet"
"""Files of the activity stage: one line per treatment, and per compound."""


def read_activity(folder: Path) -> tuple[ActivityCounts, dict[str, bool]] | None:
    """Counts by concentration, and whether each tested compound is active.

    Parameters
    ----------
    folder
        Output of the activity stage.

    Returns
    -------
    tuple or None
        None: no treatment was tested, for want of replicates or of the stage.

    Raises
    ------
    UserError
        A table is damaged.
    """
    if not (folder / TREATMENTS).is_file():
        return None
    treatments = read_table(folder / TREATMENTS, [*TREATMENT_KEY, ACTIVE])
    compounds = read_table(folder / COMPOUNDS, [COMPOUND, ACTIVE, FIRST])
    counts = activity_counts(treatments, compounds)
    tested = compounds.dropna(subset=[ACTIVE])
    active = dict(zip(tested[COMPOUND], tested[ACTIVE].astype(bool), strict=True))
    return (counts, active) if active else None


def activity_counts(treatments: pd.DataFrame, compounds: pd.DataFrame) -> ActivityCounts:
    """Treatments tested and active at each concentration, and where compounds begin to act.

    Parameters
    ----------
    treatments
        Compound, concentration and ``active``, missing where there was no test.
    compounds
        Compound, ``active`` and ``first_active_concentration``.
    """
    tested = treatments.dropna(subset=[ACTIVE])
    known = compounds.dropna(subset=[ACTIVE])
    doses = [
        DoseActivity(
            concentration=float(dose),
            n=len(own),
            n_active=int(own[ACTIVE].astype(bool).sum()),
            n_first=int((known[FIRST] == dose).sum()),
        )
        for dose, own in tested.groupby(CONCENTRATION)
    ]
    n_active = int(known[ACTIVE].astype(bool).sum())
    untested = len(treatments) - len(tested)
    return ActivityCounts(
        doses=doses, n_compounds=len(known), n_active=n_active, n_untested=untested
    )
