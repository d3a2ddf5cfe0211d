"""Crops of one field, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from phenoprot.core.errors import UserError
from phenoprot.imaging.crops.cut import CELL_COLUMNS, cut_crops, inner_labels, to_counts
from phenoprot.imaging.segmentation.masks import Masks

from .scenes import discs, image

EIGHT = 8


def tiny() -> tuple[np.ndarray, Masks]:
    """Two channels of 10 x 12 px whose counts say where they are; one cell with a dent."""
    y, x = np.mgrid[:10, :12]
    field = np.stack([100 * y + x, 10_000 + 100 * y + x]).astype(np.float32) / np.float32(65535)
    cells, nuclei = np.zeros((2, 10, 12), dtype=np.int32)
    cells[3:7, 2:6] = 1
    cells[3, 2] = 0
    nuclei[4:6, 3:6] = 1  # rows 4, 5: centroid 4.5, so 5; columns 3, 4, 5: centroid 4
    return field, Masks(nuclei, cells)


def test_a_cell_by_hand() -> None:
    field, masks = tiny()
    crops = cut_crops(field, masks, EIGHT)
    expected = np.zeros((2, 8, 8), dtype=np.uint16)
    for y in range(3, 7):
        for x in range(2, 6):
            if (y, x) != (3, 2):
                # The centroid's pixel (5, 4) lies at (4, 4) of the crop.
                expected[:, y - 1, x] = 100 * y + x, 10_000 + 100 * y + x
    np.testing.assert_array_equal(crops.pixels, expected[None])
    assert crops.cells.to_dict("list") == {
        "Cell_Label": [1],
        "Cell_Centre_Y": [5],
        "Cell_Centre_X": [4],
        "Cell_Area": [15],
        "Cell_CutOff": [0],
    }


def test_a_cell_larger_than_the_crop_is_cut_off() -> None:
    cells, nuclei = np.zeros((2, 40, 40), dtype=np.int32)
    cells[10:30, 5:25] = 1  # 20 x 20 px
    nuclei[19, 14] = 1  # the crop holds rows 15 to 22 and columns 10 to 17
    field = np.full((5, 40, 40), 0.5, dtype=np.float32)
    crops = cut_crops(field, Masks(nuclei, cells), EIGHT)
    np.testing.assert_array_equal(crops.pixels, np.full((1, 5, 8, 8), 32768))
    assert crops.cells["Cell_Area"].tolist() == [400]
    assert crops.cells["Cell_CutOff"].tolist() == [pytest.approx(1 - 64 / 400)]


@pytest.mark.parametrize(
    ("place", "cut"),
    [((0, 5), True), ((9, 5), True), ((5, 0), True), ((5, 11), True), ((1, 1), False)],
)
def test_cells_at_the_border_are_left_out(place: tuple[int, int], cut: bool) -> None:
    cells, nuclei = np.zeros((2, 10, 12), dtype=np.int32)
    cells[4:7, 4:7] = nuclei[5, 5] = 1
    cells[place] = nuclei[place] = 2
    assert inner_labels(Masks(nuclei, cells)).tolist() == ([1] if cut else [1, 2])
    field = np.ones((5, 10, 12), dtype=np.float32)
    crops = cut_crops(field, Masks(nuclei, cells), EIGHT)
    assert crops.cells["Cell_Label"].tolist() == ([1] if cut else [1, 2])


def test_crops_that_reach_beyond_the_image_are_filled_with_nothing() -> None:
    cells, nuclei = np.zeros((2, 6, 6), dtype=np.int32)
    cells[1, 1] = nuclei[1, 1] = 1
    crops = cut_crops(np.ones((5, 6, 6), dtype=np.float32), Masks(nuclei, cells), EIGHT)
    expected = np.zeros((8, 8))
    expected[4, 4] = 65535
    np.testing.assert_array_equal(crops.pixels[0], np.broadcast_to(expected, (5, 8, 8)))


def test_no_cell() -> None:
    nothing = np.zeros((20, 20), dtype=np.int32)
    crops = cut_crops(np.ones((5, 20, 20), dtype=np.float32), Masks(nothing, nothing), 64)
    assert crops.pixels.shape == (0, 5, 64, 64)
    assert crops.pixels.dtype == np.uint16
    assert list(crops.cells.columns) == CELL_COLUMNS
    assert len(crops.cells) == 0


@given(
    centres=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=6, unique=True),
    size=st.integers(8, 40),
)
def test_every_crop_holds_its_own_cell_and_nothing_else(
    centres: list[tuple[int, int]], size: int
) -> None:
    apart = [c for i, c in enumerate(centres) if all(np.hypot(*np.subtract(c, d)) > 19
                                                     for d in centres[:i])]  # fmt: skip
    masks, counts = discs(60, apart), image(60, seed=len(apart))
    crops = cut_crops(counts / np.float32(65535), masks, size)
    # Another way to the same pixels: blank all other cells, pad, cut.
    half = size // 2
    for pixels, cell in zip(crops.pixels, crops.cells.itertuples(), strict=True):
        alone = np.pad(
            counts * (masks.cells == cell.Cell_Label), ((0, 0), (size, size), (size, size))
        )
        centroid = ndimage.center_of_mass(masks.nuclei == cell.Cell_Label)
        y, x = (int(np.floor(value + 0.5)) + size - half for value in centroid)
        np.testing.assert_array_equal(pixels, alone[:, y : y + size, x : x + size])
        kept = np.count_nonzero(pixels[0]) / np.count_nonzero(masks.cells == cell.Cell_Label)
        assert cell.Cell_CutOff == pytest.approx(1 - kept, abs=1e-6)
    whole = ndimage.find_objects(masks.cells)
    inner = [
        label
        for label, (rows, columns) in enumerate(whole, start=1)
        if rows.start > 0 and columns.start > 0 and rows.stop < 60 and columns.stop < 60
    ]
    assert crops.cells["Cell_Label"].tolist() == inner


def test_counts_come_back_as_they_were() -> None:
    sixteen = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(
        to_counts(sixteen.astype(np.float32) / np.float32(65535)), sixteen
    )
    eight = np.arange(256, dtype=np.uint16)
    np.testing.assert_array_equal(
        to_counts(eight.astype(np.float32) / np.float32(255)), eight * 257
    )
    assert to_counts(np.array([1.5], dtype=np.float32)).tolist() == [65535]


def test_masks_of_another_shape() -> None:
    field, masks = tiny()
    with pytest.raises(UserError) as error:
        cut_crops(field[:, :, 1:], masks, 8)
    assert str(error.value) == (
        "masks: masks of shape (10, 12) for a field of shape (10, 11). Segment these images again."
    )
