"""How far a value lies from the controls of its plate, with few controls and on many plates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    VALUE,
    WELL,
    WELL_KEY,
)
from phenoprot.validation.summaries_readout import MAD_TO_SD, MIN_CONTROLS, protein_summary


def plate(name: str, controls: list[float], treated: list[float]) -> pd.DataFrame:
    wells = [f"A{place:02d}" for place in range(1, len(controls) + len(treated) + 1)]
    table = pd.DataFrame({WELL: wells, VALUE: [*controls, *treated]})
    table[CONTROL] = [NEGATIVE_CONTROL] * len(controls) + [None] * len(treated)
    return table.assign(**{PLATE: name, PROTEIN: "AKT1"})


def farthest(*plates: pd.DataFrame) -> float:
    table = pd.concat(plates, ignore_index=True)
    readout = table[[*WELL_KEY, PROTEIN, VALUE]]
    summary = protein_summary(readout, "level", "t.parquet", table[[*WELL_KEY, CONTROL]], 1e4)
    return float(summary["farthest"].iloc[0])


STEPS = np.arange(MIN_CONTROLS) - (MIN_CONTROLS - 1) / 2
"""Controls around 0 whose median distance from 0 is a quarter of their number."""
SPREAD = MAD_TO_SD * MIN_CONTROLS / 4


def test_in_spreads_of_the_controls() -> None:
    assert farthest(plate("P1", [*STEPS], [50.0])) == pytest.approx(50 / SPREAD)


def test_few_controls_are_no_measure_of_spread() -> None:
    # Three values that happen to agree: 30,000 of their spreads away, an ordinary value.
    few = plate("P1", [10.0, 10.001, 10.001], [9.0, 11.0, 12.0, 13.0, 8.0, 40.0])
    assert farthest(few) < 30


def test_a_plate_whose_controls_happen_to_agree_is_judged_by_the_others() -> None:
    usual = [plate(f"P{number}", [*STEPS], []) for number in range(4)]
    narrow = plate("P9", [*(STEPS / 1e6)], [50.0])
    assert farthest(*usual, narrow) == pytest.approx(50 / SPREAD)


def test_a_wide_plate_is_judged_by_itself() -> None:
    usual = [plate(f"P{number}", [*STEPS], []) for number in range(4)]
    wide = plate("P9", [*(STEPS * 10)], [500.0])
    assert farthest(*usual, wide) == pytest.approx(50 / SPREAD)
