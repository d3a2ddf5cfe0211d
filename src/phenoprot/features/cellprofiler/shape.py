"""AreaShape: size, outline, moments and radii of objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.distance import Distances
from phenoprot.features.cellprofiler.hull import Hulls
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects

POSITION_NAMES = (
    "Center_X",
    "Center_Y",
    "BoundingBoxMinimum_X",
    "BoundingBoxMaximum_X",
    "BoundingBoxMinimum_Y",
    "BoundingBoxMaximum_Y",
)
"""Where the object lies in the field."""

SIZE_NAMES = (
    "Area",
    "BoundingBoxArea",
    "ConvexArea",
    "FilledArea",
    "EquivalentDiameter",
    "Perimeter",
    "PerimeterCrofton",
    "MajorAxisLength",
    "MinorAxisLength",
    "Eccentricity",
    "Orientation",
    "FormFactor",
    "Extent",
    "Solidity",
    "Compactness",
    "EulerNumber",
    "MaximumRadius",
    "MeanRadius",
    "MedianRadius",
    "MinFeretDiameter",
    "MaxFeretDiameter",
)

# Left out: moments that are the area (0, 0), zero (central 0, 1 and 1, 0) or undefined
# (normalised of an order below 2) by definition, and the tensor's second off-diagonal element.
_SPATIAL = [(p, q) for p in range(3) for q in range(4) if p + q > 0]
_CENTRAL = [(p, q) for p in range(3) for q in range(4) if p + q > 1]
_NORMALISED = [(p, q) for p in range(4) for q in range(4) if p + q > 1]

MOMENT_NAMES = (
    *(f"SpatialMoment_{p}_{q}" for p, q in _SPATIAL),
    *(f"CentralMoment_{p}_{q}" for p, q in _CENTRAL),
    *(f"NormalizedMoment_{p}_{q}" for p, q in _NORMALISED),
    *(f"HuMoment_{i}" for i in range(7)),
    *(f"InertiaTensor_{i}" for i in ("0_0", "0_1", "1_1")),
    *(f"InertiaTensorEigenvalues_{i}" for i in range(2)),
)
NAMES = POSITION_NAMES + SIZE_NAMES + MOMENT_NAMES

_ROOT = np.sqrt(2.0)
# Weight of an outline pixel in the perimeter by 1 + 2 (side neighbours) + 10 (diagonal ones) on
# the outline: Benkrid and Crookes, Design and FPGA implementation of a perimeter estimator.
_PERIMETER = np.zeros(50)
_PERIMETER[[5, 7, 15, 17, 25, 27]] = 1.0
_PERIMETER[[21, 33]] = _ROOT
_PERIMETER[[13, 23]] = (1 + _ROOT) / 2
# By the pattern of 2 x 2 pixels: 1 here, 4 left, 2 above, 8 above left. Four-direction Crofton
# perimeter, and the Euler number with 8-connected objects (Ohser et al. 2002).
_SIDE, _CORNER = np.pi / 4, np.pi / (4 * _ROOT)
_CROFTON = np.array([0, 1, 0, 0, 0, 1, 0, 0, 1, 2, 0, 0, 1, 2, 0, 0]) * _SIDE + _CORNER * np.array(
    [0, 1, 1, 2, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0]
)
_EULER = np.array([0, 0, 0, 0, 0, 0, -1, 0, 1, 0, 0, 0, 0, 0, -1, 0], dtype=np.int64)


@kernel
def _outline(mask: npt.NDArray[np.uint8], weights: FloatArray) -> float:
    """Perimeter of a crop with a margin of one pixel."""
    height, width = mask.shape
    rim = np.zeros((height, width), np.uint8)
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            if mask[i, j] == 1:
                sides = mask[i - 1, j] + mask[i + 1, j] + mask[i, j - 1] + mask[i, j + 1]
                rim[i, j] = 1 if sides < 4 else 0
    total = np.zeros(len(weights), np.int64)
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            if rim[i, j] == 1:
                sides = rim[i - 1, j] + rim[i + 1, j] + rim[i, j - 1] + rim[i, j + 1]
                corners = (
                    rim[i - 1, j - 1] + rim[i - 1, j + 1] + rim[i + 1, j - 1] + rim[i + 1, j + 1]
                )
                total[1 + 2 * sides + 10 * corners] += 1
    length = 0.0
    for code in range(len(weights)):
        length += weights[code] * total[code]
    return length


@kernel
def _patterns(mask: npt.NDArray[np.uint8]) -> IntArray:
    """Count of each 2 x 2 pattern of a crop with a margin of one pixel."""
    height, width = mask.shape
    counts = np.zeros(16, np.int64)
    for i in range(1, height):
        for j in range(1, width):
            code = mask[i, j] + 4 * mask[i, j - 1] + 2 * mask[i - 1, j] + 8 * mask[i - 1, j - 1]
            counts[code] += 1
    return counts


@kernel
def _outside(mask: npt.NDArray[np.uint8]) -> int:
    """Pixels that an 8-connected path joins to the margin of a crop, the margin included."""
    height, width = mask.shape
    seen = mask.copy()
    stack = np.empty((height * width, 2), np.int64)
    stack[0, 0] = stack[0, 1] = 0
    seen[0, 0] = 1
    size, count = 1, 0
    while size > 0:
        size -= 1
        i, j = stack[size]
        count += 1
        for a in range(max(i - 1, 0), min(i + 2, height)):
            for b in range(max(j - 1, 0), min(j + 2, width)):
                if seen[a, b] == 0:
                    seen[a, b] = 1
                    stack[size, 0], stack[size, 1] = a, b
                    size += 1
    return count


@kernel
def _moments(y: IntArray, x: IntArray, cy: float, cx: float, out: FloatArray) -> None:
    """Sums of (y - cy)**p (x - cx)**q over the pixels, in `out` (4, 4)."""
    out[:] = 0.0
    p = 0
    while p < len(y):
        row = y[p]
        s0 = s1 = s2 = s3 = 0.0
        while p < len(y) and y[p] == row:
            d = x[p] - cx
            s0 += 1.0
            s1 += d
            s2 += d * d
            s3 += d * d * d
            p += 1
        power = 1.0
        for i in range(4):
            out[i, 0] += power * s0
            out[i, 1] += power * s1
            out[i, 2] += power * s2
            out[i, 3] += power * s3
            power *= row - cy


@kernel
def _median_root(squares: IntArray) -> float:
    """Median of the square roots of whole numbers."""
    counts = np.zeros(squares.max() + 1, np.int64)
    for s in squares:
        counts[s] += 1
    n = len(squares)
    value, below, first = 0, 0, -1
    while True:
        below += counts[value]
        if first < 0 and below > (n - 1) // 2:
            first = value
        if below > n // 2:
            return (np.sqrt(float(first)) + np.sqrt(float(value))) / 2
        value += 1


@kernel
def _measure(
    start: IntArray,
    y: IntArray,
    x: IntArray,
    box: IntArray,
    inside: IntArray,
    perimeter: FloatArray,
    crofton: FloatArray,
    euler: IntArray,
) -> Any:
    n = len(box)
    # filled pixels, perimeter, Crofton perimeter, Euler number, radii
    sizes = np.empty((n, 7))
    centre = np.empty((n, 2))
    raw, central = np.empty((n, 4, 4)), np.empty((n, 4, 4))
    for k in range(n):
        a, b = start[k], start[k + 1]
        y0, x0, y1, x1 = box[k]
        mask = np.zeros((y1 - y0 + 2, x1 - x0 + 2), np.uint8)
        longest, sum_y, sum_x, root = 0, 0, 0, 0.0
        for p in range(a, b):
            mask[y[p] - y0 + 1, x[p] - x0 + 1] = 1
            sum_y += y[p]
            sum_x += x[p]
            longest = max(longest, inside[p])
            root += np.sqrt(float(inside[p]))
        sizes[k, 0] = mask.size - _outside(mask)
        sizes[k, 1] = _outline(mask, perimeter)
        sizes[k, 2] = sizes[k, 3] = 0.0
        patterns = _patterns(mask)
        for code in range(16):
            sizes[k, 2] += crofton[code] * patterns[code]
            sizes[k, 3] += euler[code] * patterns[code]
        sizes[k, 4] = np.sqrt(float(longest))
        sizes[k, 5] = root / (b - a)
        sizes[k, 6] = _median_root(inside[a:b])
        centre[k, 0], centre[k, 1] = sum_y / (b - a), sum_x / (b - a)
        # moments are taken in the bounding box
        _moments(y[a:b] - y0, x[a:b] - x0, 0.0, 0.0, raw[k])
        middle_y, middle_x = raw[k, 1, 0] / raw[k, 0, 0], raw[k, 0, 1] / raw[k, 0, 0]
        _moments(y[a:b] - y0, x[a:b] - x0, middle_y, middle_x, central[k])
    return sizes, centre, raw, central


def _hu(nu: FloatArray) -> FloatArray:
    """Hu's seven invariants from normalised moments (N, 4, 4): Hu, IRE Trans. 8, 179 (1962)."""
    n20, n02, n11 = nu[:, 2, 0], nu[:, 0, 2], nu[:, 1, 1]
    a, b = nu[:, 3, 0] + nu[:, 1, 2], nu[:, 2, 1] + nu[:, 0, 3]
    c, d = nu[:, 3, 0] - 3 * nu[:, 1, 2], 3 * nu[:, 2, 1] - nu[:, 0, 3]
    return np.stack(
        [
            n20 + n02,
            (n20 - n02) ** 2 + 4 * n11**2,
            c**2 + d**2,
            a**2 + b**2,
            c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
            (n20 - n02) * (a**2 - b**2) + 4 * n11 * a * b,
            d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
        ],
        axis=1,
    )


def measure_shape(objects: Objects, distances: Distances, hulls: Hulls) -> FloatArray:
    """Shape features in the order of `NAMES`, shape (N, F); lengths in pixels, angles in degrees.

    The definitions are those of CellProfiler's MeasureObjectSizeShape with advanced features.
    """
    sizes, centre, raw, central = _measure(
        objects.start,
        objects.y,
        objects.x,
        objects.box,
        distances.inside,
        _PERIMETER,
        _CROFTON,
        _EULER,
    )
    filled, perimeter, crofton, euler, longest, mean, median = sizes.T
    area = np.diff(objects.start).astype(np.float64)
    y0, x0, y1, x1 = objects.box.T.astype(np.float64)
    box_area = (y1 - y0) * (x1 - x0)
    # central moments over the area**((p + q) / 2 + 1): scale-free
    order = np.add.outer(np.arange(4), np.arange(4)) / 2 + 1
    normalised = central / area[:, None, None] ** order
    tensor_a, tensor_b, tensor_c = (central[:, p, 2 - p] / area for p in (2, 1, 0))
    half = (tensor_a + tensor_c) / 2
    spread = np.sqrt(((tensor_c - tensor_a) / 2) ** 2 + tensor_b**2)
    major, minor = np.maximum(half + spread, 0.0), np.maximum(half - spread, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        eccentricity = np.where(major == 0, 0.0, np.sqrt(1 - minor / major))
        form_factor = 4 * np.pi * area / perimeter**2
    orientation = np.where(
        tensor_c == tensor_a,
        np.where(tensor_b > 0, np.pi / 4, -np.pi / 4),
        0.5 * np.arctan2(2 * tensor_b, tensor_a - tensor_c),
    )
    columns = [
        centre[:, 1],
        centre[:, 0],
        *(x0, x1, y0, y1),
        area,
        box_area,
        hulls.area.astype(np.float64),
        filled,
        np.sqrt(4 * area / np.pi),
        perimeter,
        crofton,
        4 * np.sqrt(major),
        4 * np.sqrt(minor),
        eccentricity,
        orientation * (180 / np.pi),
        form_factor,
        area / box_area,
        area / hulls.area,
        perimeter**2 / np.maximum(4 * np.pi * area, 1),
        euler,
        longest,
        mean,
        median,
        hulls.feret[:, 0],
        hulls.feret[:, 1],
        *(raw[:, p, q] for p, q in _SPATIAL),
        *(central[:, p, q] for p, q in _CENTRAL),
        *(normalised[:, p, q] for p, q in _NORMALISED),
        *_hu(normalised).T,
        *(tensor_c, -tensor_b, tensor_a),
        *(major, minor),
    ]
    return np.stack(columns, axis=1)
