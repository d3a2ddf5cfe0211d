from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.features.mae.embed import load_embedder
from phenoprot.features.mae.folder import FILES
from phenoprot.features.mae.method import MaeMethod
from phenoprot.features.mae.screen import control_crops, folder_fingerprint, train_screen
from phenoprot.imaging.crops.store import CropStore
from phenoprot.screens.contract import STAINS

from .toy import ArrayCrops, settings, write_crops

PIXELS = ArrayCrops(channels=5)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crops(tmp_path_factory.mktemp("crops"), PIXELS, "P1")


WELLS = pd.DataFrame(
    {
        "Metadata_Plate": "P1",
        "Metadata_Well": ["A01", "A02", "A03", "B01", "B02", "B03"],
        "Metadata_Control": ["", "negcon", "poscon", "", "", "negcon"],
    }
)


def test_the_controls_are_found(crops: Path) -> None:
    found = control_crops(CropStore.open(crops), WELLS)
    assert found.tolist() == [*PIXELS.fields[1], *PIXELS.fields[5]]


def test_a_screen_is_trained_and_embedded(crops: Path, tmp_path: Path) -> None:
    s = settings(model={"channels": 5}, steps=2)
    output = tmp_path / "out"
    train_screen(crops, WELLS, s, tmp_path / "work", output, "toy")
    assert {path.name for path in output.iterdir()} == set(FILES)
    controls = np.concatenate([PIXELS.fields[1], PIXELS.fields[5]])
    inside = (PIXELS.pixels[controls] > 0).any(axis=1)
    statistics = load_embedder(output).config.standardisation
    assert statistics.stains == STAINS
    for c in range(5):
        values = PIXELS.pixels[controls, c][inside] / 65535
        assert statistics.mean[c] == pytest.approx(values.mean())
    trained, initial = MaeMethod(output), MaeMethod(output, "initial")
    assert (trained.name, initial.name) == ("mae", "mae-untrained")
    assert trained.columns[:2] == ("mae_000", "mae_001")
    assert trained.fingerprint() != initial.fingerprint()
    first = CropStore.open(crops).read([0, 1, 2])
    values = trained.prepare()(first)
    assert values.shape == (3, len(trained.columns))
    assert np.array_equal(values, load_embedder(output)(PIXELS.pixels[:3]))


def test_without_controls_there_is_nothing_to_standardise_by(crops: Path, tmp_path: Path) -> None:
    treated = WELLS.assign(Metadata_Control="")
    s = settings(model={"channels": 5})
    with pytest.raises(UserError, match="no crop of a negative control"):
        train_screen(crops, treated, s, tmp_path / "work", tmp_path / "out", "toy")


def test_a_changed_file_is_another_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    before = folder_fingerprint(tmp_path)
    assert folder_fingerprint(tmp_path) == before
    (tmp_path / "a").write_bytes(b"2")
    assert folder_fingerprint(tmp_path) != before
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"1")
    assert folder_fingerprint(tmp_path) != before
