"""Pictures of fields with the outlines of their nuclei and cells."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.segmentation import find_boundaries

from phenoprot.core.files import atomic_path
from phenoprot.core.folders import replaced_folder
from phenoprot.execution.planning import plate_rows
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.folder import masks_files
from phenoprot.imaging.segmentation.masks import Masks, read_masks
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


def write_picture(path: Path, picture: Picture) -> None:
    """Write a PNG; equal pictures give equal bytes."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", optimize=True)


MADE_BY = "outlines"
"""The one that may replace the folder of pictures."""


def write_outlines(folder: Path, masks: Path, fields: pd.DataFrame) -> int:
    """Draw every field of view: ``<plate>/<well>_s<site>.png``; return their number.

    Parameters
    ----------
    folder
        Folder of the pictures; replaced as a whole if it is empty or of an earlier run.
    masks
        What ``phenoprot segment`` or the stage segment wrote.
    fields
        Rows of :func:`phenoprot.screens.load_data.read_load_data`.

    Raises
    ------
    UserError
        Masks or images are missing, or `folder` holds what no run has written.
    """
    rows = plate_rows(fields)
    with replaced_folder(folder, MADE_BY) as new:
        for (_, table), path in zip(
            rows, masks_files(masks, [name for name, _ in rows]), strict=True
        ):
            found = read_masks(path)
            for row in table.to_dict("records"):
                plate, well, site = field_name(row).split("/")
                (new / plate).mkdir(exist_ok=True)
                picture = overlay(read_field(row), found[field_name(row)])
                write_picture(new / plate / f"{well}_s{site}.png", picture)
    return len(fields)
