"""Pictures of masks for the docs: outlines on a colour composite of the stains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.segmentation import find_boundaries

from phenoprot.core.files import atomic_path
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.screens.contract import STAINS

Pixel = TypeVar("Pixel", bound=np.generic)
Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
"""(Y, X, 3): red, green, blue."""

COLOURS = ("AGP", "RNA", "DNA")
"""Stains in red, green and blue."""
NUCLEUS_COLOUR = (255, 255, 255)
CELL_COLOUR = (255, 160, 0)


def composite(field: Floats, stains: tuple[str, str, str] = COLOURS) -> Picture:
    """Show three stains, each from its 1st to its 99.7th percentile, with a gamma of 0.6.

    Parameters
    ----------
    field
        (C, Y, X) float32 in [0, 1], stains in the order of the contract.
    stains
        In red, green and blue.
    """
    channels = []
    for stain in stains:
        light = field[STAINS.index(stain)]
        low, high = np.percentile(light, [1, 99.7])
        scaled = np.clip((light - low) / max(float(high - low), 1e-6), 0, 1) ** 0.6
        channels.append(np.rint(255 * scaled).astype(np.uint8))
    return np.stack(channels, axis=-1)


def overlay(field: Floats, masks: Masks, zoom: int = 1) -> Picture:
    """Draw the outlines of nuclei (white) and cells (orange) on the composite.

    Parameters
    ----------
    field
        (C, Y, X) float32 in [0, 1], stains in the order of the contract.
    masks
        Of this field.
    zoom
        Pixels of the picture along each pixel of the field: outlines stay one pixel wide.

    Returns
    -------
    numpy.ndarray
        (zoom Y, zoom X, 3) uint8.
    """
    picture = enlarged(composite(field), zoom)
    for labels, colour in ((masks.cells, CELL_COLOUR), (masks.nuclei, NUCLEUS_COLOUR)):
        picture[find_boundaries(enlarged(labels, zoom), mode="inner")] = colour
    return picture


def enlarged(image: npt.NDArray[Pixel], zoom: int) -> npt.NDArray[Pixel]:
    """Repeat each pixel `zoom` times along both axes."""
    return image.repeat(zoom, axis=0).repeat(zoom, axis=1)


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


def write_picture(path: Path, picture: Picture) -> None:
    """Write a PNG; equal pictures give equal bytes."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", optimize=True)
