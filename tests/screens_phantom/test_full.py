"""The simulated screen of any size: the same bytes from a seed, and what was planted is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.screens_phantom.test_write import digests
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.phantom import full
from phenoprot.phantom.full import FullSettings, detection_limit, draw_proteins, simulate_full
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, CONTROL, PROTEIN, WELL_KEY
from phenoprot.screens.loader import load_screen

SMALL = FullSettings(compounds=200, proteins=50, features=40, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("full") / "full"
    simulate_full(SMALL, place)
    return place


def test_equal_settings_give_equal_bytes_and_another_seed_other_tables(
    folder: Path, tmp_path: Path
) -> None:
    options = ["--compounds", "200", "--proteins", "50", "--features", "40", "--seed"]
    for seed in "34":
        place = tmp_path / seed / "full"
        result = CliRunner().invoke(app, ["screens", "simulate-full", str(place), *options, seed])
        assert result.exit_code == 0, result.output
    assert digests(tmp_path / "3/full") == digests(folder)
    other = digests(tmp_path / "4/full")
    assert other.keys() == digests(folder).keys()
    assert not {*other.values()} & {*digests(folder).values()}


def test_parts_are_row_groups_and_change_no_value(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full, "PLATES_AT_ONCE", 2)
    monkeypatch.setattr(full, "COMPOUNDS_AT_ONCE", 30)
    simulate_full(SMALL, tmp_path / "full")
    groups = {"proteomics": 2, "profiles/simulated": 2, "truth/regulation": 7}
    for name, count in groups.items():
        one, many = (pq.ParquetFile(f / f"{name}.parquet") for f in (folder, tmp_path / "full"))
        assert many.num_row_groups == count
        assert many.read().equals(one.read())


def test_the_screen_holds_what_was_asked_for(folder: Path) -> None:
    screen = load_screen(folder)
    wells, readout, profile = screen.wells(), screen.proteomics(), screen.profile("simulated")
    treated = wells[wells[CONTROL] == ""]
    assert len(treated) == 200 * 5
    assert readout.drop_duplicates([*WELL_KEY, PROTEIN]).shape[0] == len(wells) * 50
    assert profile[WELL_KEY].equals(wells[WELL_KEY])
    assert profile.shape[1] == 2 + 40
    lost = readout["Value"].isna().mean()
    assert 0.02 < lost < 0.1


def test_ratios_to_the_controls_are_what_was_planted(folder: Path) -> None:
    """Mean log2 ratio at the highest dose, over proteins with a planted effect: slope 1."""
    screen = load_screen(folder)
    rows = screen.proteomics().merge(screen.wells(), on=WELL_KEY)
    rows["log2"] = np.log2(rows["Value"])
    control = rows[rows[CONTROL] == "negcon"].groupby(["Metadata_Plate", PROTEIN])["log2"].mean()
    rows["ratio"] = (
        rows["log2"] - rows.join(control, on=["Metadata_Plate", PROTEIN], rsuffix="0")["log20"]
    )
    truth = pd.read_parquet(folder / "truth/regulation.parquet")
    highest = rows[rows[CONCENTRATION] == rows[CONCENTRATION].max()]
    both = highest.merge(truth, on=[COMPOUND, PROTEIN], validate="1:1").dropna(subset="ratio")
    slope = np.polyfit(both["log2_fold_change"], both["ratio"], 1)
    np.testing.assert_allclose(slope, [1, 0], atol=0.03)


def test_features_answer_to_their_programmes(folder: Path) -> None:
    """Least squares of the features on the true activities and plates finds the loadings."""
    profile = load_screen(folder).profile("simulated")
    activity = pd.read_parquet(folder / "truth/activities.parquet").drop(columns=WELL_KEY)
    plates = pd.get_dummies(profile["Metadata_Plate"]).to_numpy(dtype=float)
    design = np.hstack([activity.to_numpy(), plates])
    found, *_ = np.linalg.lstsq(design, profile.iloc[:, 2:].to_numpy(dtype=float), rcond=None)
    truth = pd.read_parquet(folder / "truth/features.parquet").iloc[:, 1:].to_numpy()
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))[: activity.shape[1]]
    z = (found[: activity.shape[1]].T - truth) / error  # noise of sd 1: z is standard normal
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert z.std() == pytest.approx(1, abs=0.15)
    assert (truth == 0).all(axis=1).mean() == pytest.approx(1 / 3, abs=0.02)


def test_the_detection_limit_gives_the_share_of_missing_values() -> None:
    phantom = SMALL.phantom.model_copy(update={"missing_share": 0.2})
    proteins = draw_proteins(phantom)
    distance = (detection_limit(proteins, phantom) - proteins.intensity) / phantom.missing_scale
    assert np.mean(1 / (1 + np.exp(-distance))) == pytest.approx(0.2)
    assert detection_limit(proteins, phantom.model_copy(update={"missing_share": 0})) == -np.inf


def test_wrong_sizes_and_foreign_folders_are_refused(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["screens", "simulate-full", str(tmp_path), "--compounds", "2"])
    assert isinstance(run.exception, UserError)
    assert "compounds" in str(run.exception)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="exists and is not a phantom"):
        simulate_full(SMALL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
