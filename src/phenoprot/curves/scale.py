"""Values whose scale looks wrong: logarithms given as intensities, nM given as uM."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phenoprot.core.notices import warn

LARGEST_LOGARITHM = 50.0
"""No intensity of an instrument has a log2 above this: 2^50 is 1e15."""
SMALLEST_MEDIAN = 5.0
"""Logarithms of intensities have a median above this (log10 of 1e5), ratios one about 1."""
LARGEST_TOP_DOSE = 1e-2
"""Molar. Hardly any compound dissolves at 10 mM; 10 uM, given in nM and read as uM, is 10 mM."""
SMALLEST_TOP_DOSE = 1e-12
"""Molar. Hardly any compound acts below 1 pM."""
ROUNDING = 1e-9


def look_like_logarithms(values: npt.NDArray[np.float64]) -> bool:
    """Whether the values of a whole table look like logarithms of intensities.

    They do if none is above :data:`LARGEST_LOGARITHM` and the median of those above 0 is at least
    :data:`SMALLEST_MEDIAN`. Ratios to a control and viabilities lie about 1, percentages reach
    100, and intensities, counts and signal-to-noise ratios of a proteome reach far more.
    """
    present = values[np.isfinite(values) & (values > 0)]
    if not present.size or present.max() > LARGEST_LOGARITHM:
        return False
    return bool(np.median(present) >= SMALLEST_MEDIAN)


def warn_of_logarithms(values: npt.NDArray[np.float64], what: str, where: str) -> None:
    """Warn if intensities look like logarithms.

    Parameters
    ----------
    values
        All values of a table, any shape, NaN where missing.
    what
        Their columns, for the message.
    where
        File or table.
    """
    if look_like_logarithms(values):
        present = values[np.isfinite(values) & (values > 0)]
        warn(
            f"all {present.size} intensities in {what} lie between {present.min():.4g} and "
            f"{present.max():.4g}: they look like logarithms, from which no curve can be "
            "called. Give the intensities themselves (2^x for log2 values). No action needed if "
            "they are not logarithms.",
            where,
        )


def warn_of_doses(molar: npt.NDArray[np.float64], what: str, where: str) -> None:
    """Warn if the highest dose is implausibly high or low.

    Parameters
    ----------
    molar
        Doses in mol/l; those of controls (0) may be among them.
    what
        The settings that give the unit, for the message.
    where
        File or table.
    """
    dosed = molar[np.isfinite(molar) & (molar > 0)]
    if not dosed.size:
        return
    top = float(dosed.max())
    if top >= LARGEST_TOP_DOSE * (1 - ROUNDING):
        wrong = f"at least {LARGEST_TOP_DOSE:g} M (10 mM)"
    elif top < SMALLEST_TOP_DOSE * (1 - ROUNDING):
        wrong = f"below {SMALLEST_TOP_DOSE:g} M (1 pM)"
    else:
        return
    warn(
        f"the highest dose is {top:.3g} M, {wrong}: the unit looks wrong, and every pEC50 with it. "
        f"Check {what}. No action needed if it is right.",
        where,
    )
