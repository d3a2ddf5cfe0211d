"""Pictures of masks for the docs: outlines on a colour composite of the stains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.imaging.segmentation.pictures import (
    CELL_COLOUR,
    NUCLEUS_COLOUR,
    Picture,
    composite,
    enlarged,
    overlay,
    write_picture,
)

__all__ = [
    "CELL_COLOUR",
    "NUCLEUS_COLOUR",
    "composite",
    "contact_sheet",
    "enlarged",
    "overlay",
    "write_picture",
    "write_sheet",
]


def contact_sheet(pictures: list[Picture], columns: int, gap: int = 4) -> Picture:
    """Set pictures of one shape side by side, row by row, with white lines between them."""
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, dtype=np.uint8
    )
    for number, picture in enumerate(pictures):
        top = number // columns * (height + gap)
        left = number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def write_sheet(
    path: Path, fields: pd.DataFrame, masks: Mapping[str, Masks], columns: int = 4, side: int = 400
) -> None:
    """Draw the upper left part of fields of view with their outlines on one sheet.

    Parameters
    ----------
    path
        PNG to write.
    fields
        Rows of :func:`phenoprot.screens.load_data.read_load_data`, drawn in their order.
    masks
        Masks by name of the field.
    columns
        Fields side by side.
    side
        Side of the part that is shown (px of the field).
    """
    pictures = [
        overlay(read_field(row), masks[field_name(row)])[:side, :side]
        for row in fields.to_dict("records")
    ]
    write_picture(path, contact_sheet(pictures, columns))
