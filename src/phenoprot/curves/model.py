"""The dose-response model of CurveCurator and its bounds.

``f(x) = (front - back) / (1 + 10**(slope * (x + pEC50))) + back`` with x = log10 dose
(Bayer et al. 2023, doi:10.1038/s41467-023-43696-z, equation 1). The control is the point
x = -inf, y = 1.
"""

from __future__ import annotations

import numpy as np

LN10 = float(np.log(10.0))
# pEC50 may lie this many decades outside the doses.
PEC50_MARGIN = 2.0
SLOPE_LIMITS = (0.01, 10.0)
PLATEAU_LIMITS = (1e-4, 1e6)


def logistic(
    x: np.ndarray, pec50: np.ndarray, slope: np.ndarray, front: np.ndarray, back: np.ndarray
) -> np.ndarray:
    """Ratio predicted at log10 dose `x`; all arguments broadcast against each other."""
    with np.errstate(over="ignore"):
        return np.asarray((front - back) / (1 + 10 ** (slope * (x + pec50))) + back)


def pec50_limits(log_doses: np.ndarray) -> tuple[float, float]:
    """Lowest and highest pEC50 that is tried, from all doses of a design, shape (d,)."""
    return (
        float((-log_doses).min() - PEC50_MARGIN),
        float((-log_doses).max() + PEC50_MARGIN),
    )
