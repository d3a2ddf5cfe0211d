"""What the microscope makes of a field: debris, blur, uneven light, noise, 16-bit counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phenoprot.phantom.outlines import Floats, smooth_noise
from phenoprot.phantom.settings import ImageSettings
from phenoprot.phantom.stains import splat
from phenoprot.screens.contract import STAINS

Counts = npt.NDArray[np.uint16]

HAZE_BLUR = 15.0
"""Standard deviation of the light from out of focus (um)."""
DEAD_LIGHT = (1.8, 2.2, 2.6, 2.4, 2.0)
"""Light of a dead cell in each stain, relative to the bright parts of a live one."""
DEBRIS_LIGHT = (0.1, 0.25, 0.2, 1.2, 0.8)
"""Light of debris likewise."""
UNEVENNESS = np.float32(0.025)
"""Standard deviation of the background from place to place (share of it)."""
DEBRIS = 7.0
"""Grains of debris in a square of 432 um (count)."""


@dataclass(frozen=True)
class Optics:
    """What the fields of one plate share.

    Parameters
    ----------
    centre
        Row and column of the brightest point of each stain, as shares of the side, (5, 2).
    tilt
        Change of the light across the field in rows and columns, (5, 2).
    """

    centre: npt.NDArray[np.float64]
    tilt: npt.NDArray[np.float64]


def draw_optics(rng: np.random.Generator) -> Optics:
    """Draw the light path of a plate."""
    return Optics(
        centre=0.5 + 0.07 * rng.standard_normal((len(STAINS), 2)),
        tilt=0.03 * rng.standard_normal((len(STAINS), 2)),
    )


def illumination(optics: Optics, settings: ImageSettings) -> Floats:
    """Light that reaches each pixel, (5, Y, X): 1 in the middle, less towards the corners."""
    place = ((np.arange(settings.size) + 0.5) / settings.size).astype(np.float32)
    centre, tilt = (of.astype(np.float32)[:, :, None, None] for of in (optics.centre, optics.tilt))
    y, x = place[None, :, None] - centre[:, 0], place[None, None, :] - centre[:, 1]
    # 0.5 is the squared distance of a corner from the middle.
    fall = 1 - np.float32(settings.vignetting / 0.5) * (y**2 + x**2)
    return np.clip(fall * (1 + tilt[:, 0] * y + tilt[:, 1] * x), np.float32(0.05), None)


def expose(
    stains: Floats,
    dead: int,
    optics: Optics,
    settings: ImageSettings,
    rng: np.random.Generator,
) -> Counts:
    """Take the picture.

    Parameters
    ----------
    stains
        Light of the stains, (5, Y, X).
    dead
        Dead cells that lie on the field (count).
    optics
        Light path of the plate.
    settings
        Light levels, blur and noise.
    rng
        Random stream of the field's exposure.

    Returns
    -------
    counts
        (5, Y, X) uint16, as a camera would store them.
    """
    light = stains + _debris(settings, rng) + _dead_cells(dead, settings, rng)
    blur = settings.blur / settings.pixel_size * np.exp(settings.focus_sd * rng.standard_normal())
    brightness = np.array(settings.brightness, dtype=np.float32)[:, None, None]
    background = np.array(settings.background, dtype=np.float32)[:, None, None]
    far = HAZE_BLUR / settings.pixel_size
    sharp = np.stack([ndimage.gaussian_filter(channel, blur) for channel in light])
    # Light from far away is so smooth that every fourth pixel says all.
    haze = np.stack([_wide_blur(channel, far) for channel in light])
    light = (1 - settings.haze) * sharp + settings.haze * haze
    patches = [smooth_noise(settings.size, 7 / settings.pixel_size, rng) for _ in STAINS]
    signal = light * brightness + background * (1 + UNEVENNESS * np.stack(patches))
    level = np.clip(signal * illumination(optics, settings), 0, None)
    # Shot noise of many photons is normal; so is its sum with the camera's.
    noise_sd = np.sqrt(
        level * np.float32(settings.photon_gain) + np.float32(settings.read_noise**2)
    )
    counts = level + noise_sd * rng.standard_normal(level.shape, dtype=np.float32)
    return np.clip(np.rint(counts), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def _wide_blur(channel: Floats, sigma: float) -> Floats:
    """Blur on a grid of a quarter of the resolution, and back."""
    size = channel.shape[0]
    coarse = channel[: size // 4 * 4, : size // 4 * 4]
    coarse = coarse.reshape(size // 4, 4, size // 4, 4).mean(axis=(1, 3))
    coarse = ndimage.gaussian_filter(coarse, sigma / 4, mode="nearest")
    place = np.clip((np.arange(size) - 1.5) / 4, 0, size // 4 - 1)
    low = np.minimum(place.astype(int), size // 4 - 2)
    share = (place - low).astype(np.float32)
    rows = coarse[low] * (1 - share)[:, None] + coarse[low + 1] * share[:, None]
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


def _debris(settings: ImageSettings, rng: np.random.Generator) -> Floats:
    """Small bright grains, most of them in AGP and Mito."""
    side = settings.size * settings.pixel_size
    count = int(rng.poisson(DEBRIS * (side / 432) ** 2))
    place = rng.uniform(0, settings.size, (2, count))
    # A grain is a short row of points.
    heading, length = rng.uniform(0, np.pi, count), rng.gamma(2.0, 1.0, count)
    along = np.linspace(-0.5, 0.5, 5)[:, None] * length
    light = (
        0.72 / settings.pixel_size**2 * np.exp(0.6 * rng.standard_normal(count)) * np.ones((5, 1))
    )
    rows, columns = place[0] + along * np.sin(heading), place[1] + along * np.cos(heading)
    grains = splat((rows.ravel(), columns.ravel(), light.ravel()), (settings.size, settings.size))
    return grains * np.array(DEBRIS_LIGHT, dtype=np.float32)[:, None, None]


def _dead_cells(count: int, settings: ImageSettings, rng: np.random.Generator) -> Floats:
    """Round cells that have let go of the ground, bright in all stains."""
    size = settings.size
    image = np.zeros((len(STAINS), size, size), dtype=np.float32)
    for _ in range(count):
        row, column = rng.uniform(0, size, 2)
        radius = rng.uniform(4.5, 7.5) / settings.pixel_size
        level = np.exp(0.3 * rng.standard_normal(len(STAINS)))
        y, x = np.ogrid[:size, :size]
        distance = np.hypot(y - row, x - column)
        sphere = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1))
        core = np.sqrt(np.clip(1 - (distance / (0.75 * radius)) ** 2, 0, 1))
        for stain, light in enumerate(DEAD_LIGHT):
            body = core if STAINS[stain] == "DNA" else sphere
            image[stain] += (light * level[stain] * body).astype(np.float32)
    return image
