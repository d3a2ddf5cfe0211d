"""Plates and wells: every replicate on a plate of its own, in a random order of its own."""

from __future__ import annotations

import string

import numpy as np
import pandas as pd

from phenoprot.core.random import stream
from phenoprot.phantom.settings import WELLS_PER_PLATE, PhantomSettings
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    WELL,
    WELL_KEY,
)

NEGATIVE_CONTROL_COMPOUND = "DMSO"
ROWS = string.ascii_uppercase[:16]
COLUMNS = range(1, WELLS_PER_PLATE // len(ROWS) + 1)
# Down one column and up the next: neighbours in this list are neighbours on the plate.
SNAKE = [
    f"{row}{column:02d}" for column in COLUMNS for row in (ROWS if column % 2 else reversed(ROWS))
]


def draw_plate(treatments: pd.DataFrame, n_controls: int, rng: np.random.Generator) -> pd.DataFrame:
    """Lay treatments and controls on one plate of 384 wells.

    The plate is cut into `n_controls` stretches of neighbouring wells and each gets one control at
    a random place (24 controls: one in each column), so that they meet every part of the plate.
    Treatments fill the other wells in random order; wells left over stay empty.

    Parameters
    ----------
    treatments
        Metadata_Compound and Metadata_Concentration, at most 384 - `n_controls` rows.
    n_controls
        Negative-control wells (count).
    rng
        Random stream of this plate.

    Returns
    -------
    wells
        Metadata_Well, compound, concentration (uM) and control type, one row per filled well.
    """
    stretches = np.array_split(np.array(SNAKE), n_controls)
    controls = [str(rng.choice(stretch)) for stretch in stretches]
    free = rng.permutation(np.setdiff1d(SNAKE, controls))[: len(treatments)]
    treated = treatments.copy()
    treated[WELL], treated[CONTROL] = free, ""
    control = pd.DataFrame(
        {
            WELL: controls,
            COMPOUND: NEGATIVE_CONTROL_COMPOUND,
            CONCENTRATION: 0.0,
            CONTROL: NEGATIVE_CONTROL,
        }
    )
    return pd.concat([treated, control], ignore_index=True)


def draw_wells(settings: PhantomSettings, compounds: list[str]) -> pd.DataFrame:
    """Lay the whole screen out.

    All doses of a compound share a plate, where they meet the same controls. Compounds that do not
    fit on one plate go to several (``PH01``, ``PH02``, ...), each made once per replicate
    (``PH01R1``, ``PH01R2``, ...).

    Returns
    -------
    wells
        The contract's wells table, sorted by plate and well.
    """
    n_layouts = -(-len(compounds) // settings.compounds_per_plate)
    plates = []
    for layout, members in enumerate(np.array_split(np.array(compounds), n_layouts), start=1):
        treatments = pd.MultiIndex.from_product(
            [members.tolist(), settings.concentrations], names=[COMPOUND, CONCENTRATION]
        ).to_frame(index=False)
        for replicate in range(1, settings.n_replicates + 1):
            plate = f"PH{layout:02d}R{replicate}"
            rng = stream(settings.seed, f"layout/{plate}")
            wells = draw_plate(treatments, settings.n_negative_controls, rng)
            plates.append(wells.assign(**{PLATE: plate}))
    table = pd.concat(plates)[[*WELL_KEY, COMPOUND, CONCENTRATION, CONTROL]]
    return table.sort_values(WELL_KEY, ignore_index=True)
