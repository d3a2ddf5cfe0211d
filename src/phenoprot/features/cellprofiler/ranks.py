"""Sorted intensities and ranks of every object, by a radix sort within the object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray

RankArray = npt.NDArray[np.int32]

_DIGIT = 8
_RADIX = 1 << _DIGIT
_PASSES = 3
_KEYS = float((1 << _DIGIT * _PASSES) - 1)


@kernel
def _sort(
    start: IntArray, values: FloatArray, ascending: FloatArray, order: IntArray, ranks: RankArray
) -> None:
    most = 0
    for k in range(len(start) - 1):
        most = max(most, start[k + 1] - start[k])
    keys, other_keys = np.empty(most, np.uint32), np.empty(most, np.uint32)
    index, other_index = np.empty(most, np.int64), np.empty(most, np.int64)
    counts = np.empty((_PASSES, _RADIX), np.int64)
    for k in range(len(start) - 1):
        a, n = start[k], start[k + 1] - start[k]
        counts[:] = 0
        lowest, highest = np.inf, -np.inf
        for i in range(n):
            lowest, highest = min(lowest, values[a + i]), max(highest, values[a + i])
        scale = _KEYS / (highest - lowest) if highest > lowest else 0.0
        for i in range(n):
            key = np.uint32((values[a + i] - lowest) * scale)
            keys[i], index[i] = key, i
            for digit in range(_PASSES):
                counts[digit, (key >> np.uint32(_DIGIT * digit)) & np.uint32(_RADIX - 1)] += 1
        for digit in range(_PASSES):
            shift = np.uint32(_DIGIT * digit)
            if counts[digit, (keys[0] >> shift) & np.uint32(_RADIX - 1)] == n:
                continue  # all pixels have this digit
            total = 0
            for r in range(_RADIX):
                here = counts[digit, r]
                counts[digit, r] = total
                total += here
            for i in range(n):
                bucket = (keys[i] >> shift) & np.uint32(_RADIX - 1)
                at = counts[digit, bucket]
                counts[digit, bucket] = at + 1
                other_keys[at], other_index[at] = keys[i], index[i]
            keys, other_keys = other_keys, keys
            index, other_index = other_index, index
        # unequal values may share a key
        for i in range(n):
            at, v = index[i], values[a + index[i]]
            j = i
            while j > 0 and ascending[a + j - 1] > v:
                ascending[a + j], order[a + j] = ascending[a + j - 1], order[a + j - 1]
                j -= 1
            ascending[a + j], order[a + j] = v, a + at
        rank = np.int32(0)
        for i in range(n):
            if i > 0 and ascending[a + i] != ascending[a + i - 1]:
                rank += np.int32(1)
            ranks[order[a + i]] = rank


def sort_within(start: IntArray, values: FloatArray) -> tuple[FloatArray, IntArray, RankArray]:
    """Sort the values of each object.

    Parameters
    ----------
    start
        First value of each object and the number of values, shape (N + 1,).
    values
        Finite values of each channel, shape (C, P).

    Returns
    -------
    ascending, order, ranks
        Values sorted within each object, where each stood, and the dense rank of each value within
        its object (equal values share one); each of shape (C, P).
    """
    values = np.ascontiguousarray(values)  # one layout, one variant of the kernel
    ascending, order = np.empty_like(values), np.empty(values.shape, np.int64)
    ranks = np.empty(values.shape, np.int32)
    for c in range(len(values)):
        _sort(start, values[c], ascending[c], order[c], ranks[c])
    return ascending, order, ranks
