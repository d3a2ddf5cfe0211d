"""Tests and calls: recalibrated F statistic, SAM correction, regulation.

Bayer et al. 2023 (doi:10.1038/s41467-023-43696-z), equations 6-8, with the conventions of
CurveCurator 0.6.0. Arrays have shape (N,).
"""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from phenoprot.curves.settings import FitSettings

# Codes of a call, in this order.
STATES = ("unclassified", "up", "down", "not")
UNCLASSIFIED, UP, DOWN, NOT = range(4)


def degrees_of_freedom(points: np.ndarray, settings: FitSettings) -> tuple[np.ndarray, np.ndarray]:
    """Numerator and denominator degrees of freedom for n = `points` (valid doses + control).

    Recalibrated (equation 8): 5 and (0.8 - 1 / ((n - 4)^4 / n + 4)) (n - 2.5); else k - 1 and
    n - k for k free parameters. NaN where n < k + 1.
    """
    n = np.asarray(points, dtype=np.float64)
    k = settings.free_parameters
    if settings.optimized_dofs:
        dfn = np.full_like(n, 5.0)
        dfd = (0.8 - 1 / ((n - 4) ** 4 / n + 4)) * (n - 2.5)
    else:
        dfn, dfd = np.full_like(n, k - 1.0), n - k
    if settings.dfn is not None:
        dfn = np.full_like(n, settings.dfn)
    if settings.dfd is not None:
        dfd = np.full_like(n, settings.dfd)
    enough = n >= k + 1
    return np.where(enough, dfn, np.nan), np.where(enough, dfd, np.nan)


def fudge_factor(dfn: np.ndarray, dfd: np.ndarray, settings: FitSettings) -> np.ndarray:
    """s0 = fc_lim / sqrt(F_alpha), with F_alpha from the F distribution at location 0."""
    critical = stats.f.ppf(1 - settings.alpha, dfn=dfn, dfd=dfd)
    return np.asarray(settings.fc_lim / np.sqrt(critical))


def p_value(
    f_value: np.ndarray, dfn: np.ndarray, dfd: np.ndarray, settings: FitSettings
) -> np.ndarray:
    """Upper tail of the F distribution with the location and scale of the settings."""
    standardised = (f_value - settings.loc) / settings.scale
    return np.where(standardised <= 0, 1.0, special.fdtrc(dfn, dfd, np.maximum(standardised, 0.0)))


def sam_correct(f_value: np.ndarray, fold_change: np.ndarray, s0: np.ndarray) -> np.ndarray:
    """F_adj = 1 / (1 / sqrt(F) + s0 / |fold change|)^2; 0 where F or the fold change is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        adjusted = 1 / (1 / np.sqrt(f_value) + s0 / np.abs(fold_change)) ** 2
    return np.asarray(adjusted)


def call(
    relevance: np.ndarray,
    fold_change: np.ndarray,
    pec50: np.ndarray,
    null_model: np.ndarray,
    null_rmse: np.ndarray,
    quality: np.ndarray,
    settings: FitSettings,
) -> np.ndarray:
    """Regulation of each curve as a code into `STATES`, int8.

    ``up`` / ``down``: relevance >= -log10(alpha), |fold change| >= fc_lim, pEC50 in its range.
    ``not``: less relevant, null RMSE <= not_rmse_limit, |log2 null model| <= fc_lim / 2. Everything
    else, and all signals not above quality_min, is unclassified.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        relevant = relevance >= -np.log10(settings.alpha)
        strong = relevant & (np.abs(fold_change) >= settings.fc_lim)
        if settings.pec50_filter is not None:
            low, high = settings.pec50_filter
            strong &= (pec50 >= low) & (pec50 <= high)
        else:
            strong &= np.isfinite(pec50)
        flat = ~relevant & (null_rmse <= settings.not_rmse_limit)
        flat &= np.abs(np.log2(null_model)) <= settings.fc_lim / 2
        states = np.full(len(relevance), UNCLASSIFIED, dtype=np.int8)
        states[flat] = NOT
        states[strong & (fold_change > 0)] = UP
        states[strong & (fold_change < 0)] = DOWN
        if settings.quality_min is not None:
            states[quality <= settings.quality_min] = UNCLASSIFIED
    return states
