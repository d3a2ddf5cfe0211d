"""The command ``phenoprot segment``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.segmentation.scenes import draw, write_screen
from tests.segmentation.test_run import CENTRES, SHAPE
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.errors import UserError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: None) -> Path:
    write_screen(tmp_path, {key: draw(SHAPE, centres)[0] for key, centres in CENTRES.items()})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_segment(folder: Path) -> None:
    command = ["segment", "images.csv", "--output", "masks", "--workers", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "4 fields, 6 cells, 1 of them cut by the border; 0 dead cells left out" in result.output
    assert pd.read_parquet("masks/objects.parquet")["Count_Cells"].sum() == 6
    (folder / "params.yaml").write_text(
        "segmentation: {cellprofiler: {nucleus_diameter: 17.0, min_nucleus_area: 11.9}}\n"
    )
    result = CliRunner().invoke(app, [*command, "--params", "params.yaml"])
    assert "4 fields, 0 cells, 0 of them" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nucleus-diameter", "1"], "nucleus_diameter"),
        (["--method", "cellpose"], "cpsam"),
    ],
)
def test_bad_settings(folder: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["segment", "images.csv", "--output", "masks", *options])
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert not (folder / "masks").exists()
