"""A readout that is read in blocks of proteins is judged as the one that is read whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.tables import read_parquet
from phenoprot.phantom.full import FullSettings, simulate_full
from phenoprot.screens import readout
from phenoprot.screens.contract import PROTEIN, VALUE, WELL_KEY
from phenoprot.screens.loader import load_screen
from phenoprot.validation import checks
from phenoprot.validation.checks import validate_screen
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.normalise import normalise_to_controls


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large") / "full"
    simulate_full(FullSettings(compounds=80, proteins=10, features=3, seed=7), folder)
    return folder


def faulty(folder: Path, *, wide: bool) -> None:
    """Two spellings in different blocks, an empty, a constant and an outlying protein."""
    path = folder / "proteomics.parquet"
    table = read_parquet(path).rename(columns={"PHP10": "php01"})
    table["PHP02"], table["PHP03"] = np.nan, 7.0
    table.loc[3, "PHP04"] = 1e25
    table.loc[5, "PHP05"] = -1.0
    if not wide:
        table = table.melt(WELL_KEY, var_name=PROTEIN, value_name=VALUE)
        table = pd.concat([table, table.iloc[[7, 400]]])
        table.loc[11, "Metadata_Well"] = "Z99"
    table.to_parquet(path, index=False)


@pytest.mark.parametrize("form", ["clean", "wide", "long"])
def test_blocks_are_judged_as_the_whole(
    form: str, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "full"
    shutil.copytree(clean, folder)
    if form != "clean":
        faulty(folder, wide=form == "wide")
    screen, settings = load_screen(folder), ValidationSettings()
    whole = validate_screen(screen, settings, normalise_to_controls)
    monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", 10)
    monkeypatch.setattr(readout, "VALUES_OF_BLOCK", 3 * 448)
    in_blocks = validate_screen(screen, settings, normalise_to_controls)
    assert in_blocks == whole
    failed = {result.check for result in whole.results if not result.ok}
    if form == "clean":
        assert whole.ok
    else:
        assert {"protein_spelling", "readout_empty", "readout_constant", "readout_outlier",
                "intensity_positive"} <= failed  # fmt: skip
        assert ("key_unique" in failed) == (form == "long")


def test_the_whole_is_not_read(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", 10)
    monkeypatch.setattr(checks, "readout_batches", None)
    assert validate_screen(load_screen(clean), ValidationSettings(), normalise_to_controls).ok


def test_faults_of_the_table_are_told_as_of_the_whole(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "full"
    shutil.copytree(clean, folder)
    table = read_parquet(folder / "proteomics.parquet")
    table.assign(PHP07="high").to_parquet(folder / "proteomics.parquet")
    monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", 10)
    report = validate_screen(load_screen(folder), ValidationSettings(), normalise_to_controls)
    assert not report.ok
    assert [r.what for r in report.results if "hold no numbers: PHP07" in r.what]
