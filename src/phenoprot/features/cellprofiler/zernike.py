"""Zernike moments of shapes and of intensities, up to a degree.

With the pixel at (x, y) in the unit disk of the enclosing circle, the moment (n, m) is the sum of
w R(n, m; r) (y + i x)**m: a polynomial in x and y. All moments of a degree are therefore linear in
the sums of w x**p y**q, which a pass over the pixels' rows yields for all weights w together.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial

import numpy as np

from phenoprot.core.compiled import kernel
from phenoprot.features.cellprofiler.objects import FloatArray, IntArray, Objects


def zernike_orders(degree: int) -> list[tuple[int, int]]:
    """The pairs (n, m) with m >= 0, n - m even and n <= degree, in CellProfiler's order."""
    return [(n, m) for n in range(degree + 1) for m in range(n % 2, n + 1, 2)]


@lru_cache
def _expansion(degree: int) -> tuple[FloatArray, FloatArray]:
    """Coefficients of x**p y**q in the real and imaginary part, each (orders, D + 1, D + 1)."""
    orders = zernike_orders(degree)
    parts = np.zeros((2, len(orders), degree + 1, degree + 1))
    for row, (n, m) in enumerate(orders):
        for k in range((n - m) // 2 + 1):
            radial = (-1) ** k * factorial(n - k)
            radial //= factorial(k) * factorial((n + m) // 2 - k) * factorial((n - m) // 2 - k)
            power = (n - m) // 2 - k  # of r**2 = x**2 + y**2
            for a in range(power + 1):
                for b in range(m + 1):  # i**b: 1, i, -1, -i
                    sign = -1 if b % 4 > 1 else 1
                    value = sign * radial * comb(power, a) * comb(m, b)
                    parts[b % 2, row, 2 * a + b, 2 * (power - a) + m - b] += value
    return parts[0], parts[1]


@kernel
def _power_sums(
    start: IntArray,
    y: IntArray,
    x: IntArray,
    box: IntArray,
    circle: FloatArray,
    weights: FloatArray,
    degree: int,
) -> FloatArray:
    """Sums of w x**p y**q inside the unit disk, shape (N, C + 1, D + 1, D + 1); first w = 1."""
    n, channels, size = len(box), len(weights), degree + 1
    out = np.zeros((n, channels + 1, size, size))
    row = np.empty((channels + 1, size))
    for k in range(n):
        cy, cx, radius = circle[k]
        x0 = box[k, 1]
        width = box[k, 3] - x0
        xs, powers = np.empty(width), np.empty((width, size))
        for j in range(width):
            xs[j] = (x0 + j - cx) / radius
            powers[j, 0] = 1.0
            for i in range(1, size):
                powers[j, i] = powers[j, i - 1] * xs[j]
        p = start[k]
        while p < start[k + 1]:
            at = y[p]
            ym = (at - cy) / radius
            row[:] = 0.0
            while p < start[k + 1] and y[p] == at:
                xm = xs[x[p] - x0]
                # a pixel on the circle is in or out by rounding, in this order of operations
                if not xm * xm + ym * ym > 1:
                    power = powers[x[p] - x0]
                    for i in range(size):
                        row[0, i] += power[i]
                    for c in range(channels):
                        w = weights[c, p]
                        for i in range(size):
                            row[c + 1, i] += w * power[i]
                p += 1
            factor = 1.0
            for q in range(size):
                for c in range(channels + 1):
                    for i in range(size - q):
                        out[k, c, i, q] += factor * row[c, i]
                factor *= ym
    return out


def measure_zernike(
    objects: Objects, circle: FloatArray, values: FloatArray, degree: int
) -> tuple[FloatArray, FloatArray]:
    """Zernike moments of shape and of intensity.

    Parameters
    ----------
    objects
        N objects of P pixels.
    circle
        Row, column and radius of the enclosing circles, shape (N, 3).
    values
        Intensities of the pixels, shape (C, P).
    degree
        Highest n.

    Returns
    -------
    shape, intensity
        Magnitudes of the shape over the circle's area, shape (N, K), and, for each channel,
        magnitudes over the pixel count and phases in radians in turns, shape (N, C, 2 K). The
        phase is CellProfiler's, arctan2(real, imaginary). NaN for an object of one pixel.
    """
    sums = _power_sums(objects.start, objects.y, objects.x, objects.box, circle, values, degree)
    flat = sums.reshape(*sums.shape[:2], (degree + 1) ** 2)
    real, imaginary = (
        np.matmul(flat, part.reshape(len(part), -1).T) for part in _expansion(degree)
    )
    magnitude = np.sqrt(real * real + imaginary * imaginary)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = magnitude[:, 0] / (np.pi * circle[:, 2] * circle[:, 2])[:, None]
    counts = np.diff(objects.start).astype(np.float64)
    phase = np.arctan2(real, imaginary)
    pairs = np.stack([magnitude[:, 1:] / counts[:, None, None], phase[:, 1:]], axis=-1)
    return shape, pairs.reshape(*pairs.shape[:2], -1)
