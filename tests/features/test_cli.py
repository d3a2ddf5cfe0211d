"""The commands of ``phenoprot features``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.crops.scenes import Scene
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.features import measured
from phenoprot.features.cellprofiler.method import CellProfiler
from phenoprot.features.cli import features_app

from .methods import Toy


@pytest.mark.usefixtures("here")
def test_cellprofiler(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scene.folder)
    toy = Toy("cells")  # the real one takes its time, and is tested with the rest
    for name in ("warm", "prepare", "fingerprint"):
        monkeypatch.setattr(CellProfiler, name, lambda _, name=name: getattr(toy, name)())
    monkeypatch.setattr(CellProfiler, "columns", toy.columns)
    command = ["cellprofiler", "images.csv", "--masks", "masks", "--output", "out/f.parquet"]
    result = CliRunner().invoke(features_app, command)
    assert result.exit_code == 0, result.output
    lines = result.output.split("\n")
    assert "5 fields, 5 cells, 2 fields without a cell; 3 features" in lines
    table = pd.read_parquet("out/f.parquet")
    assert table["Metadata_CellCount"].tolist() == [2, 0, 1, 0, 2]
    assert Path(".phenoprot/features").is_dir()
    result = CliRunner().invoke(features_app, [*command, "--keep-border"])
    assert pd.read_parquet("out/f.parquet")["Metadata_CellCount"].tolist() == [3, 0, 1, 1, 2]


def test_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"Metadata_Plate": ["P"], "Metadata_Well": ["A01"], "Metadata_Site": ["1"]}
    table = pd.DataFrame({**key, "Metadata_CellCount": [7], "Cells_AreaShape_Area": [2.5]})
    monkeypatch.setattr(measured, "import_cellprofiler", lambda *_: table)
    output = tmp_path / "f.parquet"
    result = CliRunner().invoke(features_app, ["import", "somewhere", "--output", str(output)])
    assert result.output == f"1 fields, 7 cells, 1 features\n{output}\n"
    pd.testing.assert_frame_equal(pd.read_parquet(output), table)


def test_import_of_nothing(tmp_path: Path) -> None:
    command = ["import", str(tmp_path), "--output", str(tmp_path / "f.parquet")]
    result = CliRunner().invoke(features_app, command)
    assert isinstance(result.exception, UserError)
    assert not (tmp_path / "f.parquet").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("f.csv", "does not end in .parquet"),
        ("folder.parquet", "is a folder, expected a file"),
        ("input.parquet", "is an input, too"),
        ("loop.parquet", "loop.parquet: is a link that leads back to itself"),
        ("images.csv/f.parquet", "which is a file"),
    ],
)
@pytest.mark.parametrize("command", ["import", "cellprofiler"])
def test_outputs_are_checked_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, output: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "input.parquet").write_text("mine")
    (tmp_path / "loop.parquet").symlink_to("loop.parquet")
    (tmp_path / "images.csv").write_text("no table")
    masks = ["--masks", "masks"] if command == "cellprofiler" else []
    arguments = [command, "input.parquet", *masks, "--output", output]
    result = CliRunner().invoke(features_app, arguments)
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert (tmp_path / "input.parquet").read_text() == "mine"


@pytest.mark.usefixtures("here")
def test_images_are_checked_before_the_work(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scene.folder)
    path = sorted((scene.folder / "images").glob("*_AGP.tiff"))[0]
    tifffile.imwrite(path, np.full((scene.size, scene.size), 7, np.uint16))
    command = ["cellprofiler", "images.csv", "--masks", "masks", "--output", "f.parquet"]
    result = CliRunner().invoke(features_app, command)
    assert isinstance(result.exception, UserError)
    assert "1 image(s) blank (all pixels equal): " in str(result.exception)
    assert path.name in str(result.exception)
