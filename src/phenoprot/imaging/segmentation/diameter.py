"""The diameter of nuclei, measured on some fields of a screen: lengths of the method follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from phenoprot.core.errors import UserError, listed
from phenoprot.core.notices import warn
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.classical import above_black, bright_pixels, find_nuclei
from phenoprot.imaging.segmentation.masks import touching_border
from phenoprot.imaging.segmentation.settings import DNA, CellProfilerSettings
from phenoprot.screens.contract import FIELD_KEY

Floats = npt.NDArray[np.float32]

FIELDS = 6
"""Fields of view that are looked at, evenly spaced."""
ROUNDS, CLOSE = 4, 0.03
"""Most rounds, and the relative change that ends them."""
OFF = 1.4
"""A given diameter that differs by more than this factor from the measured one is suspicious."""
PART, SMALLEST = 1 / 40, 4.0
"""Of the shorter side of a field, the diameter to start from; and the smallest (px)."""


@dataclass(frozen=True)
class Measured:
    """What was found."""

    diameter: float
    """Of a disk of the median nucleus' area (px)."""
    nuclei: int
    """Behind it: those that the border does not cut."""
    fields: list[str]
    """Fields of view that were looked at."""

    def record(self, settings: CellProfilerSettings) -> dict[str, Any]:
        """JSON content: the diameter that is used, and what was measured."""
        return {
            "nucleus_diameter": settings.diameter,
            "measured": self.diameter,
            "nuclei": self.nuclei,
            "fields": self.fields,
        }


def settle_diameter(
    fields: pd.DataFrame, settings: CellProfilerSettings
) -> tuple[CellProfilerSettings, Measured | None]:
    """Put a number in the place of ``auto``; warn of a given one that does not fit.

    Parameters
    ----------
    fields
        Rows of the images table to measure on; some of them, evenly spaced, are read.
    settings
        Of the method.

    Returns
    -------
    settings, measured
        With a number; None if no nucleus was found.

    Raises
    ------
    UserError
        The diameter is ``auto``, and no nucleus was found.
    """
    places = np.unique(np.linspace(0, len(fields) - 1, FIELDS).astype(int))
    rows = fields.sort_values(FIELD_KEY).iloc[places].to_dict("records")
    names = [field_name(row) for row in rows]
    found = measure([read_field(row, (DNA,))[0] for row in rows], settings)
    given = settings.nucleus_diameter
    if found is None:
        if given != "auto":
            return settings, None
        raise UserError(
            f"no nucleus was found on {len(rows)} field(s) to measure: {listed(names)}",
            where="segmentation.cellprofiler.nucleus_diameter",
            remedy="Look at their images of DNA; or give the diameter as a number (px).",
        )
    diameter, nuclei = found
    if given == "auto":
        return settings.at(diameter), Measured(diameter, nuclei, names)
    if max(given / diameter, diameter / given) > OFF:
        warn(
            f"is {given:g} px, but {nuclei} nuclei on {len(rows)} fields have {diameter:g} px: "
            "nuclei may be cut in two or joined (give auto, or this number)",
            "segmentation.cellprofiler.nucleus_diameter",
        )
    return settings, Measured(diameter, nuclei, names)


def measure(dna: Sequence[Floats], settings: CellProfilerSettings) -> tuple[float, int] | None:
    """Find nuclei with the diameter of those found before, until it stays.

    Parameters
    ----------
    dna
        Light of DNA of some fields, (Y, X) each.
    settings
        Of the method; its diameter is not looked at.

    Returns
    -------
    diameter, nuclei
        Of a disk of the median area (px, to a tenth), and the number of nuclei behind it; None:
        there are none.
    """
    guesses = [guess for each in dna if (guess := rough_diameter(each, settings)) is not None]
    if not guesses:
        return None
    diameter, areas = float(np.median(guesses)), np.zeros(0)
    for _ in range(ROUNDS):
        areas = np.concatenate([inner_areas(each, settings.at(diameter)) for each in dna])
        if not len(areas):
            return None
        before, diameter = diameter, max(float(np.sqrt(4 / np.pi * np.median(areas))), SMALLEST)
        if abs(diameter / before - 1) < CLOSE:
            break
    return round(diameter, 1), len(areas)


def inner_areas(dna: Floats, settings: CellProfilerSettings) -> npt.NDArray[np.int64]:
    """Areas of the nuclei that the border does not cut (px)."""
    nuclei = find_nuclei(dna, settings)
    areas = np.bincount(nuclei.ravel())
    areas[0] = 0
    areas[touching_border(nuclei)] = 0
    return areas[areas > 0]


def rough_diameter(dna: Floats, settings: CellProfilerSettings) -> float | None:
    """Width of what is bright on a field, without knowing any length; None where nothing is.

    Twice the largest distance to the outline of each object, the median over the pixels of all: it
    is no larger where nuclei touch, and debris hardly counts.
    """
    unit = max(PART * min(dna.shape), SMALLEST)
    start = settings.at(unit)
    _, light = above_black(dna, start.model_copy(update={"smoothing": 1 / unit}))
    bright = bright_pixels(light, start)
    if not bright.any():
        return None
    objects, count = ndimage.label(bright)
    distance = ndimage.distance_transform_edt(bright)
    widest = np.asarray(ndimage.maximum(distance, objects, np.arange(1, count + 1)))
    return max(2 * float(np.median(widest[objects[bright] - 1])), SMALLEST)
