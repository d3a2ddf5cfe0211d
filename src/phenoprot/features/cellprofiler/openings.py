"""The image part of the granularity: what openings of growing size leave of a channel.

It knows nothing of objects and is done once per channel; one component tree serves all steps.
"""

from __future__ import annotations

import numpy as np
from skimage.morphology import disk

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray
from phenoprot.features.cellprofiler.ranks import sort_within
from phenoprot.features.cellprofiler.settings import CellProfilerSettings


@kernel
def _resample(image: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Bilinear interpolation on the grid of `rows` and `columns`; 0 beyond the last pixel."""
    height, width = image.shape
    out = np.zeros((len(rows), len(columns)))
    for i in range(len(rows)):
        r = rows[i]
        if r < 0 or r > height - 1:
            continue
        r0 = int(np.floor(r))
        r1, fr = min(r0 + 1, height - 1), r - r0
        for j in range(len(columns)):
            c = columns[j]
            if c < 0 or c > width - 1:
                continue
            c0 = int(np.floor(c))
            c1, fc = min(c0 + 1, width - 1), c - c0
            upper = image[r0, c0] * (1 - fc) + image[r0, c1] * fc
            lower = image[r1, c0] * (1 - fc) + image[r1, c1] * fc
            out[i, j] = upper * (1 - fr) + lower * fr
    return out


@kernel
def _smallest_in_disk(padded: FloatArray, offsets: IntArray, margin: int) -> FloatArray:
    """Minimum over the offsets around each pixel of an image with a margin."""
    height, width = padded.shape[0] - 2 * margin, padded.shape[1] - 2 * margin
    out = np.full((height, width), np.inf)
    for o in range(len(offsets)):
        dy, dx = offsets[o, 0] + margin, offsets[o, 1] + margin
        for i in range(height):
            for j in range(width):
                v = padded[i + dy, j + dx]
                out[i, j] = v if v < out[i, j] else out[i, j]
    return out


def _open(image: FloatArray, radius: int) -> FloatArray:
    """Opening with a disk; the image is reflected at its border."""
    offsets = np.argwhere(disk(radius)).astype(np.int64) - radius
    padded = np.pad(image, radius, mode="symmetric")
    eroded = _smallest_in_disk(padded, offsets, radius)
    padded = np.pad(-eroded, radius, mode="symmetric")
    return -_smallest_in_disk(padded, offsets, radius)


@kernel
def _erode_repeatedly(image: FloatArray, out: FloatArray) -> None:
    """Minima over a pixel and its four neighbours, of `image` and then of the last ones."""
    steps, height, width = out.shape
    last = image
    for k in range(steps):
        for i in range(height):
            above, below = max(i - 1, 0), min(i + 1, height - 1)
            for j in range(width):
                v = last[i, j]
                v = v if v < last[above, j] else last[above, j]
                out[k, i, j] = v if v < last[below, j] else last[below, j]
            for j in range(1, width):
                v, other = out[k, i, j], last[i, j - 1]
                out[k, i, j] = v if v < other else other
            for j in range(width - 1):
                v, other = out[k, i, j], last[i, j + 1]
                out[k, i, j] = v if v < other else other
        last = out[k]


@kernel
def _tree(order: IntArray, image: FloatArray) -> IntArray:
    """Component tree of the upper level sets: the parent of each pixel in `order`.

    `order` lists the pixels of `image` in ascending order; pixels are known by their place in it.
    A pixel's parent is the place of the first lower pixel whose level set joins the component in
    which the pixel is the lowest. The lowest pixel is its own parent. Union by path compression:
    Najman and Couprie, IEEE Trans. Image Processing 15, 3531 (2006).
    """
    height, width = image.shape
    n, row = len(order), width + 2
    # a margin all around, of pixels that have no place
    place = np.full((height + 2) * row, n)
    at = np.empty(n, np.int64)
    for s in range(n):
        at[s] = (order[s] // width + 1) * row + order[s] % width + 1
        place[at[s]] = s
    parent, root = np.empty(n, np.int64), np.full(n + 1, -1)
    for s in range(n - 1, -1, -1):
        parent[s] = root[s] = s
        for step in (-row, -1, 1, row):
            t = place[at[s] + step]
            if root[t] < 0:
                continue
            top = t
            while root[top] != top:
                top = root[top]
            while root[t] != top:
                t, root[t] = root[t], top
            if top != s:
                parent[top] = root[top] = s
    return parent


@kernel
def _reconstruct(
    image: FloatArray, order: IntArray, parent: IntArray, eroded: FloatArray, out: FloatArray
) -> None:
    """Reconstruct `image` from each of the `eroded` images, in `out` (pixels, steps).

    The reconstruction of a pixel is the highest level at which its component still holds a pixel
    of the eroded image. A component of level f whose eroded image reaches m keeps min(f, m); the
    pixel takes the largest of these among the components around it.
    """
    steps, n = eroded.shape[0], len(order)
    flat, flat_eroded = image.ravel(), eroded.reshape(steps, -1)
    for p in range(n):
        for k in range(steps):
            out[p, k] = flat_eroded[k, p]
    for s in range(n - 1, 0, -1):
        p, above = order[s], order[parent[s]]
        for k in range(steps):
            v, other = out[p, k], out[above, k]
            out[above, k] = v if v > other else other
    for k in range(steps):
        out[order[0], k] = min(out[order[0], k], flat[order[0]])
    for s in range(1, n):
        p, above = order[s], order[parent[s]]
        level = flat[p]
        for k in range(steps):
            v, other = out[p, k], out[above, k]
            v = v if v < level else level
            out[p, k] = v if v > other else other


def _signal(image: FloatArray, settings: CellProfilerSettings) -> FloatArray:
    """The subsampled image less its background: an opening with a large disk."""
    small = np.array(image.shape)
    step = settings.granularity_subsample
    reduced = image
    if step < 1:
        small = (small * step).astype(np.int64)
        reduced = _resample(image, *(np.arange(0, n) / step for n in small.astype(np.float64)))
    step = settings.granularity_background_subsample
    if step == 1:
        return np.maximum(reduced - _open(reduced, settings.granularity_radius), 0.0)
    # the size is not rounded, so the grid is CellProfiler's
    coarse = small * step
    background = _resample(reduced, *(np.arange(0, n) / step for n in coarse))
    background = _open(background, settings.granularity_radius)
    grid = [
        np.arange(0, float(n)) * ((c - 1) / (n - 1)) for n, c in zip(small, coarse, strict=True)
    ]
    return np.maximum(reduced - _resample(background, *grid), 0.0)


def opened_images(field: FloatArray, settings: CellProfilerSettings) -> FloatArray | None:
    """The channels after each step of the spectrum, shape (C, y, x, steps) when subsampled.

    Subsample, subtract the background, then for each step erode once more and reconstruct: what is
    smaller than the step is gone, the rest is as before. None if the subsampled image has fewer
    than two rows or columns: the spectrum is not defined.

    Parameters
    ----------
    field
        Shape (C, Y, X).
    settings
        Subsampling, radius of the background, number of steps.
    """
    y, x = (int(n * settings.granularity_subsample) for n in field.shape[1:])
    if min(y, x) < 2:
        return None
    steps = settings.granularity_length
    opened, eroded = np.empty((len(field), y, x, steps)), np.empty((steps, y, x))
    whole = np.array([0, y * x])
    for image, out in zip(field, opened, strict=True):
        signal = _signal(image, settings)
        _erode_repeatedly(signal, eroded)
        order = sort_within(whole, signal.reshape(1, -1))[1][0]
        _reconstruct(signal, order, _tree(order, signal), eroded, out.reshape(-1, steps))
    return opened
