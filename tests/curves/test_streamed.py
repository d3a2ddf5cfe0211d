"""Curves of a large readout, block by block: the numbers of the readout as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.tables import read_parquet
from phenoprot.curves import streamed
from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.long import long_readout
from phenoprot.curves.position import without_position
from phenoprot.curves.screen import count_states, fit_screen
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.streamed import fit_screen_in_blocks, is_streamed
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.phantom.full import FullSettings, simulate_full
from phenoprot.screens import readout
from phenoprot.screens.contract import PROTEIN, VALUE
from phenoprot.screens.loader import Screen, load_screen

SETTINGS = CurveSettings(control_group=("Metadata_Plate",))
ONE = ExecutionSettings(workers=1)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    """Two plates, so that plates and compounds fall apart; 12 proteins."""
    folder = tmp_path_factory.mktemp("wide") / "full"
    simulate_full(FullSettings(compounds=90, proteins=12, features=1, seed=5), folder)
    return load_screen(folder)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch, wide: Screen) -> None:
    """Blocks of 3 proteins, chunks of about 20 compounds."""
    monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", 10)
    monkeypatch.setattr(readout, "VALUES_OF_BLOCK", 3 * len(wide.wells()))
    monkeypatch.setattr(streamed, "ROWS_OF_CHUNK", 12 * 20)


def at_once(screen: Screen, *, correct: bool) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    proteomics, terms = screen.proteomics(), ()
    if correct:
        proteomics, terms = without_position(proteomics, screen.wells())
    measured = screen_curves(long_readout(proteomics, screen.wells()), SETTINGS)
    fitted = fit_screen(measured, SETTINGS)
    counts = count_states(fitted) | {"position_terms": len(terms)}
    return fitted, mean_ratios(measured, SETTINGS), counts


def in_blocks(screen: Screen, folder: Path, *, correct: bool) -> dict[str, int]:
    return fit_screen_in_blocks(
        screen, SETTINGS, folder / "work", "toy", folder / "out", correct=correct, execution=ONE
    )


def require_equal(
    screen: Screen, folder: Path, counts: dict[str, int], *, correct: bool = False
) -> None:
    fitted, ratios, expected = at_once(screen, correct=correct)
    assert counts == expected
    for name, table in {"curves": fitted, "ratios": ratios}.items():
        found = read_parquet(folder / f"out/{name}.parquet")
        pd.testing.assert_frame_equal(found, table, check_exact=True)


@pytest.mark.usefixtures("blocks")
def test_blocks_give_the_numbers_of_the_whole(wide: Screen, tmp_path: Path) -> None:
    counts = in_blocks(wide, tmp_path, correct=False)
    require_equal(wide, tmp_path, counts)
    assert counts["curves"] == 90 * 12
    assert len(list((tmp_path / "work").glob("*/*/shard.json"))) == 4
    assert pq.ParquetFile(tmp_path / "out/curves.parquet").num_row_groups == 5


@pytest.fixture
def tilted(wide: Screen, tmp_path: Path) -> Screen:
    """The screen with a gradient over the plate, as a long table with rows in another order."""
    folder = tmp_path / "full"
    shutil.copytree(wide.folder, folder)
    long = wide.proteomics()
    column = long["Metadata_Well"].str[1:].astype(int)
    long[VALUE] = np.rint(long[VALUE] * 2 ** (column / 12))
    long.dropna().sort_values(PROTEIN, kind="stable").to_parquet(folder / "proteomics.parquet")
    return load_screen(folder)


@pytest.mark.usefixtures("blocks")
def test_the_position_is_chosen_over_all_proteins_and_removed(
    tilted: Screen, tmp_path: Path
) -> None:
    """A long table whose missing values have no row, corrected: terms and numbers agree."""
    counts = in_blocks(tilted, tmp_path, correct=True)
    assert counts["position_terms"] > 0
    require_equal(tilted, tmp_path, counts, correct=True)
    # What the choice rests on is kept: going on after a kill does not read all blocks for it again.
    shards = [*(tmp_path / "work").glob("*/*/shard.json")]
    assert sum("position" in path.parent.name for path in shards) == 4
    assert len(shards) == 8
    times = {path: path.stat().st_mtime_ns for path in shards}
    shutil.rmtree(next(path.parent for path in shards if "position" not in path.parent.name))
    assert in_blocks(tilted, tmp_path, correct=True) == counts
    assert sum(path.stat().st_mtime_ns != time for path, time in times.items()) == 1


@pytest.mark.usefixtures("blocks")
def test_finished_blocks_are_kept_and_changed_ones_made_again(
    tilted: Screen, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    in_blocks(tilted, tmp_path, correct=False)
    first = (tmp_path / "out/curves.parquet").read_bytes()
    done = sorted((tmp_path / "work").glob("*/*"))
    shutil.rmtree(done[1])
    times = {path: path.stat().st_mtime_ns for path in done if path.exists()}
    in_blocks(tilted, tmp_path, correct=False)
    assert (tmp_path / "out/curves.parquet").read_bytes() == first
    assert {path: path.stat().st_mtime_ns for path in times} == times
    table = read_parquet(tilted.folder / "proteomics.parquet")
    table.assign(Value=table[VALUE] * 2).to_parquet(tilted.folder / "proteomics.parquet")
    in_blocks(tilted, tmp_path, correct=False)
    assert len(list((tmp_path / "work").glob("*/*/shard.json"))) == 2 * len(done)


@pytest.mark.usefixtures("blocks")
def test_a_value_that_stands_twice_is_told(tilted: Screen, tmp_path: Path) -> None:
    table = read_parquet(tilted.folder / "proteomics.parquet")
    pd.concat([table, table.tail(2)]).to_parquet(tilted.folder / "proteomics.parquet")
    with pytest.raises(UserError, match=r"2 value\(s\) stand in the readout more than once"):
        in_blocks(tilted, tmp_path, correct=False)
    assert not (tmp_path / "out/curves.parquet").exists()


def test_what_is_streamed(wide: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_streamed(wide, SETTINGS)
    values = len(wide.wells()) * 12
    for limit, expected in ((values, False), (values - 1, True)):
        monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", limit)
        assert is_streamed(wide, SETTINGS) == expected
    for option in ({"normalization": True}, {"imputation": True}, {"engine": "curvecurator"}):
        assert not is_streamed(wide, SETTINGS.model_copy(update=option))
