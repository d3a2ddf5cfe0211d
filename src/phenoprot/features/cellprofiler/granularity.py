"""Granularity: how much signal of an object each step of a growing opening takes away.

The mean of an opened image over an object, at the field's resolution, is linear in the subsampled
image: one list of weights per object serves all channels and steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects


@kernel
def _weights(
    start: IntArray,
    y: IntArray,
    x: IntArray,
    scale_y: float,
    scale_x: float,
    height: int,
    width: int,
) -> Any:
    """Weights of the subsampled pixels in each object's sum: object starts, pixels, weights."""
    n = len(start) - 1
    sheet = np.zeros(height * width)
    at = np.empty(height * width + 4, np.int64)
    first = np.zeros(n + 1, np.int64)
    pixels = np.empty(4 * len(y), np.int64)
    weights = np.empty(4 * len(y))
    size = 0
    for k in range(n):
        met = 0
        for p in range(start[k], start[k + 1]):
            r, c = y[p] * scale_y, x[p] * scale_x
            # the last row and column may fall just outside, by rounding: they then count as 0
            if r > height - 1 or c > width - 1:
                continue
            r0, c0 = int(r), int(c)
            fr, fc = r - r0, c - c0
            for corner in range(4):
                a, b = corner // 2, corner % 2
                weight = (fr if a == 1 else 1 - fr) * (fc if b == 1 else 1 - fc)
                if weight == 0:
                    continue
                cell = min(r0 + a, height - 1) * width + min(c0 + b, width - 1)
                if sheet[cell] == 0:
                    at[met] = cell
                    met += 1
                sheet[cell] += weight
        for m in range(met):
            pixels[size], weights[size] = at[m], sheet[at[m]]
            sheet[at[m]] = 0.0
            size += 1
        first[k + 1] = size
    return first, pixels[:size], weights[:size]


@kernel
def _spectrum(
    start: IntArray,
    first: IntArray,
    pixels: IntArray,
    weights: FloatArray,
    opened: FloatArray,
    values: FloatArray,
    out: FloatArray,
) -> None:
    channels, _, steps = opened.shape
    totals = np.empty(steps)
    for k in range(len(start) - 1):
        n = start[k + 1] - start[k]
        for c in range(channels):
            total = 0.0
            for p in range(start[k], start[k + 1]):
                total += values[c, p]
            totals[:] = 0.0
            for m in range(first[k], first[k + 1]):
                weight, levels = weights[m], opened[c, pixels[m]]
                for step in range(steps):
                    totals[step] += weight * levels[step]
            before = total / n
            signal = max(before, 2.220446049250313e-16)
            for step in range(steps):
                after = totals[step] / n
                out[k, c, step] = (before - after) * 100 / signal
                before = after


def measure_granularity(
    objects: Objects, opened: FloatArray, values: FloatArray, shape: tuple[int, int]
) -> FloatArray:
    """Granularity spectrum in percent of the object's mean intensity, shape (N, C, steps).

    Parameters
    ----------
    objects
        N objects of P pixels.
    opened
        `opened_images` of all channels, shape (C, y, x, steps).
    values
        Intensities of the pixels, shape (C, P).
    shape
        The field's (Y, X).
    """
    channels, height, width, steps = opened.shape
    scale_y, scale_x = ((a - 1) / (b - 1) for a, b in zip((height, width), shape, strict=True))
    first, pixels, weights = _weights(
        objects.start, objects.y, objects.x, scale_y, scale_x, height, width
    )
    out = np.empty((objects.size, channels, steps))
    flat = opened.reshape(channels, -1, steps)
    _spectrum(objects.start, first, pixels, weights, flat, values, out)
    return out
