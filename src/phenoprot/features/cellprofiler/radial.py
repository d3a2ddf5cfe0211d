"""RadialDistribution: how a channel is spread over rings from the object's centre to its edge."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.distance import Distances
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects

MEASUREMENTS = ("FracAtD", "MeanFrac", "RadialCV")
_WEDGES = 8
_NOWHERE = np.uint8(255)
_EPSILON = float(np.finfo(np.float64).eps)


@kernel
def _sectors(
    start: IntArray,
    y: IntArray,
    x: IntArray,
    to_edge: FloatArray,
    from_centre: FloatArray,
    centre: IntArray,
    bins: int,
) -> npt.NDArray[np.uint8]:
    """Ring and wedge of each pixel as 8 * ring + wedge."""
    out = np.empty(len(y), np.uint8)
    for k in range(len(start) - 1):
        cy, cx = centre[k]
        for p in range(start[k], start[k + 1]):
            d = from_centre[p]
            if d < 0:
                out[p] = _NOWHERE
                continue
            ring = min(int(d / (d + to_edge[p] + 0.001) * bins), bins - 1)
            dy, dx = y[p] - cy, x[p] - cx
            wedge = (1 if dy > 0 else 0) + (2 if dx > 0 else 0) + (4 if abs(dy) > abs(dx) else 0)
            out[p] = _WEDGES * ring + wedge
    return out


@kernel
def _measure(
    start: IntArray,
    sector: npt.NDArray[np.uint8],
    values: FloatArray,
    bins: int,
    out: FloatArray,
) -> None:
    sums = np.empty((bins, _WEDGES))
    counts = np.empty((bins, _WEDGES), np.int64)
    for k in range(len(start) - 1):
        counts[:] = 0
        for p in range(start[k], start[k + 1]):
            if sector[p] != _NOWHERE:
                counts[sector[p] // _WEDGES, sector[p] % _WEDGES] += 1
        pixels = counts.sum()
        for c in range(len(values)):
            sums[:] = 0.0
            for p in range(start[k], start[k + 1]):
                if sector[p] != _NOWHERE:
                    sums[sector[p] // _WEDGES, sector[p] % _WEDGES] += values[c, p]
            total = sums.sum()
            for ring in range(bins):
                fraction = sums[ring].sum() / total
                wedges, mean = 0, 0.0
                for w in range(_WEDGES):
                    if counts[ring, w] > 0:
                        wedges += 1
                        mean += sums[ring, w] / counts[ring, w]
                square = 0.0
                if wedges > 0:
                    mean /= wedges
                    for w in range(_WEDGES):
                        if counts[ring, w] > 0:
                            d = sums[ring, w] / counts[ring, w] - mean
                            square += d * d
                    square /= wedges
                out[k, c, 3 * ring] = fraction
                out[k, c, 3 * ring + 1] = fraction / (counts[ring].sum() / pixels + _EPSILON)
                out[k, c, 3 * ring + 2] = np.sqrt(square) / mean if mean != 0 else 0.0


def measure_radial(
    objects: Objects, distances: Distances, values: FloatArray, bins: int
) -> FloatArray:
    """Radial distribution, shape (N, C, 3 * bins): `MEASUREMENTS` of each ring in turn.

    A pixel's place between centre (0) and edge (1) is its path from the centre over the sum of
    that path and its distance to the edge; the centre is the pixel farthest from the edge. Parts
    of an object that no path leads to are left out. ``RadialCV`` is the coefficient of variation
    of the mean intensities of a ring's eight wedges. CellProfiler's
    MeasureObjectIntensityDistribution with scaled bins.

    Parameters
    ----------
    objects, distances
        N objects of P pixels and their distances.
    values
        Intensities of the pixels, shape (C, P).
    bins
        Number of rings.
    """
    sector = _sectors(
        objects.start,
        objects.y,
        objects.x,
        distances.to_edge,
        distances.from_centre,
        distances.centre,
        bins,
    )
    out = np.empty((objects.size, len(values), len(MEASUREMENTS) * bins))
    _measure(objects.start, sector, values, bins, out)
    return out
