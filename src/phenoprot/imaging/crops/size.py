"""The side of a crop, measured on some fields of a screen: how far cells reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from phenoprot.core.errors import UserError, listed
from phenoprot.core.notices import warn
from phenoprot.execution.planning import plate_rows
from phenoprot.imaging.crops.cut import centroids, inner_labels
from phenoprot.imaging.crops.settings import SMALLEST, CropSettings
from phenoprot.imaging.reader import field_name
from phenoprot.imaging.segmentation.folder import masks_files
from phenoprot.imaging.segmentation.masks import Masks, check_masks, read_masks
from phenoprot.screens.contract import FIELD_KEY

Reach = npt.NDArray[np.int64]
"""(N, 2): how many pixels a cell reaches before its centre, and after it, along its longer axis."""

FIELDS = 48
"""Fields of view that are looked at, evenly spaced."""
MOST_OVERFLOW = 0.2
"""A given size that cuts a larger share of the cells is worth a warning."""


@dataclass(frozen=True)
class CropSize:
    """The side of a crop, and what it was judged by."""

    size: int
    """That is used (px)."""
    measured: int | None
    """What ``auto`` takes (px); None: there was no cell to measure."""
    cells: int
    """Behind it: those that the border does not cut."""
    overflow: float | None
    """Share of these that reaches beyond `size`."""
    fields: list[str]
    """Fields of view that were looked at."""

    def record(self) -> dict[str, Any]:
        """JSON content."""
        return {
            "size": self.size,
            "measured": self.measured,
            "cells": self.cells,
            "overflow": self.overflow,
            "fields": self.fields,
        }


def settle_size(fields: pd.DataFrame, masks: Path, settings: CropSettings) -> CropSize:
    """Put a number in the place of ``auto``; warn of a given one that cuts many cells.

    Parameters
    ----------
    fields
        Rows of the images table to measure on; some of them, evenly spaced, are looked at.
    masks
        Folder of masks, one file per plate row.
    settings
        Of the crops.

    Raises
    ------
    UserError
        Masks are missing or damaged; or the size is ``auto``, and no cell was found.
    """
    places = np.unique(np.linspace(0, len(fields) - 1, FIELDS).astype(int))
    some = fields.sort_values(FIELD_KEY).iloc[places]
    reaches, names = [np.zeros((0, 2), dtype=np.int64)], []
    rows = plate_rows(some)
    for (_, table), path in zip(rows, masks_files(masks, [name for name, _ in rows]), strict=True):
        here = [field_name(row) for row in table.to_dict("records")]
        found = read_masks(path, here)
        check_masks(found, here, path)
        reaches += [reach(found[name]) for name in here]
        names += here
    all_reaches = np.concatenate(reaches)
    measured = fitting_size(all_reaches, settings) if len(all_reaches) else None
    if settings.size != "auto":
        size = settings.size
    elif measured is not None:
        size = measured
    else:
        raise UserError(
            f"no cell was found on {len(names)} field(s) to measure: {listed(names)}",
            where="crops.size",
            remedy="Look at their masks (phenoprot images show); or give a number (px).",
        )
    overflow = float(overflows(all_reaches, size).mean()) if len(all_reaches) else None
    if settings.size != "auto" and overflow is not None and overflow > MOST_OVERFLOW:
        warn(
            f"{overflow:.0%} of {len(all_reaches)} cells on {len(names)} fields reach beyond crops "
            f"of {size} px; auto would take {measured} px",
            "crops.size",
        )
    return CropSize(size, measured, len(all_reaches), overflow, names)


def reach(masks: Masks) -> Reach:
    """How far each cell reaches from the centre of its crop, (N, 2), by ascending label.

    Cells that touch the border of the field are left out: they get no crop.
    """
    labels = inner_labels(masks)
    boxes = ndimage.find_objects(masks.cells)
    ends = np.array([[(s.start, s.stop - 1) for s in boxes[label - 1]] for label in labels])
    ends = ends.reshape(-1, 2, 2)  # cell, axis, first and last pixel
    centres = centroids(masks.nuclei, labels)
    before = (centres - ends[:, :, 0]).max(axis=1, initial=0)
    after = (ends[:, :, 1] - centres).max(axis=1, initial=0)
    return np.stack([before, after], axis=1).astype(np.int64)


def overflows(reaches: Reach, size: int) -> npt.NDArray[np.bool_]:
    """Whether each cell reaches beyond a crop of a side (px), (N,)."""
    # The centre is the pixel (S // 2, S // 2) of the crop.
    return (reaches[:, 0] > size // 2) | (reaches[:, 1] > size - size // 2 - 1)


def fitting_size(reaches: Reach, settings: CropSettings) -> int:
    """The smallest multiple of ``multiple`` that holds the share ``held`` of the cells (px)."""
    sides = np.sort(2 * np.maximum(reaches[:, 0], reaches[:, 1] + 1))
    # A share of 0.95 of 20 cells is 19 cells; in floats it may be a little more.
    wanted = max(math.ceil(settings.held * len(sides) - 1e-9), 1)
    side = max(int(sides[wanted - 1]), SMALLEST)
    return math.ceil(side / settings.multiple) * settings.multiple
