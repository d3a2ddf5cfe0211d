"""The command ``phenoprot segment``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from tests.segmentation.scenes import draw, write_screen
from tests.segmentation.test_run import CENTRES, SHAPE
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.imaging.segmentation.pictures import NUCLEUS_COLOUR


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


def test_outlines(folder: Path) -> None:
    command = ["segment", "images.csv", "--output", "masks", "--workers", "1", "--outlines", "png"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    names = {path.relative_to("png").as_posix() for path in Path("png").rglob("*.png")}
    assert names == {f"{plate}/{well}_s{site}.png" for plate, well, site in CENTRES}
    picture = np.asarray(Image.open("png/P1/A01_s1.png"))
    assert picture.shape == (*SHAPE, 3)
    assert (picture == NUCLEUS_COLOUR).all(axis=-1).any()


def replaced(folder: Path, stain: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change the images of a stain."""
    for path in folder.glob(f"*_{stain}.tiff"):
        tifffile.imwrite(path, change(tifffile.imread(path)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (np.zeros_like, "4 image(s) blank (all pixels equal): "),
        (lambda image: image // 4 + 2**15, "4 image(s) whose black is not 0: "),
        (lambda image: np.minimum(image, 400), "image(s) saturated: "),
        (lambda image: image[:-1], "4 image(s) unlike the first image of their field"),
        (lambda image: np.stack([image] * 2), "4 image(s) not one grey image: "),
    ],
)
def test_what_the_stage_images_refuses_is_refused(
    folder: Path, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    replaced(folder, "RNA", change)
    command = ["segment", "images.csv", "--output", "masks", "--workers", "1"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert "_RNA.tiff" in str(result.exception)
    assert not (folder / "masks").exists()


def test_the_limit_of_saturation_is_that_of_params(folder: Path) -> None:
    replaced(folder, "RNA", lambda image: np.minimum(image, 400))
    command = ["segment", "images.csv", "--output", "masks", "--workers", "1"]
    (folder / "params.yaml").write_text("images: {max_saturated_share: 1.0}\n")
    result = CliRunner().invoke(app, [*command, "--params", "params.yaml"])
    assert result.exit_code == 0, result.output


def test_an_output_that_is_not_ours_is_refused_first(folder: Path) -> None:
    (folder / "masks").mkdir()
    (folder / "masks" / "thesis.txt").write_text("mine")
    (folder / "images.csv").write_text("no table")
    result = CliRunner().invoke(app, ["segment", "images.csv", "--output", "masks"])
    assert isinstance(result.exception, UserError)
    assert "thesis.txt" in str(result.exception)
    assert (folder / "masks" / "thesis.txt").read_text() == "mine"
