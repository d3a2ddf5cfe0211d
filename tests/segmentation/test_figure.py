from __future__ import annotations

from pathlib import Path

import numpy as np
from figures.segmentation import (
    CELL_COLOUR,
    NUCLEUS_COLOUR,
    composite,
    contact_sheet,
    overlay,
    write_picture,
    write_sheet,
)
from PIL import Image
from skimage.segmentation import find_boundaries
from tests.segmentation.scenes import draw, write_screen


def test_stains_and_outlines_are_where_they_belong() -> None:
    field, masks = draw((60, 70), [(30, 35)])
    picture = composite(field)
    assert picture.shape == (60, 70, 3)
    assert picture[30, 35, 2] > 200  # DNA is blue
    assert picture[30, 50, 2] < 50
    drawn = overlay(field, masks, zoom=2)
    assert drawn.shape == (120, 140, 3)
    large = masks.nuclei.repeat(2, axis=0).repeat(2, axis=1)
    assert (drawn[find_boundaries(large, mode="inner")] == NUCLEUS_COLOUR).all()
    assert (drawn == CELL_COLOUR).all(axis=-1).any()


def test_a_blank_field_is_black() -> None:
    assert not composite(np.full((5, 10, 10), 0.2, np.float32)).any()


def test_contact_sheet_and_file(tmp_path: Path) -> None:
    black = np.zeros((10, 20, 3), np.uint8)
    sheet = contact_sheet([black] * 3, columns=2, gap=4)
    assert sheet.shape == (24, 44, 3)
    assert (sheet[10:14] == 255).all()
    assert not sheet[:10, :20].any()
    write_picture(tmp_path / "a.png", sheet)
    write_picture(tmp_path / "b.png", sheet)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), sheet)


def test_sheet_of_a_screen(tmp_path: Path) -> None:
    drawn = {well: draw((60, 70), [(30, 20 + 10 * n)]) for n, well in enumerate(("A01", "A02"))}
    fields = write_screen(tmp_path, {("P", well, "1"): each[0] for well, each in drawn.items()})
    masks = {f"P/{well}/1": each[1] for well, each in drawn.items()}
    write_sheet(tmp_path / "sheet.png", fields, masks, columns=2, side=50)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (50, 104, 3)
    edge = find_boundaries(drawn["A02"][1].nuclei, mode="inner")[:50, :50]
    assert (sheet[:, 54:][edge] == NUCLEUS_COLOUR).all()
