"""Scores of predicted protein levels, target by target."""

from __future__ import annotations

import numpy as np


def r2_by_target(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """1 - SSE / SST of every column, SST around the mean of `truth`.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.

    Returns
    -------
    numpy.ndarray
        (targets,); NaN with fewer than two values or a constant truth.
    """
    present = ~np.isnan(truth)
    n = present.sum(axis=0)
    y, p = np.where(present, truth, 0.0), np.where(present, predicted, 0.0)
    mean = y.sum(axis=0) / np.maximum(n, 1)
    sse = ((y - p) ** 2).sum(axis=0)
    sst = np.where(present, (y - mean) ** 2, 0.0).sum(axis=0)
    return 1 - sse / np.where(_varied(truth, present), sst, np.nan)


def _varied(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Columns with two different values. Their variance is no test: 0.1 + 0.1 + 0.1 is not 0.3."""
    highest = np.where(present, values, -np.inf).max(axis=0, initial=-np.inf)
    lowest = np.where(present, values, np.inf).min(axis=0, initial=np.inf)
    return highest > lowest


def pearson_r2_by_target(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Squared Pearson correlation of every column (Mehri et al. 2023, arXiv:2306.09391).

    It forgives a wrong scale and even a wrong sign, which 1 - SSE / SST does not. A constant
    prediction has no correlation and scores 0; NaN where the truth is constant.
    """
    present = ~np.isnan(truth)
    n = np.maximum(present.sum(axis=0), 1)
    y, p = np.where(present, truth, 0.0), np.where(present, predicted, 0.0)
    y = np.where(present, y - y.sum(axis=0) / n, 0.0)
    p = np.where(present, p - p.sum(axis=0) / n, 0.0)
    sst, spread = (y**2).sum(axis=0), (p**2).sum(axis=0)
    product = (y * p).sum(axis=0) ** 2
    defined = _varied(predicted, present) & (sst * spread > 0)
    r2 = np.divide(product, sst * spread, out=np.zeros_like(product), where=defined)
    return np.where(_varied(truth, present), r2, np.nan)


def smape_by_target(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Symmetric mean absolute percentage error: mean of 100 |p - y| / (|y| + |p|), 0 to 100 %.

    The form of Mehri et al. 2023; 0 / 0 counts as 0. NaN where nothing was measured.
    """
    present = ~np.isnan(truth)
    y, p = np.where(present, truth, 0.0), np.where(present, predicted, 0.0)
    total = np.abs(y) + np.abs(p)
    error = np.divide(np.abs(p - y), total, out=np.zeros_like(total), where=total > 0)
    n = present.sum(axis=0)
    return 100 * error.sum(axis=0) / np.where(n > 0, n, np.nan)


def permuted_r2(
    truth: np.ndarray, predicted: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """1 - SSE / SST after permuting each target's levels among its rows.

    Returns
    -------
    numpy.ndarray
        (permutations, targets); NaN as in :func:`r2_by_target`.
    """
    present = ~np.isnan(truth)
    result = np.full((permutations, truth.shape[1]), np.nan)
    orders: dict[int, np.ndarray] = {}
    for target in np.flatnonzero(_varied(truth, present)):
        y = truth[present[:, target], target].astype(np.float64)
        p = predicted[present[:, target], target].astype(np.float64)
        sst = ((y - y.mean()) ** 2).sum()
        if len(y) not in orders:
            rng = np.random.default_rng([seed, len(y)])
            orders[len(y)] = rng.random((permutations, len(y))).argsort(axis=1)
        # Only the cross term of the squared error depends on the order.
        cross = y[orders[len(y)]] @ p
        result[:, target] = 1 - ((y**2).sum() + (p**2).sum() - 2 * cross) / sst
    return result
