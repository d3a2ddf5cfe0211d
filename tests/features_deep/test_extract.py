"""Embeddings through the extraction of a screen's features: fields, crops, and fields without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.crops.scenes import Scene, usual
from tests.execution.computations import in_process

from phenoprot.core.errors import UserError
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.features.extract import Sources, extract
from phenoprot.features.networks.settings import DeepSettings
from phenoprot.imaging.crops.run import crop_fields
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.store import CropStore

from .contract import embedding_method

ONE = ExecutionSettings(workers=1)
NAME = "timm:resnet10t-untrained"


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Two plates, three plate rows, five fields; one field has no cell, one only a cut one."""
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    return usual(tmp_path)


def settings(reads: str) -> DeepSettings:
    return DeepSettings.model_validate(
        {"timm": {"resnet10t": {"reads": reads, "size": 32, "standardisation": "controls"}}}
    )


def test_fields(scene: Scene, channels: Path) -> None:
    method = embedding_method(NAME, settings("fields"), channels)
    table = extract(method, Sources(scene.fields), scene.folder / "work", "toy", execution=ONE)
    images = np.stack(list(scene.images.values()))  # in the order of their keys
    expected = method.prepare()(images)
    np.testing.assert_allclose(table[list(method.columns)], expected, atol=1e-5)


def test_crops(scene: Scene, channels: Path) -> None:
    store_folder = scene.folder / "crops"
    crop_fields(
        scene.fields, scene.masks_folder, store_folder, scene.folder / "cut", "toy",
        CropSettings(size=24), ONE,
    )  # fmt: skip
    method = embedding_method(NAME, settings("crops"), channels)
    sources = Sources(scene.fields, crops=store_folder)
    table = extract(method, sources, scene.folder / "work", "toy", execution=ONE)
    store = CropStore.open(store_folder)
    measured = method.prepare()(store.read(np.arange(len(store))))
    values = table[list(method.columns)].to_numpy()
    counts = table["Metadata_CellCount"].to_numpy()
    # The third cell of the first field lies at the border, as does the only one of P1/B01.
    assert counts.tolist() == [2, 0, 1, 0, 2]
    assert np.isnan(values[counts == 0]).all()
    expected = [measured[:2].mean(axis=0), measured[2], measured[3:].mean(axis=0)]
    np.testing.assert_allclose(values[counts > 0], expected, atol=1e-5)


def test_weights_are_missed_before_any_work(scene: Scene, channels: Path, tmp_path: Path) -> None:
    chosen = DeepSettings.model_validate({"cloome": {"weights": {"file": "cloome-bioactivity"}}})
    method = embedding_method("cloome", chosen, channels, tmp_path / "weights")
    with pytest.raises(UserError, match="the weights 'cloome-bioactivity' are not there"):
        extract(method, Sources(scene.fields), scene.folder / "work", "toy", execution=ONE)
    assert not list((scene.folder / "work").rglob("*.parquet"))
