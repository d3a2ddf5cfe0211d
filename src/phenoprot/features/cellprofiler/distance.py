"""Distances inside objects: to the edge, and along paths from the centre."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects

ByteImage = npt.NDArray[np.uint8]

FAR = 1 << 40
"""A squared distance beyond that of any image."""


@kernel
def squared_distance_to_edge(
    mask: ByteImage, top: bool, left: bool, bottom: bool, right: bool
) -> IntArray:
    """Squared Euclidean distance of each pixel to the nearest pixel outside, shape of `mask`.

    `mask` is a crop without margin. What lies beyond a side counts as outside if its flag is set;
    without the flag the side is the border of the field, and nothing is known beyond it.
    """
    height, width = mask.shape
    column = np.empty((height, width), np.int64)
    for x in range(width):
        gap = 0 if top else FAR
        for y in range(height):
            gap = 0 if mask[y, x] == 0 else min(gap + 1, FAR)
            column[y, x] = gap
        gap = 0 if bottom else FAR
        for y in range(height - 1, -1, -1):
            gap = 0 if mask[y, x] == 0 else min(gap + 1, FAR)
            column[y, x] = min(column[y, x], gap)
    nearest = np.zeros((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            if mask[y, x] == 0:
                continue
            best = FAR if column[y, x] >= FAR else column[y, x] * column[y, x]
            if left:
                best = min(best, (x + 1) * (x + 1))
            if right:
                best = min(best, (width - x) * (width - x))
            step = 1
            while step * step < best and (step <= x or x + step < width):
                if step <= x:
                    gap = column[y, x - step]
                    if gap < FAR:
                        best = min(best, gap * gap + step * step)
                if x + step < width:
                    gap = column[y, x + step]
                    if gap < FAR:
                        best = min(best, gap * gap + step * step)
                step += 1
            nearest[y, x] = best
    return nearest


@kernel
def path_distance(mask: ByteImage, y0: int, x0: int) -> FloatArray:
    """Length of the shortest 8-connected path inside `mask` from (y0, x0); -1 where none leads.

    A step to a side counts 1, a diagonal step sqrt(2). Raster scans in turn until nothing changes.
    """
    height, width = mask.shape
    far = 1e300
    diagonal = np.sqrt(2.0)
    # a margin of one pixel, outside, spares the checks at the sides
    d = np.full((height + 2, width + 2), far)
    d[y0 + 1, x0 + 1] = 0.0
    started, changed = False, True
    while changed:
        changed = False
        for y in range(1, height + 1):
            for x in range(1, width + 1):
                if mask[y - 1, x - 1] == 0:
                    continue
                best = min(
                    min(d[y - 1, x - 1], d[y - 1, x + 1]) + diagonal,
                    min(d[y - 1, x], d[y, x - 1]) + 1.0,
                )
                if best < d[y, x]:
                    d[y, x] = best
                    changed = True
        if started and not changed:
            break
        started, changed = True, False
        for y in range(height, 0, -1):
            for x in range(width, 0, -1):
                if mask[y - 1, x - 1] == 0:
                    continue
                best = min(
                    min(d[y + 1, x - 1], d[y + 1, x + 1]) + diagonal,
                    min(d[y + 1, x], d[y, x + 1]) + 1.0,
                )
                if best < d[y, x]:
                    d[y, x] = best
                    changed = True
    out = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            out[y, x] = -1.0 if d[y + 1, x + 1] >= far else d[y + 1, x + 1]
    return out


class Distances(NamedTuple):
    """Distances of the pixels of all objects, in the order of `Objects`."""

    inside: IntArray
    """Squared distance to the nearest pixel outside the object or the field, shape (P,)."""
    to_edge: FloatArray
    """Distance to the nearest pixel outside the object: the field's border is no edge, (P,)."""
    from_centre: FloatArray
    """Length of the path from the object's centre; -1 in a part that none leads to, (P,)."""
    centre: IntArray
    """Row and column of the pixel farthest from the edge, the first of several, shape (N, 2)."""


@kernel
def _measure(
    start: IntArray, y: IntArray, x: IntArray, box: IntArray, height: int, width: int
) -> Any:
    inside = np.empty(len(y), np.int64)
    to_edge = np.empty(len(y))
    from_centre = np.empty(len(y))
    centre = np.empty((len(box), 2), np.int64)
    for k in range(len(box)):
        y0, x0, y1, x1 = box[k]
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for p in range(start[k], start[k + 1]):
            mask[y[p] - y0, x[p] - x0] = 1
        near = squared_distance_to_edge(mask, True, True, True, True)
        # what is cut off by the field's border does not end there
        at_border = y0 == 0 or x0 == 0 or y1 == height or x1 == width
        free = near
        if at_border:
            free = squared_distance_to_edge(mask, y0 > 0, x0 > 0, y1 < height, x1 < width)
            if free[y[start[k]] - y0, x[start[k]] - x0] >= FAR:  # the object fills the field
                free = near
        farthest = -1
        for p in range(start[k], start[k + 1]):
            i, j = y[p] - y0, x[p] - x0
            inside[p] = near[i, j]
            to_edge[p] = np.sqrt(float(free[i, j]))
            if free[i, j] > farthest:
                farthest = free[i, j]
                centre[k, 0], centre[k, 1] = y[p], x[p]
        path = path_distance(mask, centre[k, 0] - y0, centre[k, 1] - x0)
        for p in range(start[k], start[k + 1]):
            from_centre[p] = path[y[p] - y0, x[p] - x0]
    return inside, to_edge, from_centre, centre


def measure_distances(objects: Objects, shape: tuple[int, int]) -> Distances:
    """Measure the distances of all pixels; `shape` is the field's (Y, X)."""
    return Distances(*_measure(objects.start, objects.y, objects.x, objects.box, *shape))
