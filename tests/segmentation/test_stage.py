"""The segment stage: with images and truth, and without images."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from tests.segmentation.scenes import draw, write_screen
from tests.segmentation.test_run import CENTRES, SHAPE, write_truth

from phenoprot.core.folders import MARKER
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging.segmentation.settings import SegmentationSettings
from phenoprot.pipeline.stage import Job
from phenoprot.screens.contract import STAINS

SCRIPT = Path(__file__).parents[2] / "stages" / "segment.py"


def run(screen: str) -> None:
    spec = importlib.util.spec_from_file_location("segment_stage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    params = SimpleNamespace(segmentation=SegmentationSettings())
    module.segment(Job(screen, Path.cwd(), params, ExecutionSettings()))


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: None) -> dict[str, object]:
    """A screen folder, which is the working folder too; returns its screen.yaml."""
    write_screen(tmp_path, {key: draw(SHAPE, centres)[0] for key, centres in CENTRES.items()})
    keys = [key[:2] for key in CENTRES]
    wells = pd.DataFrame(keys, columns=["Metadata_Plate", "Metadata_Well"])
    wells.assign(
        Metadata_Compound="DMSO", Metadata_Concentration=0, Metadata_Control="negcon"
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


def test_masks_and_their_score(screen: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "screen.yaml").write_text(yaml.safe_dump(screen))
    write_truth(tmp_path / "truth" / "masks")
    run("s")
    folder = tmp_path / "data" / "masks" / "s"
    assert len(pd.read_parquet(folder / "objects.parquet")) == 4
    assert json.loads((folder / "score.json").read_text())["cells"]["average_precision"] == 1
    run("s")  # its own output, the score included, is replaced
    assert (folder / "score.json").is_file()


def test_a_screen_without_truth_has_no_score(screen: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "screen.yaml").write_text(yaml.safe_dump(screen))
    run("s")
    names = {path.name for path in (tmp_path / "data" / "masks" / "s").iterdir()}
    assert names == {"P1", "P2", "objects.parquet", "nuclei.json", MARKER}
