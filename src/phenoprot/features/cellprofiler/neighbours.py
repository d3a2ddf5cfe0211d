"""Neighbors: which objects touch after growing, and how far the closest ones are."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, LabelImage, Objects

TOUCHING_NAMES = ("NumberOfNeighbors", "PercentTouching")
"""Measured for each distance."""
CLOSEST_NAMES = ("FirstClosestDistance", "SecondClosestDistance", "AngleBetweenNeighbors")
"""The same for every distance."""


@kernel
def _touching(
    image: LabelImage,
    start: IntArray,
    y: IntArray,
    x: IntArray,
    distance: int,
    out: FloatArray,
) -> None:
    height, width = image.shape
    n = len(start) - 1
    grown, reach = distance**2, (distance + 0.5) ** 2
    seen = np.full(image.max() + 1, -1, np.int64)
    for k in range(n):
        label = image[y[start[k]], x[start[k]]]
        neighbours, outline, touching = 0, 0, 0
        for p in range(start[k], start[k + 1]):
            i, j = y[p], x[p]
            rim = i == 0 or j == 0 or i == height - 1 or j == width - 1
            if not rim:
                for a in range(i - 1, i + 2):
                    for b in range(j - 1, j + 2):
                        rim = rim or image[a, b] != label
            if not rim:
                continue
            outline += 1
            touches = False
            for a in range(max(i - distance, 0), min(i + distance + 1, height)):
                for b in range(max(j - distance, 0), min(j + distance + 1, width)):
                    other = image[a, b]
                    if other == 0 or other == label:  # noqa: PLR1714 - compiled
                        continue
                    square = (a - i) ** 2 + (b - j) ** 2
                    if square <= reach:
                        touches = True
                    if square <= grown and seen[other] != k:
                        seen[other] = k
                        neighbours += 1
            touching += touches
        out[k, 0] = neighbours
        out[k, 1] = touching * 100.0 / outline


def measure_touching(image: LabelImage, objects: Objects, distance: int) -> FloatArray:
    """`TOUCHING_NAMES`, shape (N, 2), of objects grown by `distance` pixels (1: adjacent).

    The percentage is that of the object's outline pixels within half a pixel more of another
    object. CellProfiler's MeasureObjectNeighbors among the objects of one label image.
    """
    out = np.zeros((objects.size, len(TOUCHING_NAMES)))
    if objects.size > 1:
        _touching(image, objects.start, objects.y, objects.x, distance, out)
    return out


def measure_closest(centres: FloatArray) -> FloatArray:
    """`CLOSEST_NAMES`, shape (N, 3): pixels between centres, and an angle in degrees.

    Parameters
    ----------
    centres
        Row and column of the objects' centres, shape (N, 2). With fewer than two others, what
        they would yield is 0.
    """
    n = len(centres)
    out = np.zeros((n, len(CLOSEST_NAMES)))
    if n < 2:
        return out
    shift = centres[None, :, :] - centres[:, None, :]
    distance = np.sqrt((shift**2).sum(axis=2))
    np.fill_diagonal(distance, -1.0)
    order = np.argsort(distance, axis=1, kind="stable")
    rows = np.arange(n)
    first = shift[rows, order[:, 1]]
    out[:, 0] = np.sqrt((first**2).sum(axis=1))
    if n > 2:
        second = shift[rows, order[:, 2]]
        out[:, 1] = np.sqrt((second**2).sum(axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine = (first * second).sum(axis=1) / np.sqrt(
                (first**2).sum(axis=1) * (second**2).sum(axis=1)
            )
            out[:, 2] = np.arccos(cosine) * 180.0 / np.pi
    return out
