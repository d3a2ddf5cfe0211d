"""``phenoprot images``: where things are drawn, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.crops.scenes import Scene, usual
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.imaging.quality.outliers import NUMBERS, write_quality
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.imaging.show.draw import (
    CAPTION,
    CELL,
    COMPOSITE,
    NUCLEUS,
    PAPER,
    bar_length,
    captioned,
    coloured,
    colours_of,
    grey,
    outlined,
    shared_ranges,
    with_scale,
)
from phenoprot.imaging.show.maps import plate_grid, row_name, well_place
from phenoprot.imaging.show.sheet import cells_of
from phenoprot.screens.contract import STAINS


@pytest.mark.parametrize(
    ("well", "place"),
    [("A01", (0, 0)), ("B03", (1, 2)), ("P24", (15, 23)), ("Z01", (25, 0)), ("AF48", (31, 47))],
)
def test_places_of_wells(well: str, place: tuple[int, int]) -> None:
    assert well_place(well) == place
    assert f"{row_name(place[0])}{place[1] + 1:02}" == well


@pytest.mark.parametrize(
    ("wells", "shape"),
    [
        (["B03"], (2, 3)),
        (["A01", "H12"], (8, 12)),
        (["I01"], (16, 24)),
        (["A13"], (16, 24)),
        (["Q01"], (32, 48)),
    ],
)
def test_plate_formats(wells: list[str], shape: tuple[int, int]) -> None:
    grid = plate_grid(pd.Series(range(len(wells)), index=wells))
    assert grid.shape == shape
    for value, well in enumerate(wells):
        assert grid[well_place(well)] == value
    assert np.isnan(grid).sum() == grid.size - len(wells)


def test_a_well_beyond_all_plates() -> None:
    with pytest.raises(UserError, match="well A49 lies beyond a plate of 32 x 48 wells"):
        plate_grid(pd.Series([1, 2], index=["A01", "A49"]))


@pytest.mark.parametrize(
    ("longest", "length"), [(1, 1), (1.99, 1), (2, 2), (49, 20), (50, 50), (162, 100), (0.3, 0.2)]
)
def test_lengths_of_scale_bars(longest: float, length: float) -> None:
    assert bar_length(longest) == pytest.approx(length)


def test_a_scale_bar_has_its_length() -> None:
    dark = np.zeros((100, 400, 3), np.uint8)
    drawn = with_scale(dark, 0.5)  # 200 um wide: a bar of 50 um, 100 px
    assert (drawn[-10] == PAPER).all(axis=-1).sum() in (98, 99, 100)
    assert not drawn[: -2 * CAPTION].any()
    assert captioned(dark, [("P1", PAPER)]).shape == (100 + CAPTION, 400, 3)


def test_brightness_and_colours() -> None:
    field = np.zeros((5, 4, 4), np.float32)
    field[STAINS.index("DNA"), 0, 0] = 0.5
    field[STAINS.index("AGP"), 0, 1] = 0.25
    ranges = dict.fromkeys(STAINS, (0.0, 0.5))
    assert grey(field[0], ranges["DNA"])[0, 0].tolist() == [255] * 3
    drawn = coloured(field, ("DNA", "RNA", "AGP"), ranges)
    assert drawn[0, 0].tolist() == list(COMPOSITE["DNA"])
    half = 0.5**0.6  # gamma
    assert drawn[0, 1].tolist() == [round(half * value) for value in COMPOSITE["AGP"]]
    assert not drawn[1:].any()
    # A stain without a colour of its own takes one that is free.
    assert colours_of(("ER", "AGP")) == {"ER": COMPOSITE["DNA"], "AGP": COMPOSITE["AGP"]}


def test_outlines() -> None:
    nuclei, cells = np.zeros((2, 9, 9), dtype=np.int32)
    cells[1:8, 1:8] = nuclei[3:6, 3:6] = 1
    drawn = outlined(np.zeros((9, 9, 3), np.uint8), Masks(nuclei, cells))
    orange = (drawn == CELL).all(axis=-1)
    assert orange.sum() == 49 - 25
    assert orange[1, 1:8].all()
    assert (drawn == NUCLEUS).all(axis=-1).sum() == 9 - 1
    assert not drawn[4, 4].any()


def test_ranges_are_those_of_the_median_field() -> None:
    fields = [np.full((5, 10, 10), level, np.float32) for level in (0.1, 0.2, 0.9)]
    assert shared_ranges(fields)["ER"] == pytest.approx((0.2, 0.2))


def test_cells_of_the_sheet(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    field = scene.images["P1/A01/1"] / np.float32(65535)
    cells = cells_of(field, scene.masks["P1/A01/1"], 12, "A01 s1")
    assert [(cell.name, cell.label) for cell in cells] == [("A01 s1", 1), ("A01 s1", 2)]
    inside = sum(x**2 + y**2 <= 81 for x in range(-6, 6) for y in range(-6, 6))
    whole = sum(x**2 + y**2 <= 81 for x in range(-9, 10) for y in range(-9, 10))
    assert cells[0].cut_off == pytest.approx(1 - inside / whole)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy").mkdir()
    monkeypatch.chdir(tmp_path / "toy")
    return usual(tmp_path / "toy")


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["images", *words])
    if result.exception is not None:
        raise result.exception
    return result.output


SHOW = ("show", "images.csv", "--masks", "masks", "--output", "png")


@pytest.mark.usefixtures("scene")
def test_show_draws_everything() -> None:
    assert "pictures of 5 fields" in run(*SHOW, "--pixel-size", "1")
    names = {path.relative_to("png").as_posix() for path in Path("png").rglob("*.png")}
    fields = ("P1/A01_s1", "P1/A01_s2", "P1/A02_s1", "P1/B01_s1", "P2/A01_s1")
    assert names == {
        "cells.png",
        *(f"{field}_{kind}.png" for field in fields for kind in (*STAINS, "composite")),
        *(f"maps/{plate}_{kind}.png" for plate in ("P1", "P2") for kind in ("cells", *STAINS)),
    }
    picture = np.asarray(Image.open("png/P1/A01_s1_DNA.png"))
    assert picture.shape == (64 + CAPTION, 64, 3)
    assert (picture == CELL).all(axis=-1).any()
    before = {path: path.read_bytes() for path in Path("png").rglob("*.png")}
    run(*SHOW, "--pixel-size", "1")
    assert {path: path.read_bytes() for path in Path("png").rglob("*.png")} == before


@pytest.mark.usefixtures("scene")
def test_show_draws_what_is_asked_for() -> None:
    few = ("--no-maps", "--cells", "0", "--no-outlines", "--stain", "ER", "--plate", "P1")
    assert "2 pictures of 1 fields" in run(*SHOW, *few, "--well", "a1", "--site", "1")
    names = {path.relative_to("png").as_posix() for path in Path("png").rglob("*.png")}
    assert names == {"P1/A01_s1_ER.png", "P1/A01_s1_composite.png"}
    assert not (np.asarray(Image.open("png/P1/A01_s1_ER.png")) == CELL).all(axis=-1).any()
    drawn = []
    for seed in ("1", "1", "2", "3", "4"):
        run(*SHOW, *few, "--fields", "1", "--seed", seed)
        drawn.append({path.name for path in Path("png").rglob("*.png")})
    assert drawn[0] == drawn[1]
    assert any(names != drawn[0] for names in drawn)
    run(*SHOW, "--no-maps", "--fields", "0", "--cells", "3")
    assert [path.name for path in Path("png").rglob("*.png")] == ["cells.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nothing", "--output", "png"), "'nothing' is no screen of params.yaml"),
        (("show", "images.csv", "--output", "png"), "says nothing about masks"),
        ((*SHOW, "--plate", "P9"), "--plate: no field of 'P9'; there are P1, P2"),
        ((*SHOW, "--well", "C01"), "--well: no field of 'C01'; there are A01, A02, B01"),
        ((*SHOW, "--well", "seven"), "--well: no well(s): 'seven'"),
        ((*SHOW, "--site", "7"), "--site: no field of '7'; there are 1, 2"),
        ((*SHOW, "--plate", "P2", "--well", "B01"), "--well: no field of 'B01'; there are A01"),
        (("show", "images.csv", "--masks", "none", "--output", "png"), "no masks for 3 of 3"),
        (("show", "images.csv", "--masks", "masks", "--output", "."), "cannot be replaced"),
        (("qc", "images.csv", "--masks", "masks", "--table", "masks"), "is a folder"),
    ],
)
@pytest.mark.usefixtures("scene")
def test_what_is_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as error:
        run(*words)
    assert said in str(error.value)
    assert not Path("png").exists()


@pytest.mark.usefixtures("scene")
def test_an_image_that_is_damaged_leaves_nothing() -> None:
    Path("images/P2_A01_1_AGP.tiff").write_bytes(b"II*\0")
    with pytest.raises(UserError, match=r"P2_A01_1_AGP\.tiff"):
        run(*SHOW)
    assert {path.name for path in Path.cwd().iterdir()} == {"images", "images.csv", "masks"}


def test_qc_prints_outliers_with_reasons(scene: Scene) -> None:
    for column in range(2, 12):
        scene.add("P2", f"A{column:02}", "1", [(20, 40), (45, 20)])
    noise = scene.images["P2/A05/1"]
    noise[:] = 20_000 + noise // 2  # a background of 20,000 and a twentieth of 32,768
    scene.write()
    words = ("qc", "images.csv", "--masks", "masks", "--table", "all.csv", "--outlier-z", "9")
    lines = run(*words).splitlines()
    assert lines[0].startswith("15 fields, 27 cells; cell / nucleus area ")
    assert "1 of 11 judged fields stand out" in lines[0]
    assert "not judged, fewer than 8 fields: P1" in lines
    assert lines[-1].startswith("P2/A05/1 (2 cells): Background_DNA 2.16e+04 (plate 3.")
    assert lines[-1].count("Background") == 5
    written = pd.read_csv("all.csv", keep_default_na=False)
    assert len(written) == 15
    assert (written["Outlier"] != "").sum() == 1
    assert not run(*words[:4], "--outlier-z", "1000").splitlines()[-1].startswith("P2")
    assert "P2/A05/1" not in run(*words[:4], "--plate", "P1")


def write_folder(folder: Path, scene: Scene) -> None:
    """A screen folder around a scene."""
    wells = scene.fields[["Metadata_Plate", "Metadata_Well"]].drop_duplicates()
    wells = wells.assign(Metadata_Compound="DMSO", Metadata_Concentration=0.0,
                         Metadata_Control="negcon")  # fmt: skip
    wells.to_csv(folder / "wells.csv", index=False)
    (folder / "screen.yaml").write_text(
        f"name: {folder.name}\ntitle: toy\norganism: none\ncell_line: none\n"
        f"stains: [{', '.join(STAINS)}]\nconcentration_unit: uM\nnegative_control: DMSO\n"
        "tables: {wells: wells.csv, images: images.csv}\n"
    )


def test_a_screen_by_its_folder_and_by_its_name(scene: Scene) -> None:
    write_folder(scene.folder, scene)
    show = ("--output", "png", "--no-maps", "--fields", "0", "--cells", "2")
    run("show", ".", "--masks", "masks", *show)
    Path("params.yaml").write_text("screens: {toy: {folder: .}}\n")
    with pytest.raises(UserError, match=r"data/masks/toy: no masks for 3 of 3 plate rows"):
        run("show", "toy", *show)
    Path("data/masks").mkdir(parents=True)
    Path("masks").rename("data/masks/toy")
    run("show", "toy", *show)
    # The table that the stage left is read, not made again.
    table = pd.DataFrame(dict.fromkeys(NUMBERS, 1.0), index=range(5))
    key = ["Metadata_Plate", "Metadata_Well", "Metadata_Site"]
    table[key] = scene.fields[key].to_numpy()
    table = table.assign(Outlier=["", "", "a reason", "", ""])
    write_quality(Path("data/quality/toy"), table, {"size": 48})
    lines = run("qc", "toy").splitlines()
    assert "100% of the cells larger than the crop of 48 px" in lines[0]
    assert lines[-1] == "P1/A02/1 (1.0 cells): a reason"
    write_quality(Path("data/quality/toy"), table.iloc[1:], {"size": 48})
    with pytest.raises(UserError, match="has 4 of 5 fields"):
        run("qc", "toy")


def test_names_of_screens_are_listed(scene: Scene) -> None:
    Path("params.yaml").write_text("screens: {toy: {folder: .}, other: {folder: x}}\n")
    with pytest.raises(UserError, match="screens: toy, other"):
        run("qc", "tyo")
