"""Convex hulls of objects, and what follows from them: Feret diameters and enclosing circles.

The vertices start at the top of the leftmost column and go along the top to the right. That order,
and the arithmetic of the circle down to the last bit, are centrosome's: whether a pixel on the
enclosing circle counts as inside it depends on rounding, and its Zernike moments with it. (Between
vertices seen under the same angle the first decides; in centrosome the other objects of the image
do, see SciPy gh-25279.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects


class Hulls(NamedTuple):
    """One row per object."""

    circle: FloatArray
    """Row and column of the centre and radius of the smallest enclosing circle of the pixel
    centres, shape (N, 3)."""
    feret: FloatArray
    """Smallest and largest Feret diameter of the pixel centres, shape (N, 2)."""
    area: IntArray
    """Pixels whose centre lies in the hull of the pixels' side midpoints, or on it, shape (N,)."""


@kernel
def _turns_inward(ax: int, ay: int, bx: int, by: int, cx: int, cy: int) -> bool:
    """Whether b lies on or below the line from a to c, with y pointing down and a left of c."""
    return bool((bx - ax) * (cy - ay) - (by - ay) * (cx - ax) <= 0)


@kernel
def _chain(xs: IntArray, ys: IntArray, n: int, keep: IntArray) -> int:
    """Indices of the upper hull (smallest y) of `n` points in ascending order of x, in `keep`."""
    size = 0
    for c in range(n):
        while size > 1:
            a, b = keep[size - 2], keep[size - 1]
            if not _turns_inward(xs[a], ys[a], xs[b], ys[b], xs[c], ys[c]):
                break
            size -= 1
        keep[size] = c
        size += 1
    return size


@kernel
def _vertices(columns: IntArray, tops: IntArray, bottoms: IntArray) -> IntArray:
    """Vertices of the hull as rows (y, x): along the top to the right, along the bottom back."""
    n = len(columns)
    upper, lower = np.empty(n, np.int64), np.empty(n, np.int64)
    above = _chain(columns, tops, n, upper)
    below = _chain(columns, -bottoms, n, lower)
    hull = np.empty((above + below, 2), np.int64)
    for i in range(above):
        hull[i, 0], hull[i, 1] = tops[upper[i]], columns[upper[i]]
    size = above
    for i in range(below - 1, -1, -1):
        a = lower[i]
        # a column of one pixel ends both chains
        if (i == below - 1 or i == 0) and tops[a] == bottoms[a]:
            continue
        hull[size, 0], hull[size, 1] = bottoms[a], columns[a]
        size += 1
    return hull[:size]


@kernel
def _hull_area(columns: IntArray, tops: IntArray, bottoms: IntArray) -> int:
    """Pixel centres inside the hull of the midpoints of all pixel sides, or on its edge.

    Coordinates are doubled, so that midpoints are whole numbers.
    """
    first, last = columns[0], columns[-1]
    n = 2 * (last - first) + 3
    xs = np.arange(n) + 2 * first - 1
    far = 1 << 40
    high, low = np.full(n, far), np.full(n, far)
    for c in range(len(columns)):
        at = 2 * (columns[c] - first) + 1
        high[at] = min(high[at], 2 * tops[c] - 1)
        low[at] = min(low[at], -2 * bottoms[c] - 1)
        for side in (at - 1, at + 1):
            high[side] = min(high[side], 2 * tops[c])
            low[side] = min(low[side], -2 * bottoms[c])
    area = 0
    reach = np.empty((2, n), np.int64)
    keep, px, py = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    for side in range(2):
        ys = high if side == 0 else low
        m = 0
        for i in range(n):
            if ys[i] < far:
                px[m], py[m] = xs[i], ys[i]
                m += 1
        size = _chain(px, py, m, keep)
        for v in range(size - 1):
            a, b = keep[v], keep[v + 1]
            run, rise = px[b] - px[a], py[b] - py[a]
            for x in range(px[a], px[b] + 1):
                # the first whole pixel below the edge: half of y, rounded up
                reach[side, x - xs[0]] = -((-(py[a] * run + rise * (x - px[a]))) // (2 * run))
    for column in range(first, last + 1):
        at = 2 * (column - first) + 1
        area += max(-reach[1, at] - reach[0, at] + 1, 0)
    return area


@kernel
def _line_distance(hull: IntArray, p: int, a: int, b: int) -> float:
    """Squared distance of vertex p to the line through a and b."""
    ay, ax = float(hull[a, 0]), float(hull[a, 1])
    by, bx = float(hull[b, 0]), float(hull[b, 1])
    cross = (ay - by) * (ax - hull[p, 1]) - (ay - hull[p, 0]) * (ax - bx)
    return cross * cross / ((by - ay) * (by - ay) + (bx - ax) * (bx - ax))


@kernel
def _feret(hull: IntArray) -> tuple[float, float]:
    """Smallest and largest Feret diameter, by centrosome's walk along antipodal vertices.

    The walk leaves out the second of two parallel sides, as centrosome's does.
    """
    n = len(hull)
    if n == 1:
        return 0.0, 0.0
    if n == 2:
        return 0.0, np.sqrt(float((hull[0, 0] - hull[1, 0]) ** 2 + (hull[0, 1] - hull[1, 1]) ** 2))
    pairs = np.zeros((n, n + 1), np.bool_)
    antipode, farthest = 1, -1.0
    for v in range(1, n - 1):
        distance = _line_distance(hull, v, n - 1, 0)
        if distance > farthest:
            antipode, farthest = v, distance
    vertex, largest = 0, 0.0
    while True:
        pairs[vertex, antipode] = pairs[antipode, vertex] = True
        square = float(
            (hull[vertex, 0] - hull[antipode, 0]) ** 2 + (hull[vertex, 1] - hull[antipode, 1]) ** 2
        )
        largest = max(largest, square)
        following = antipode + 1 if antipode + 1 < n else 0
        here = _line_distance(hull, antipode, vertex, vertex + 1)
        there = _line_distance(hull, following, vertex, vertex + 1)
        if here <= there:
            antipode += 1
        else:
            vertex += 1
        if antipode >= n or vertex == antipode:
            break
    smallest = np.inf
    for a in range(n):
        pairs[a, n] = pairs[a, 0]
        for b in range(n):
            if pairs[a, b] and pairs[a, b + 1]:
                smallest = min(smallest, _line_distance(hull, a, b, (b + 1) % n))
    if smallest == np.inf:
        smallest = 0.0
    return np.sqrt(smallest), np.sqrt(largest)


@kernel
def _angle(hull: IntArray, corner: int, a: int, b: int) -> float:
    """Angle at `corner` between the vertices a and b, in radians."""
    ay, ax = float(hull[a, 0] - hull[corner, 0]), float(hull[a, 1] - hull[corner, 1])
    by, bx = float(hull[b, 0] - hull[corner, 0]), float(hull[b, 1] - hull[corner, 1])
    cosine = (ay * by + ax * bx) / np.sqrt((ay * ay + ax * ax) * (by * by + bx * bx))
    return np.arccos(cosine)


@kernel
def _circle(hull: IntArray) -> tuple[float, float, float]:
    """Smallest enclosing circle by Chrystal's method: row, column, radius."""
    n = len(hull)
    if n == 1:
        return float(hull[0, 0]), float(hull[0, 1]), 0.0
    s0, s1 = 0, 1
    while True:
        # the side s0-s1 is a chord; the vertex that sees it under the smallest angle decides
        best, v, at0, at1 = np.inf, -1, 0.0, 0.0
        for i in range(n):
            if i in (s0, s1):
                continue
            angle1 = _angle(hull, s1, s0, i)
            angle0 = _angle(hull, s0, s1, i)
            angle = np.pi - angle1 - angle0
            if angle < best:
                best, v, at0, at1 = angle, i, angle0, angle1
        y0, x0 = float(hull[s0, 0]), float(hull[s0, 1])
        y1, x1 = float(hull[s1, 0]), float(hull[s1, 1])
        if v < 0 or best >= np.pi / 2:
            if n == 2:
                cy, cx = (y0 + y1) / 2, (x0 + x1) / 2
                return cy, cx, np.sqrt((cy - y0) * (cy - y0) + (cx - x0) * (cx - x0))
            radius = np.sqrt((y0 - y1) * (y0 - y1) + (x0 - x1) * (x0 - x1)) / 2
            return (y0 + y1) / 2, (x0 + x1) / 2, radius
        if at0 > np.pi / 2:
            s0 = v
        elif at1 > np.pi / 2:
            s1 = v
        else:
            yv, xv = float(hull[v, 0]), float(hull[v, 1])
            q0, q1, qv = y0 * y0 + x0 * x0, y1 * y1 + x1 * x1, yv * yv + xv * xv
            scale = 2 * (x0 * (y1 - yv) + x1 * (yv - y0) + xv * (y0 - y1))
            cx = (q0 * (y1 - yv) + q1 * (yv - y0) + qv * (y0 - y1)) / scale
            cy = (q0 * (xv - x1) + q1 * (x0 - xv) + qv * (x1 - x0)) / scale
            return cy, cx, np.sqrt((y0 - cy) * (y0 - cy) + (x0 - cx) * (x0 - cx))


@kernel
def _measure(start: IntArray, y: IntArray, x: IntArray, box: IntArray) -> Any:
    n = len(box)
    circle, feret = np.empty((n, 3)), np.empty((n, 2))
    area = np.empty(n, np.int64)
    for k in range(n):
        x0, width = box[k, 1], box[k, 3] - box[k, 1]
        top, bottom = np.full(width, 1 << 40), np.full(width, -1)
        for p in range(start[k], start[k + 1]):
            top[x[p] - x0] = min(top[x[p] - x0], y[p])
            bottom[x[p] - x0] = y[p]
        columns = np.flatnonzero(bottom >= 0)
        tops, bottoms = top[columns], bottom[columns]
        columns = columns + x0
        hull = _vertices(columns, tops, bottoms)
        circle[k] = _circle(hull)
        feret[k] = _feret(hull)
        area[k] = _hull_area(columns, tops, bottoms)
    return circle, feret, area


def measure_hulls(objects: Objects) -> Hulls:
    """Hull measurements of all objects."""
    return Hulls(*_measure(objects.start, objects.y, objects.x, objects.box))
