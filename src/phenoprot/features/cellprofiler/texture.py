"""Texture: Haralick features of the grey levels of pixel pairs, by scale and direction.

An object has few pixel pairs for a matrix of 256 x 256 levels. The entries that occur are listed
as they are met, and the sums run over them alone. Most sums follow from the counts of levels, of
level sums and of level differences, which are whole numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.exposure import rescale_intensity
from skimage.util import img_as_ubyte

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects

NAMES = (
    "AngularSecondMoment",
    "Contrast",
    "Correlation",
    "Variance",
    "InverseDifferenceMoment",
    "SumAverage",
    "SumVariance",
    "SumEntropy",
    "Entropy",
    "DifferenceVariance",
    "DifferenceEntropy",
    "InfoMeas1",
    "InfoMeas2",
)
DIRECTIONS = np.array([[0, 1], [1, 1], [1, 0], [1, -1]], dtype=np.int64)
"""Row and column step of the directions 00 to 03."""
_LEVELS = 256

LevelImages = npt.NDArray[np.uint8]


@kernel
def _haralick(
    levels: IntArray,
    sums: IntArray,
    differences: IntArray,
    squares: int,
    n_log_n: float,
    pairs: int,
    highest: int,
    logs: FloatArray,
    out: FloatArray,
) -> None:
    """Write the 13 features.

    The symmetric matrix has T = 2 `pairs` counts. `levels` (both ends of a pair), `sums` and
    `differences` count pairs by level, sum and absolute difference; `squares` is the sum of the
    squared entries, `n_log_n` that of entry * log2(entry); `logs` holds n * log2(n).
    """
    t = 2 * pairs
    level_1 = level_2 = 0
    level_log = 0.0
    for i in range(1, highest + 1):
        n = levels[i]
        level_1 += i * n
        level_2 += i * i * n
        level_log += logs[n]
    sum_2, sum_log = 0, 0.0
    for i in range(2, 2 * highest + 1):
        n = sums[i]
        sum_2 += i * i * n
        sum_log += logs[2 * n]
    contrast, difference_square, difference_log, closeness = 0, 0, 0.0, 0.0
    for i in range(highest):
        n = differences[i]
        contrast += i * i * n
        difference_square += n * n
        difference_log += logs[2 * n]
        closeness += n / (1.0 + i * i)
    # t**2 times the variance of levels, and the covariance of the two ends
    variance = t * level_2 - level_1 * level_1
    covariance = t * ((sum_2 - contrast) // 2) - level_1 * level_1
    log_t = np.log2(float(t))
    entropy = level_entropy = 0.0
    if variance > 0:  # otherwise 0 but for rounding, which the information measures blow up
        entropy = log_t - n_log_n / t
        level_entropy = log_t - level_log / t
    size = highest + 1
    out[0] = squares / t / t
    out[1] = contrast / pairs
    out[2] = 1.0 if variance == 0 else covariance / variance
    out[3] = variance / t / t
    out[4] = closeness / pairs
    out[5] = 2.0 * level_1 / t
    out[6] = (2 * sum_2 * t - 4 * level_1 * level_1) / t / t
    out[7] = log_t - sum_log / t if variance > 0 else 0.0
    out[8] = entropy
    # the variance of the probabilities of the differences 0 to `highest`, as mahotas has it
    out[9] = (size * difference_square - pairs * pairs) / pairs / pairs / size / size
    out[10] = log_t - difference_log / t if contrast > 0 else 0.0
    # the matrix is symmetric: both cross entropies are twice the entropy of the levels
    out[11] = entropy - 2.0 * level_entropy
    if level_entropy > 0:
        out[11] /= level_entropy
    out[12] = np.sqrt(max(0.0, 1.0 - np.exp(-2.0 * (2.0 * level_entropy - entropy))))


@kernel
def _measure(
    start: IntArray,
    y: IntArray,
    x: IntArray,
    box: IntArray,
    images: LevelImages,
    scales: IntArray,
    directions: IntArray,
    logs: FloatArray,
    out: FloatArray,
) -> None:
    most = 0
    for k in range(len(box)):
        most = max(most, start[k + 1] - start[k])
    counts = np.zeros(_LEVELS * _LEVELS, np.int32)
    entries, met = np.empty(most + 1, np.int32), np.empty(most + 1, np.int32)
    grey, at = np.empty(most + 1, np.int32), np.empty(most + 1, np.int32)
    levels = np.zeros(_LEVELS, np.int64)
    sums = np.zeros(2 * _LEVELS, np.int64)
    differences = np.zeros(_LEVELS, np.int64)
    margin = scales.max()
    for k in range(len(box)):
        y0, x0, y1, x1 = box[k]
        # a margin of level 0 all around: no pair leaves the crop
        width = x1 - x0 + 2 * margin
        crop = np.zeros((y1 - y0 + 2 * margin) * width, np.uint8)
        for c in range(len(images)):
            highest = size = 0
            for p in range(start[k], start[k + 1]):
                level = int(images[c, y[p], x[p]])
                place = (y[p] - y0 + margin) * width + x[p] - x0 + margin
                crop[place] = level
                grey[size], at[size] = level, place
                size += level > 0
                highest = max(highest, level)
            # the matrix has rows of a power of two, no longer than the levels need: it stays small
            shift = 0
            while 1 << shift <= highest:
                shift += 1
            for s in range(len(scales)):
                for d in range(len(directions)):
                    step = scales[s] * (directions[d, 0] * width + directions[d, 1])
                    pairs = 0
                    for i in range(size):
                        u, v = int(grey[i]), int(crop[at[i] + step])
                        entries[pairs] = (min(u, v) << shift) | max(u, v)
                        pairs += v > 0
                    if pairs == 0:
                        # mahotas refuses the object if one direction has no pair
                        out[k, c, s] = np.nan
                        break
                    different = 0
                    for i in range(pairs):
                        n = counts[entries[i]]
                        counts[entries[i]] = n + 1
                        met[different] = entries[i]
                        different += n == 0
                    squares, n_log_n = 0, 0.0
                    for i in range(different):
                        n = int(counts[met[i]])
                        counts[met[i]] = 0
                        low, high = met[i] >> shift, met[i] & ((1 << shift) - 1)
                        levels[low] += n
                        levels[high] += n
                        sums[low + high] += n
                        differences[high - low] += n
                        if low == high:  # both ends of a pair
                            squares += 4 * n * n
                            n_log_n += logs[2 * n]
                        else:
                            squares += 2 * n * n
                            n_log_n += 2.0 * logs[n]
                    _haralick(
                        levels,
                        sums,
                        differences,
                        squares,
                        n_log_n,
                        pairs,
                        highest,
                        logs,
                        out[k, c, s, d],
                    )
                    levels[: highest + 1] = 0
                    sums[: 2 * highest + 1] = 0
                    differences[: highest + 1] = 0


def quantise(field: FloatArray, levels: int) -> LevelImages:
    """Intensities in [0, 1] rounded to grey levels 0 to `levels` - 1, shape as `field`."""
    bytes_: LevelImages = img_as_ubyte(field)
    if levels != _LEVELS:
        bytes_ = rescale_intensity(
            bytes_, in_range=(0, _LEVELS - 1), out_range=(0, levels - 1)
        ).astype(np.uint8)
    return bytes_


def measure_texture(objects: Objects, images: LevelImages, scales: tuple[int, ...]) -> FloatArray:
    """Haralick features, shape (N, C, scales, 4 directions, `NAMES`).

    Pixel pairs with a grey level of 0 do not count. An object without a pair in one of the
    directions has NaN in all of them. Haralick et al., IEEE Trans. SMC 3, 610 (1973), as mahotas
    computes them for CellProfiler.

    Parameters
    ----------
    objects
        N objects.
    images
        Grey levels, shape (C, Y, X).
    scales
        Distances of the two pixels, in pixels along an axis.
    """
    out = np.empty((objects.size, len(images), len(scales), len(DIRECTIONS), len(NAMES)))
    if objects.size == 0:
        return out
    n = np.arange(2 * int(np.diff(objects.start).max()) + 2, dtype=np.float64)
    logs = n * np.log2(np.maximum(n, 1))
    _measure(
        objects.start,
        objects.y,
        objects.x,
        objects.box,
        images,
        np.array(scales, dtype=np.int64),
        DIRECTIONS,
        logs,
        out,
    )
    return out
