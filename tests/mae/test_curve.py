"""The learning curve: its last column, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.mae.curve import app, compounds_needed
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("gain", "half"), [(0.026, 0.025), (0.018, 0.024), (0.05, 0.01)])
def test_with_as_many_compounds_four_of_five_intervals_lie_above_zero(
    gain: float, half: float
) -> None:
    there = half / np.sqrt(compounds_needed(gain, half))
    drawn = np.random.default_rng(0).normal(gain, there / 1.96, 200_000)
    assert np.mean(drawn - there > 0) == pytest.approx(0.8, abs=0.005)


def test_the_page_shows_the_table_of_the_file() -> None:
    told = CliRunner().invoke(app, ["table", str(ROOT / "benchmarks/mae/curve.csv")])
    assert told.exit_code == 0
    assert told.output.strip() in (ROOT / "docs/notes/mae.md").read_text(encoding="utf-8")
