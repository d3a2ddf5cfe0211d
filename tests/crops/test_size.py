"""The side of crops from measured cells, against windows counted by hand and tried one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.imaging.crops.cut import CUT_OFF, cut_crops
from phenoprot.imaging.crops.run import crop_fields
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.size import fitting_size, overflows, reach, settle_size
from phenoprot.imaging.segmentation.masks import Masks

from .scenes import Scene, discs, usual


def test_a_reach_by_hand() -> None:
    cells, nuclei = np.zeros((2, 40, 40), dtype=np.int32)
    cells[10:31, 12:25] = 1  # rows 10 to 30, columns 12 to 24
    nuclei[18, 20] = 1  # 8 rows before it, 12 after; 8 columns before, 4 after
    cells[35:, 35:] = nuclei[36:38, 36:38] = 2  # at the border: no crop
    found = reach(Masks(nuclei, cells))
    assert found.tolist() == [[8, 12]]
    # A crop of 25 px has 12 before and 12 after its centre, one of 24 px 12 and 11.
    assert [bool(overflows(found, size)[0]) for size in (24, 25, 26)] == [True, False, False]
    assert fitting_size(found, CropSettings(multiple=2)) == 26
    assert fitting_size(found, CropSettings(multiple=16)) == 32
    assert reach(Masks(*np.zeros((2, 9, 9), dtype=np.int32))).shape == (0, 2)


@given(
    radii=st.lists(st.integers(3, 14), min_size=1, max_size=4),
    shift=st.integers(-2, 2),
    size=st.integers(8, 40),
)
def test_overflow_is_what_the_crops_lose(radii: list[int], shift: int, size: int) -> None:
    masks = discs(40, [(20, 20)], radii[0])
    nuclei = np.where(masks.nuclei > 0, 0, 0).astype(np.int32)
    nuclei[20 + shift, 20] = 1  # off the middle of the cell
    masks = Masks(nuclei, masks.cells)
    cut = cut_crops(np.ones((5, 40, 40), dtype=np.float32), masks, size).cells
    assert overflows(reach(masks), size).tolist() == (cut[CUT_OFF] > 0).tolist()


@given(
    reaches=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=30),
    held=st.floats(0.05, 1),
    multiple=st.sampled_from([2, 4, 16]),
)
def test_auto_is_the_smallest_that_holds_enough(
    reaches: list[tuple[int, int]], held: float, multiple: int
) -> None:
    settings = CropSettings(held=held, multiple=multiple)
    array = np.array(reaches)
    enough = (
        size
        for size in range(multiple, 1000, multiple)
        if size >= 8 and (~overflows(array, size)).sum() >= held * len(array) - 1e-9
    )
    assert fitting_size(array, settings) == next(enough)


def mixed(folder: Path) -> Scene:
    """Twenty cells with a radius of 9 px, and two of 14 px on the second field."""
    scene = Scene(folder, size=160)
    places = [(y, x) for y in (20, 50, 80, 110, 140) for x in (20, 60, 100, 140)]
    scene.add("P1", "A01", "1", places)
    scene.add("P1", "A02", "1", [])
    scene.masks["P1/A02/1"] = discs(160, [(40, 40), (90, 90)], radius=14)
    scene.write()
    return scene


def test_auto(tmp_path: Path) -> None:
    scene = mixed(tmp_path)
    # 9 before and 9 after the centre: 20 px; 14: 30 px. 20 of 22 cells are 91 %.
    found = settle_size(scene.fields, scene.masks_folder, CropSettings(multiple=2))
    assert (found.size, found.measured, found.cells, found.overflow) == (30, 30, 22, 0)
    assert found.fields == ["P1/A01/1", "P1/A02/1"]
    found = settle_size(scene.fields, scene.masks_folder, CropSettings(multiple=2, held=0.9))
    assert (found.size, found.overflow) == (20, pytest.approx(2 / 22))
    controls = scene.fields.iloc[:1]
    found = settle_size(controls, scene.masks_folder, CropSettings(multiple=2))
    assert (found.size, found.cells, found.fields) == (20, 20, ["P1/A01/1"])


def test_a_given_size_is_kept_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = mixed(tmp_path)
    found = settle_size(scene.fields, scene.masks_folder, CropSettings(size=20))
    assert (found.size, found.measured, found.overflow) == (20, 32, pytest.approx(2 / 22))
    assert capsys.readouterr().err == ""  # 9 % are fewer than a fifth
    found = settle_size(scene.fields, scene.masks_folder, CropSettings(size=16))
    assert (found.size, found.overflow) == (16, 1)
    assert capsys.readouterr().err == (
        "warning: crops.size: 100% of 22 cells on 2 fields reach beyond crops of 16 px; auto "
        "would take 32 px\n"
    )


def test_no_cell_to_measure(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.add("P1", "A01", "1", [])
    scene.write()
    with pytest.raises(UserError) as error:
        settle_size(scene.fields, scene.masks_folder, CropSettings())
    assert str(error.value) == (
        "crops.size: no cell was found on 1 field(s) to measure: P1/A01/1. Look at their masks "
        "(phenoprot images show); or give a number (px)."
    )
    found = settle_size(scene.fields, scene.masks_folder, CropSettings(size=32))
    assert (found.size, found.measured, found.overflow) == (32, None, None)


@pytest.mark.usefixtures("here")
def test_crops_have_the_measured_size(tmp_path: Path) -> None:
    scene = usual(tmp_path)
    place = (scene.masks_folder, tmp_path / "crops", tmp_path / "work", "toy")
    store = crop_fields(scene.fields, *place, CropSettings())
    assert store.shape == (5, 32, 32)
    assert not store.index[CUT_OFF].any()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"size": 4}, "size"),
        ({"size": "big"}, "size"),
        ({"multiple": 3}, "multiple"),
        ({"held": 1.2}, "held"),
        ({"sise": 64}, "sise"),
    ],
)
def test_bad_settings(content: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_settings(CropSettings, content, "params.yaml: crops")
