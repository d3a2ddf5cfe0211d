"""Intensities, their logarithms or centred levels: told from the values, confirmed by an option."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.imports.proteins.matrix import Scale

BASES: dict[str, float] = {"log2": 2.0, "log10": 10.0, "ln": math.e}
LARGEST_LOGARITHM = {"log2": 100.0, "log10": 30.0, "ln": 70.0}
"""Above these the intensity would be beyond 1e30."""
LOGARITHMS = (8.0, 50.0)
"""The median of a proteome's log2 intensities is at least the first, none is above the second."""
LEAST = 3.0
"""No log2 intensity of a proteome is below: it would be a count below 8."""
CENTRED = 0.1
"""Median of the controls' medians, in standard deviations, up to which values are centred."""
OPTION = (
    "Say which by --scale: linear (intensities), log2, log10 or ln (their logarithms), level "
    "(centred on the controls)."
)


def told_by(values: npt.NDArray[np.float64]) -> Literal["linear", "log", "signed"] | None:
    """What the values of a whole table say of their scale.

    Parameters
    ----------
    values
        Any shape, NaN where missing.

    Returns
    -------
    str or None
        ``signed``: some are negative, so they are logarithms of ratios or centred levels.
        ``linear``: the largest is above 100, which as a log2 would be an intensity of 1e30.
        ``log``: all lie between 3 and 50 with a median of at least 8. A proteome spans several
        decades, so all its intensities never do. None: they may be either.
    """
    present = values[np.isfinite(values)]
    if (present < 0).any():
        return "signed"
    present = present[present > 0]
    if not present.size:
        return None
    low, top = float(present.min()), float(present.max())
    if top > LARGEST_LOGARITHM["log2"]:
        return "linear"
    if low >= LEAST and top <= LOGARITHMS[1] and float(np.median(present)) >= LOGARITHMS[0]:
        return "log"
    return None


def unlike_plates(values: npt.NDArray[np.float64], plates: pd.Series) -> list[str]:
    """Plates whose values look like logarithms by themselves.

    Parameters
    ----------
    values
        (rows, samples), NaN where missing.
    plates
        (samples,) of each sample.
    """
    parts = {str(name): values[:, (plates == name).to_numpy()] for name in plates.unique()}
    return [name for name, part in parts.items() if told_by(part) == "log"]


def is_centred(values: npt.NDArray[np.float64], controls: npt.NDArray[np.intp]) -> bool:
    """Whether the values of control wells have a median about 0, protein by protein.

    Parameters
    ----------
    values
        (rows, samples), NaN where missing.
    controls
        (samples,) number of the plate for a negative control, -1 for other samples.
    """
    spread = float(np.nanstd(values))
    plates = [values[:, controls == plate] for plate in np.unique(controls[controls >= 0])]
    medians = [np.nanmedian(part[np.isfinite(part).any(axis=1)], axis=1) for part in plates]
    centres = np.concatenate(medians) if medians else np.empty(0)
    return bool(centres.size and spread > 0 and np.median(np.abs(centres)) <= CENTRED * spread)


def scale_of(
    values: npt.NDArray[np.float64],
    stated: Scale | None,
    by_format: Scale | None,
    centred: bool,
    where: str,
) -> Scale:
    """The scale of a table, by its values, its format and what the user says.

    Parameters
    ----------
    values
        All values, NaN where missing.
    stated
        What the user says; goes before the rest, and must not contradict the values.
    by_format
        What the source writes.
    centred
        Whether signed values are centred on the negative controls.
    where
        File.

    Raises
    ------
    UserError
        The values contradict what is stated or written by the format, or leave it open.
    """
    told = told_by(values)
    present = values[np.isfinite(values)]
    shown = f"{present.size} value(s) from {present.min():.4g} to {present.max():.4g}"
    if stated is None and told == "signed" and by_format is None and centred:
        return "level"
    scale = stated or by_format
    if scale is None:
        if told == "linear":
            return "linear"
        looks = {
            "signed": "some are negative: logarithms of ratios, or centred levels",
            "log": "they look like logarithms, of which base is not told",
            None: "they may be intensities or logarithms",
        }[told]
        raise UserError(f"the scale is open: {shown}; {looks}", where=where, remedy=OPTION)
    fault = _contradiction(scale, told, present)
    if fault:
        said = "--scale" if stated else "the format says"
        raise UserError(f"{said} {scale}, but {fault}: {shown}", where=where, remedy=OPTION)
    return scale


def _contradiction(scale: Scale, told: str | None, present: npt.NDArray[np.float64]) -> str | None:
    """What in the values cannot be on this scale; None: nothing."""
    fault = None
    if scale == "linear":
        fault = {"signed": "some values are negative", "log": "they look like logarithms"}.get(
            told or ""
        )
    elif scale == "level":
        fault = None if told == "signed" else "no value is negative, centred levels lie about 0"
    elif present.size and present.max() > LARGEST_LOGARITHM[scale]:
        fault = f"the largest value is no {scale} of an intensity"
    return fault


def to_linear(values: npt.NDArray[np.float64], scale: Scale) -> npt.NDArray[np.float64]:
    """Intensities from their logarithms; other scales stay as they are."""
    return np.power(BASES[scale], values) if scale in BASES else values
