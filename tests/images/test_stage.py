"""The images stage: with images, with bad ones, and without."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from phenoprot.core.errors import UserError
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging.settings import ImageSettings
from phenoprot.pipeline.stage import Job
from phenoprot.screens.contract import STAINS
from phenoprot.screens.load_data import read_load_data

from .conftest import Screen

SCRIPT = Path(__file__).parents[2] / "stages" / "images.py"


@pytest.fixture
def screen(
    make_fields: Screen, here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """A screen folder, which is the working folder too; returns its screen.yaml."""
    make_fields([("P1", "A01", "1"), ("P1", "A02", "1")])
    pd.DataFrame(
        {
            "Metadata_Plate": "P1",
            "Metadata_Well": ["A01", "A02"],
            "Metadata_Compound": ["DMSO", "a"],
            "Metadata_Concentration": [0, 1],
            "Metadata_Control": ["negcon", ""],
        }
    ).to_csv(tmp_path / "wells.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return {
        "name": tmp_path.name,
        "title": "t",
        "organism": "o",
        "cell_line": "c",
        "stains": list(STAINS),
        "concentration_unit": "uM",
        "negative_control": "DMSO",
        "sources": [{"repository": "r", "commit": "0", "licence": "l", "content": "c"}],
        "caveats": [],
        "tables": {"wells": "wells.csv", "images": "images.csv"},
    }


@pytest.fixture
def stage(tmp_path: Path) -> Callable[[], None]:
    """The stage on that screen."""
    spec = importlib.util.spec_from_file_location("stage_images", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    params = SimpleNamespace(images=ImageSettings())
    return partial(module.images, Job("mini", tmp_path, params, ExecutionSettings()))


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    folder = tmp_path / "mini"
    folder.mkdir()
    return folder


def results(folder: Path) -> tuple[dict, dict]:
    folder /= "data/images/mini"
    return tuple(
        json.loads((folder / name).read_text()) for name in ("checks.json", "channels.json")
    )


def test_sound_images(screen: dict, stage: Callable[[], None], tmp_path: Path) -> None:
    (tmp_path / "screen.yaml").write_text(yaml.safe_dump(screen))
    stage()
    checks, channels = results(tmp_path)
    assert (checks["images"], checks["faults"]) == (10, {})
    assert set(channels) == set(STAINS)
    assert all(channel["fields"] == 1 for channel in channels.values())


def test_bad_images_stop_the_stage_and_are_listed(
    screen: dict, stage: Callable[[], None], tmp_path: Path
) -> None:
    (tmp_path / "screen.yaml").write_text(yaml.safe_dump(screen))
    Path(read_load_data(tmp_path / "images.csv").loc[1, "URL_AGP"]).unlink()
    with pytest.raises(UserError, match=r"images\.csv: 1 image\(s\) missing: .*P1_A02_1_AGP"):
        stage()
    checks = json.loads((tmp_path / "data/images/mini/checks.json").read_text())
    assert len(checks["faults"]["missing"]) == 1
    assert not (tmp_path / "data/images/mini/channels.json").exists()
