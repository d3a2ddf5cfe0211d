"""Statistics that several packages share."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjust p values to control the false discovery rate (Benjamini & Hochberg 1995).

    :func:`scipy.stats.false_discovery_control` does not take NaN, and rounds differently: it
    multiplies by ``tests / rank``, this function multiplies by ``tests`` and then divides.

    Parameters
    ----------
    p
        p values, shape (tests, ...). Each column is adjusted separately; NaN is no test.

    Returns
    -------
    numpy.ndarray
        Adjusted p values, float64, same shape. NaN stays NaN.
    """
    p = np.asarray(p, dtype=np.float64)
    tests = (~np.isnan(p)).sum(axis=0)
    order = np.argsort(p, axis=0)  # NaN last
    rank = np.arange(1, len(p) + 1).reshape(-1, *[1] * (p.ndim - 1))
    scaled = np.take_along_axis(p, order, axis=0) * tests / rank
    # fmin ignores the NaNs at the end, which would otherwise replace every smaller rank.
    stepped = np.fmin.accumulate(scaled[::-1], axis=0)[::-1]
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1.0), axis=0)
    return np.where(np.isnan(p), np.nan, adjusted)
