"""Scores of predicted protein levels, target by target."""

from __future__ import annotations

import numpy as np

ROUNDING = 1e-10
"""Share of a sum of squares below which what is left after centring is rounding."""
PAIRS_AT_A_TIME = 2**22
"""Pairs of rows, counted per target, that are compared at once: some 150 MB of temporaries."""


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


def concordance_by_target(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Share of the pairs of rows whose levels differ that are predicted in the right order.

    Harrell's C (Harrell et al. 1982, doi:10.1001/jama.1982.03320430047030); a tie of the
    predictions counts one half. 0.5 is chance, and with levels 0 and 1 it is the ROC AUC: it puts
    a regression on the scale of a classification without a threshold for calls.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.

    Returns
    -------
    numpy.ndarray
        (targets,); NaN where no two levels differ.
    """
    n_rows, n_targets = truth.shape
    right, pairs = np.zeros(n_targets), np.zeros(n_targets, dtype=np.int64)
    width = max(1, PAIRS_AT_A_TIME // max(1, n_rows**2))
    height = max(1, PAIRS_AT_A_TIME // max(1, n_rows * width))
    for start in range(0, n_targets, width):
        block = slice(start, start + width)
        for first in range(0, n_rows, height):
            rows = slice(first, first + height)
            # Sums of halves are exact in any order.
            won, compared = _concordant(truth[:, block], predicted[:, block], rows)
            right[block] += won
            pairs[block] += compared
    return right / np.where(pairs > 0, pairs, np.nan)


def _concordant(
    truth: np.ndarray, predicted: np.ndarray, rows: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of `rows` with lower ones: those in the right order, ties by half, and all."""
    higher = truth[rows, None] > truth[None, :]  # False where either is NaN
    right = (np.sign(predicted[rows, None] - predicted[None, :]) + 1) / 2
    return np.where(higher, right, 0.0).sum(axis=(0, 1)), higher.sum(axis=(0, 1))


def permuted_r2(
    truth: np.ndarray,
    predicted: np.ndarray,
    permutations: int,
    seed: int,
    compounds: np.ndarray | None = None,
) -> np.ndarray:
    """1 - SSE / SST after permuting the levels among the compounds, dose by dose.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.
    permutations, seed
        Number of permutations, random seed.
    compounds
        (rows,): compound of each row, doses of each in ascending order; None: every row is one.
        Compounds trade places with those that have as many levels.

    Returns
    -------
    numpy.ndarray
        (permutations, targets); NaN as in :func:`r2_by_target`.
    """
    present = ~np.isnan(truth)
    varied = _varied(truth, present)
    names = np.arange(len(truth)) if compounds is None else compounds
    result = np.full((permutations, truth.shape[1]), np.nan)
    patterns = {target: present[:, target].tobytes() for target in np.flatnonzero(varied)}
    last = None
    # Targets with the same missing levels share their permutations: one set in memory at a time.
    for target in sorted(patterns, key=patterns.__getitem__):
        there = present[:, target]
        if patterns[target] != last:
            last, order = patterns[target], _block_permutations(names[there], permutations, seed)
        y = truth[there, target].astype(np.float64)
        p = predicted[there, target].astype(np.float64)
        sst = ((y - y.mean()) ** 2).sum()
        # Only the cross term of the squared error depends on the order.
        cross = y[order] @ p
        result[:, target] = 1 - ((y**2).sum() + (p**2).sum() - 2 * cross) / sst
    return result


def _block_permutations(names: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Row numbers (permutations, rows) after compounds with equally many rows trade places."""
    codes = np.unique(names, return_inverse=True)[1]
    by_compound = np.argsort(codes, kind="stable")
    size = np.bincount(codes)
    start = np.cumsum(size) - size
    rng = np.random.default_rng(seed)
    orders = np.empty((permutations, len(names)), dtype=np.int64)
    for rows in np.unique(size):
        same = np.flatnonzero(size == rows)
        traded = same[rng.random((permutations, len(same))).argsort(axis=1)]
        for i in range(rows):
            orders[:, by_compound[start[same] + i]] = by_compound[start[traded] + i]
    return orders


def bootstrap_r2(
    truth: np.ndarray, predicted: np.ndarray, row_weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """1 - SSE / SST and squared Pearson correlation with the rows drawn `row_weights` times.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.
    row_weights
        (bootstraps, rows): how often each row is drawn.

    Returns
    -------
    r2, pearson_r2
        (bootstraps, targets); NaN where the drawn truth is constant, as in :func:`r2_by_target`.
    """
    present = ~np.isnan(truth)
    count = np.maximum(present.sum(axis=0), 1)
    y, p = np.where(present, truth, 0.0), np.where(present, predicted, 0.0)
    # Both around the undrawn mean: sums of squares then cancel little.
    centre = y.sum(axis=0) / count
    y, p = np.where(present, y - centre, 0.0), np.where(present, p - centre, 0.0)
    n = np.maximum(row_weights @ present, 1)
    sum_y, sum_p = row_weights @ y, row_weights @ p
    yy, pp, yp = row_weights @ y**2, row_weights @ p**2, row_weights @ (y * p)
    sst, spread, product = yy - sum_y**2 / n, pp - sum_p**2 / n, yp - sum_y * sum_p / n
    varied = sst > ROUNDING * yy
    pearson = np.zeros_like(sst)
    correlated = varied & (spread > ROUNDING * pp)
    np.divide(product**2, sst * spread, out=pearson, where=correlated)
    sst = np.where(varied, sst, np.nan)
    return 1 - (yy - 2 * yp + pp) / sst, np.where(varied, pearson, np.nan)
