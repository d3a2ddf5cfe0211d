"""Curves in shards: the same bytes with any number of workers, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.curves.screens import PROTEINS_OF_MANY, SETTINGS, many_proteins, screen
from tests.execution.test_kill import until

from phenoprot.core.files import write_parquet
from phenoprot.curves.designs import ScreenCurves, screen_curves
from phenoprot.curves.screen import fit_screen, fit_screen_in_shards, plan
from phenoprot.execution.settings import ExecutionSettings

ROOT = Path(__file__).parents[2]
ONE = ExecutionSettings(workers=1)
CHANGES = [
    {"alpha": 0.01},
    {"max_missing": 1},
    {"engine": "curvecurator"},
]


@pytest.fixture(scope="module")
def curves() -> ScreenCurves:
    """Three proteins in three dose designs, and a compound of one dose."""
    return screen_curves(screen(), SETTINGS)


def table_bytes(curves: pd.DataFrame, folder: Path) -> bytes:
    write_parquet(folder / "table.parquet", curves)
    return (folder / "table.parquet").read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_give_the_bytes_of_the_whole(
    curves: ScreenCurves, workers: int, tmp_path: Path
) -> None:
    some = ExecutionSettings(workers=workers)
    fitted = fit_screen_in_shards(curves, SETTINGS, tmp_path / "work", "toy", some, 1)
    assert table_bytes(fitted, tmp_path) == table_bytes(fit_screen(curves, SETTINGS), tmp_path)
    assert len(list((tmp_path / "work").glob("*/*/curves.parquet"))) == 3


def test_shards_are_blocks_of_proteins(curves: ScreenCurves) -> None:
    names = [shard.name for shard in plan(curves.designs, SETTINGS, 5)]
    assert names == ["down to flat", "up to up"]
    assert [s.name for s in plan(curves.designs, SETTINGS, 9)] == ["down to up"]
    parts = [shard.payload.parts for shard in plan(curves.designs, SETTINGS, 5)]
    assert [[len(part.key) for part in some] for some in parts] == [[2, 2, 2], [1, 1, 1]]


def test_imputation_needs_all_curves_at_once(curves: ScreenCurves) -> None:
    settings = SETTINGS.model_copy(update={"imputation": True})
    assert len(plan(curves.designs, settings, 1)) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_settings_of_the_fit_are_in_the_key(curves: ScreenCurves, change: dict) -> None:
    (before,) = plan(curves.designs, SETTINGS, 9)
    (after,) = plan(curves.designs, SETTINGS.model_copy(update=change), 9)
    assert before.fingerprint != after.fingerprint


def test_what_changes_no_fit_is_not_in_the_key(curves: ScreenCurves) -> None:
    (before,) = plan(curves.designs, SETTINGS, 9)
    other = SETTINGS.model_copy(update={"minimum_valid_doses": 6})
    (after,) = plan(curves.designs, other, 9)
    assert before.fingerprint == after.fingerprint


@pytest.mark.parametrize("column", ["Value", "Metadata_Concentration"])
def test_the_data_of_a_block_are_in_its_key(curves: ScreenCurves, column: str) -> None:
    table = screen()
    rows = (table["Metadata_Protein"] == "up") & (table["Metadata_Compound"] == "c")
    if column == "Metadata_Concentration":
        rows = table["Metadata_Compound"] == "c"
    table.loc[rows, column] *= 1.5
    changed = plan(screen_curves(table, SETTINGS).designs, SETTINGS, 1)
    same = [
        before.fingerprint == after.fingerprint
        for before, after in zip(plan(curves.designs, SETTINGS, 1), changed, strict=True)
    ]
    assert same == ([True, True, False] if column == "Value" else [False] * 3)


def test_a_screen_without_curves_to_fit_has_no_shard(tmp_path: Path) -> None:
    table = screen()
    one_dose = table[table["Metadata_Compound"].isin(["d", "DMSO"])]
    few = screen_curves(one_dose, SETTINGS)
    fitted = fit_screen_in_shards(few, SETTINGS, tmp_path / "work", "toy")
    assert fitted["Filter"].tolist() == ["fewer than 4 treated samples"] * 3
    assert fitted["Label"].tolist() == [""] * 3
    pd.testing.assert_frame_equal(fitted, fit_screen(few, SETTINGS))


def finished(work: Path) -> dict[Path, int]:
    """Finished shards and when they were written, while a run may be at work."""
    folders = [Path(name) for name, _, files in os.walk(work) if "shard.json" in files]
    whole = [folder for folder in folders if not folder.name.startswith(".")]
    return {folder: (folder / "shard.json").stat().st_mtime_ns for folder in whole}


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    work = tmp_path / "work"
    curves = screen_curves(many_proteins(), SETTINGS)
    expected = table_bytes(fit_screen(curves, SETTINGS), tmp_path)  # compiles the kernels, too
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.curves.shards_driver", str(work)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: len(finished(work)) > 0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = finished(work)
    assert 0 < len(before) < PROTEINS_OF_MANY
    fitted = fit_screen_in_shards(curves, SETTINGS, work, "toy", ONE, 1)
    after = finished(work)
    assert len(after) == PROTEINS_OF_MANY
    assert {folder: after[folder] for folder in before} == before
    assert table_bytes(fitted, tmp_path) == expected
