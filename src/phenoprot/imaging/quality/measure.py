"""Numbers of one field of view: focus, saturation, background, sizes of cells.

Images are measured as they are stored, before any illumination correction: this is about the
microscope.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import fft

from phenoprot.imaging.reader import Image
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.screens.contract import STAINS

FOCUS, SATURATED, BACKGROUND, MEDIAN, TOP = "Focus", "Saturated", "Background", "Median", "Top"
OF_STAINS = (FOCUS, SATURATED, BACKGROUND, MEDIAN, TOP)
"""Beginnings of the columns ``<name>_<stain>``: see :func:`measure_image`."""
AREA_RATIO = "AreaRatio"
"""Column: median over the cells of cell area / nucleus area; none without cells."""

LOW, HIGH = 0.05, 0.999
"""Quantiles of the pixels: background, and the top of the light."""
TRUNCATED = 8
"""Radii up to this part of the shorter side count: beyond lies the noise of the camera."""


def measure_field(images: Sequence[Image], masks: Masks) -> dict[str, float]:
    """Numbers of a field of view.

    Parameters
    ----------
    images
        (Y, X) uint8 or uint16 of each stain, in the order of the contract.
    masks
        Its nuclei and cells.

    Returns
    -------
    dict
        ``AreaRatio``, and :func:`measure_image` of each stain; NaN where there is no such number.
    """
    numbers = {AREA_RATIO: area_ratio(masks)}
    for stain, image in zip(STAINS, images, strict=True):
        numbers |= {f"{name}_{stain}": value for name, value in measure_image(image).items()}
    return numbers


def measure_image(image: Image) -> dict[str, float]:
    """Numbers of one image.

    Returns
    -------
    dict
        ``Focus``: see :func:`power_slope`. ``Saturated``: share of the pixels that have the
        highest count (CellProfiler's PercentMaximal / 100). ``Background``, ``Median``, ``Top``:
        the counts that 5, 50 and 99.9 % of the pixels do not exceed.
    """
    up_to = np.bincount(image.ravel()).cumsum()
    total = image.size
    # The smallest count that so many pixels do not exceed; a whole number of pixels, not a float.
    low, middle, top = (
        float(np.searchsorted(up_to, math.ceil(share * total - 1e-6))) for share in (LOW, 0.5, HIGH)
    )
    below = int(up_to[-2]) if len(up_to) > 1 else 0
    return {
        FOCUS: power_slope(image),
        SATURATED: 1 - below / total,
        BACKGROUND: low,
        MEDIAN: middle,
        TOP: top,
    }


def power_slope(image: Image) -> float:
    """Slope of the log power spectrum against the log radius: the more negative, the more blurred.

    PowerLogLogSlope of CellProfiler's MeasureImageQuality (Bray et al. 2012,
    doi:10.1177/1087057111420292), to the digits of float32: blur takes the high frequencies, while
    brightness and contrast move the whole line.

    Parameters
    ----------
    image
        (Y, X), of at least 32 px a side.

    Returns
    -------
    float
        NaN for a smaller image, and for one of a single value.
    """
    last = math.floor(min(image.shape) / TRUNCATED) - 1
    if last < 3:
        return math.nan
    values = image.astype(np.float32)
    values -= values.mean(dtype=np.float64)
    # Frequencies beyond the last radius are never transformed along the columns.
    spectrum = fft.fft(fft.rfft(values, axis=1)[:, : last + 1], axis=0)
    power = np.abs(spectrum).astype(np.float64) ** 2
    near = np.arange(last)
    # The four quadrants; like CellProfiler, frequency -(k + 1) has the radius of k.
    rings = (
        power[:last, :last]
        + power[-1 - near, :last]
        + power[-near][:, 1 : last + 1]
        + power[1 : last + 1, 1 : last + 1]
    )
    radius = np.floor(np.hypot(near[:, None], near)).astype(np.int64) + 1
    sums = np.bincount(radius.ravel(), rings.ravel())[2 : last + 1]
    if not (sums > 0).all():
        return math.nan
    x, y = np.log(np.arange(2, last + 1)), np.log(sums)
    x -= x.mean()
    return float(x @ (y - y.mean()) / (x @ x))


def area_ratio(masks: Masks) -> float:
    """Median over the cells of cell area / nucleus area; NaN without cells."""
    if not masks.count:
        return math.nan
    areas: list[npt.NDArray[np.int64]] = [
        np.bincount(labels.ravel(), minlength=masks.count + 1)[1:]
        for labels in (masks.cells, masks.nuclei)
    ]
    return float(np.median(areas[0] / areas[1]))
