"""The black level of an image, and the light above it: what a camera adds is not light.

Cameras have an offset, plates glow, and lamps light the middle of a field more than its corners.
Thresholds on the logarithm of raw counts move with all of that. So black is estimated for each
image: everywhere by itself for DNA, whose nuclei leave background between them, and once per image
for the stains of whole cells, which may leave little of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]

COUNT = np.float32(1 / 65535)
"""One count of a 16-bit camera: the least spread of a background."""
BLOCK = 1 / 2
"""Side of the blocks whose means stand for the light of a place (nucleus diameters)."""
QUANTILE = 25
"""Percentile of the blocks around a place that is its background: at most three quarters of them
may hold nuclei."""
LOW, LOWER, APART = 10, 1, 1.1
"""Percentiles of an image that are background, and their distance in standard deviations: 1.05
where cells cover nine tenths of the field, 1.15 where there are none."""


def local_black(light: Floats, diameter: float, window: float) -> Floats:
    """Background of each place, (Y, X).

    Parameters
    ----------
    light
        Smoothed, (Y, X).
    diameter
        Of a nucleus (px).
    window
        Side of the square around a place that is looked at (diameters).
    """
    step = max(1, round(BLOCK * diameter))
    blocks = block_means(light, step)
    side = int(window * diameter / step) | 1
    low = ndimage.percentile_filter(blocks, QUANTILE, size=side, mode="nearest")
    low = ndimage.gaussian_filter(low, side / 4, mode="nearest")
    # Between the centres of blocks by straight lines, first down, then across.
    y, x = ((np.arange(length) + 0.5) / step - 0.5 for length in light.shape)
    return _stretched(_stretched(low, y).T, x).T


def block_means(image: Floats, step: int) -> Floats:
    """Mean of each square of `step` px, (ceil(Y / step), ceil(X / step)); edges are mirrored."""
    margin = [(0, -length % step) for length in image.shape]
    whole = np.pad(image, margin, mode="symmetric")
    shape = (whole.shape[0] // step, step, whole.shape[1] // step, step)
    return np.asarray(whole.reshape(shape).mean(axis=(1, 3)), dtype=np.float32)


def _stretched(values: Floats, places: npt.NDArray[np.float64]) -> Floats:
    """Rows of a table at fractional places, (len(places), X)."""
    places = np.clip(places, 0, len(values) - 1)
    above = np.minimum(places.astype(np.int64), max(len(values) - 2, 0))
    below = np.minimum(above + 1, len(values) - 1)
    share = (places - above).astype(np.float32)[:, None]
    return np.asarray((1 - share) * values[above] + share * values[below], dtype=np.float32)


def spread(above: Floats) -> float:
    """Standard deviation of a background around 0, from the pixels below the median.

    Parameters
    ----------
    above
        Light above the local background, (Y, X); nuclei cover less than half of it.
    """
    low, middle = np.percentile(above, [10, 50])
    return max(float(middle - low) / 1.2816, float(COUNT))


def black_and_spread(light: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the background of an image, from its darkest tenth.

    Parameters
    ----------
    light
        Smoothed, (Y, X); at most nine tenths of it are covered by cells.
    """
    lower, low = np.percentile(light, [LOWER, LOW])
    sd = max(float(low - lower) / APART, float(COUNT))
    return float(low) + sd, sd
