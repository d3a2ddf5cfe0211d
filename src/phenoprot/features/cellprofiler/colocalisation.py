"""Correlation: how pairs of channels lie together in each object."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects
from phenoprot.features.cellprofiler.ranks import RankArray

SYMMETRIC = ("Correlation", "Slope", "Overlap")
"""One value per pair of channels; the slope is that of the second on the first."""
DIRECTED = ("Manders", "RWC", "K")
"""Two values per pair: relative to the first channel, then to the second."""
PER_PAIR = len(SYMMETRIC) + 2 * len(DIRECTED)


@kernel
def _measure(
    start: IntArray,
    values: FloatArray,
    ascending: FloatArray,
    ranks: RankArray,
    first: IntArray,
    second: IntArray,
    threshold: float,
    out: FloatArray,
) -> None:
    channels = len(values)
    mean, square = np.empty(channels), np.empty(channels)
    limit, bright = np.empty(channels), np.empty(channels)
    top = np.empty(channels, np.int64)
    for k in range(len(start) - 1):
        a, b = start[k], start[k + 1]
        n = b - a
        for c in range(channels):
            total = 0.0
            for p in range(a, b):
                total += values[c, p]
            # the mean of equal values is that value, not its neighbour by rounding
            mean[c] = total / n if ascending[c, a] != ascending[c, b - 1] else ascending[c, a]
            limit[c] = threshold / 100 * ascending[c, b - 1]
            square[c] = bright[c] = 0.0
            top[c] = 0
            for p in range(a, b):
                v = values[c, p]
                square[c] += (v - mean[c]) * (v - mean[c])
                if v >= limit[c]:
                    bright[c] += v
                top[c] = max(top[c], ranks[c, p])
        for pair in range(len(first)):
            f, s = first[pair], second[pair]
            mean_f, mean_s, limit_f, limit_s = mean[f], mean[s], limit[f], limit[s]
            rank_range = max(top[f], top[s]) + 1
            product = 0.0
            together = 0
            sum_f = sum_s = ff = ss = fs = weighted_f = weighted_s = 0.0
            for p in range(a, b):
                u, v = values[f, p], values[s, p]
                product += (u - mean_f) * (v - mean_s)
                if u >= limit_f and v >= limit_s:
                    together += 1
                    weight = float(rank_range - abs(ranks[f, p] - ranks[s, p]))
                    sum_f += u
                    sum_s += v
                    ff += u * u
                    ss += v * v
                    fs += u * v
                    weighted_f += u * weight
                    weighted_s += v * weight
            row = out[k, pair]
            if n > 1:
                correlation = product / np.sqrt(square[f]) / np.sqrt(square[s])
                row[0] = correlation
                if not np.isnan(correlation):
                    row[0] = min(max(correlation, -1.0), 1.0)
                row[1] = product / square[f]
            else:
                row[0] = row[1] = np.nan
            if together == 0:
                row[2:] = 0.0
                continue
            row[2] = fs / np.sqrt(ff * ss)
            row[3], row[4] = sum_f / bright[f], sum_s / bright[s]
            row[5] = weighted_f / rank_range / bright[f]
            row[6] = weighted_s / rank_range / bright[s]
            row[7], row[8] = fs / ff, fs / ss


def measure_colocalisation(
    objects: Objects,
    values: FloatArray,
    ascending: FloatArray,
    ranks: RankArray,
    pairs: list[tuple[int, int]],
    threshold: float,
) -> FloatArray:
    """Colocalisation of pairs of channels, shape (N, pairs, `PER_PAIR`).

    Pearson's correlation and the slope use all pixels of an object; the overlap, Manders,
    rank-weighted (RWC) and K coefficients use those that reach the threshold in both channels.
    NaN where a channel is constant, as far as the definition divides by its spread.

    Parameters
    ----------
    objects
        N objects of P pixels.
    values, ascending, ranks
        Intensities of the pixels, sorted ones and ranks, each of shape (C, P).
    pairs
        Pairs of channel numbers.
    threshold
        Percentage of the object's maximum.
    """
    first, second = (np.array([pair[i] for pair in pairs], dtype=np.int64) for i in (0, 1))
    out = np.empty((objects.size, len(pairs), PER_PAIR))
    _measure(objects.start, values, ascending, ranks, first, second, threshold, out)
    return out
