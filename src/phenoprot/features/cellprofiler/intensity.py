"""Intensity and Location: statistics of a channel in each object, and where it lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects

NAMES = (
    "IntegratedIntensity",
    "MeanIntensity",
    "StdIntensity",
    "MinIntensity",
    "MaxIntensity",
    "MassDisplacement",
    "LowerQuartileIntensity",
    "MedianIntensity",
    "MADIntensity",
    "UpperQuartileIntensity",
    "IntegratedIntensityEdge",
    "MeanIntensityEdge",
    "StdIntensityEdge",
    "MinIntensityEdge",
    "MaxIntensityEdge",
)
LOCATION_NAMES = (
    "CenterMassIntensity_X",
    "CenterMassIntensity_Y",
    "MaxIntensity_X",
    "MaxIntensity_Y",
)


@kernel
def _quantile(ascending: FloatArray, fraction: float) -> float:
    """CellProfiler's quantile: between the values around position n * fraction."""
    last = len(ascending) - 1
    position = len(ascending) * fraction
    low = min(int(position), last)
    high = min(low + 1, last)
    rest = position - low
    return ascending[low] * (1.0 - rest) + ascending[high] * rest


@kernel
def _deviation(ascending: FloatArray, median: float) -> float:
    """CellProfiler's median absolute deviation, from the middle of sorted values outwards."""
    n = len(ascending)
    position = n * 0.5
    low = min(int(position), n - 1)
    high = min(low + 1, n - 1)
    right = np.searchsorted(ascending, median)
    left = right - 1
    at_low = at_high = 0.0
    for i in range(high + 1):
        if right >= n or (left >= 0 and median - ascending[left] <= ascending[right] - median):
            distance = abs(ascending[left] - median)
            left -= 1
        else:
            distance = abs(ascending[right] - median)
            right += 1
        if i == low:
            at_low = distance
        if i == high:
            at_high = distance
    rest = position - low
    return at_low * (1.0 - rest) + at_high * rest


@kernel
def _measure(
    start: IntArray,
    y: IntArray,
    x: IntArray,
    edge: npt.NDArray[np.bool_],
    values: FloatArray,
    ascending: FloatArray,
    out: FloatArray,
) -> None:
    for k in range(len(start) - 1):
        a, b = start[k], start[k + 1]
        n = b - a
        for c in range(len(values)):
            s = ascending[c, a:b]
            row = out[k, c]
            total = total_y = total_x = 0.0
            sum_y, sum_x = 0, 0
            top, brightest = -np.inf, a
            edge_total, edge_n = 0.0, 0
            edge_low, edge_high = np.inf, -np.inf
            for p in range(a, b):
                w = values[c, p]
                total += w
                total_y += w * y[p]
                total_x += w * x[p]
                sum_y += y[p]
                sum_x += x[p]
                if w > top:
                    top, brightest = w, p
                if edge[p]:
                    edge_total += w
                    edge_n += 1
                    edge_low, edge_high = min(edge_low, w), max(edge_high, w)
            mean = total / n
            edge_mean = edge_total / edge_n if edge_n > 0 else 0.0
            square = edge_square = 0.0
            for p in range(a, b):
                d = values[c, p] - mean
                square += d * d
                if edge[p]:
                    d = values[c, p] - edge_mean
                    edge_square += d * d
            mass_y = total_y / total if total != 0 else np.nan
            mass_x = total_x / total if total != 0 else np.nan
            shift_y, shift_x = mass_y - sum_y / n, mass_x - sum_x / n
            median = _quantile(s, 0.5)
            row[0], row[1], row[2] = total, mean, np.sqrt(square / n)
            row[3], row[4] = s[0], s[n - 1]
            row[5] = np.sqrt(shift_y * shift_y + shift_x * shift_x)
            row[6], row[7], row[9] = _quantile(s, 0.25), median, _quantile(s, 0.75)
            row[8] = _deviation(s, median)
            # an object without an edge fills the field
            row[10:15] = 0.0
            if edge_n > 0:
                row[10], row[11], row[12] = edge_total, edge_mean, np.sqrt(edge_square / edge_n)
                row[13], row[14] = edge_low, edge_high
            row[15], row[16], row[17], row[18] = mass_x, mass_y, x[brightest], y[brightest]


def measure_intensity(objects: Objects, values: FloatArray, ascending: FloatArray) -> FloatArray:
    """Intensity and location features, shape (N, C, `NAMES` + `LOCATION_NAMES`).

    Parameters
    ----------
    objects
        N objects of P pixels.
    values
        Intensities of the pixels, shape (C, P).
    ascending
        The same, sorted within each object.

    Notes
    -----
    CellProfiler's definitions (cp_measure's ``legacy=True``): a quantile q of n values lies at
    position n q, not (n - 1) q. The edge are the pixels with a 4-neighbour outside.
    """
    out = np.empty((objects.size, len(values), len(NAMES) + len(LOCATION_NAMES)))
    _measure(objects.start, objects.y, objects.x, objects.edge, values, ascending, out)
    return out
