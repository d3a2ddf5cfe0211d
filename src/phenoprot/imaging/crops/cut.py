"""Cut the cells of one field of view out of it.

A crop is centred on the centroid of the nucleus, as in DeepProfiler and the JUMP pipelines: nuclei
are the objects that segmentation finds most surely, so the centre does not move when the border
between two touching cells is drawn elsewhere, and all nuclei lie at one place of the crop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.imaging.segmentation.masks import Labels, Masks, touching_border

Counts = npt.NDArray[np.uint16]

LABEL = "Cell_Label"
CENTRE_Y = "Cell_Centre_Y"
CENTRE_X = "Cell_Centre_X"
AREA = "Cell_Area"
CUT_OFF = "Cell_CutOff"
CELL_COLUMNS = [LABEL, CENTRE_Y, CENTRE_X, AREA, CUT_OFF]
"""Label in the masks; row and column of the field at the crop's centre (px); area of the whole
cell (px); share of it that lies beyond the crop."""
DEPTH = 65535
"""Count of an intensity of 1."""


class FieldCrops(NamedTuple):
    """The crops of a field of view, one per cell that the border of the image does not cut."""

    pixels: Counts
    """(N, C, S, S), by ascending label; 0 outside the cell."""
    cells: pd.DataFrame
    """One row per crop: `CELL_COLUMNS`."""


def inner_labels(masks: Masks) -> Labels:
    """Labels of the cells that do not touch the border of the image, ascending, (N,)."""
    every = np.arange(1, masks.count + 1, dtype=np.int32)
    return np.setdiff1d(every, touching_border(masks.cells))


def to_counts(field: npt.NDArray[np.float32]) -> Counts:
    """Intensities in [0, 1] as 16-bit counts.

    Counts of an 8- or 16-bit image come back as they were (times 257 for 8 bits). Values above 1,
    which an illumination correction can make, become the largest count.
    """
    return np.rint(np.clip(field, 0, 1) * np.float32(DEPTH)).astype(np.uint16)


def cut_crops(field: npt.NDArray[np.float32], masks: Masks, size: int) -> FieldCrops:
    """Cut out every cell that the border of the image does not cut.

    Parameters
    ----------
    field
        Intensities in [0, 1], shape (C, Y, X).
    masks
        Label images of nuclei and cells, each (Y, X).
    size
        Side of a crop (px).

    Returns
    -------
    FieldCrops
        The centre of a crop, its pixel (S // 2, S // 2), is the pixel that holds the centroid of
        the nucleus (halves rounded up). Intensities are those of the field, nowhere rescaled.

    Raises
    ------
    UserError
        Field and masks differ in shape.
    """
    if masks.cells.shape != field.shape[1:]:
        raise UserError(
            f"masks of shape {masks.cells.shape} for a field of shape {field.shape[1:]}",
            where="masks",
            remedy="Segment these images again.",
        )
    labels = inner_labels(masks)
    counts = to_counts(field)
    centres = centroids(masks.nuclei, labels)
    areas = np.bincount(masks.cells.ravel(), minlength=1)[labels]
    pixels = np.zeros((len(labels), len(field), size, size), dtype=np.uint16)
    inside = np.zeros(len(labels), dtype=np.int64)
    for i, (label, centre) in enumerate(zip(labels, centres, strict=True)):
        source, target = _windows(centre, size, masks.cells.shape)
        own = masks.cells[source] == label
        pixels[i][:, *target] = np.where(own, counts[:, *source], 0)
        inside[i] = np.count_nonzero(own)
    cells = pd.DataFrame(
        {
            LABEL: labels.astype(np.int32),
            CENTRE_Y: centres[:, 0].astype(np.int32),
            CENTRE_X: centres[:, 1].astype(np.int32),
            AREA: areas.astype(np.int32),
            CUT_OFF: (1 - inside / areas).astype(np.float32),
        }
    )
    return FieldCrops(pixels, cells[CELL_COLUMNS])


def centroids(nuclei: Labels, labels: Labels) -> npt.NDArray[np.int64]:
    """Pixels (row, column) that hold the centroids of the nuclei; whole numbers all the way."""
    y, x = np.nonzero(nuclei)
    of = nuclei[y, x]
    number = np.bincount(of)[labels]
    # Sums of coordinates are whole numbers below 2^53: exact in bincount's float64.
    sums = [np.bincount(of, axis)[labels].astype(np.int64) for axis in (y, x)]
    return np.stack([(2 * total + number) // (2 * number) for total in sums], axis=1)


def _windows(
    centre: npt.NDArray[np.int64], size: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a crop lies in the field, and that part in the crop."""
    source, target = [], []
    for middle, length in zip(centre.tolist(), shape, strict=True):
        first = middle - size // 2
        begin, end = max(first, 0), min(first + size, length)
        source.append(slice(begin, end))
        target.append(slice(begin - first, end - first))
    return (source[0], source[1]), (target[0], target[1])
