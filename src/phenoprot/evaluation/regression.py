"""Scores of predicted protein levels, target by target."""

from __future__ import annotations

import numpy as np

from phenoprot.evaluation.level_counting import count_pairs, count_pairs_within


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

    The form of Mehri et al. 2023; 0 / 0 counts as 0. NaN where nothing was measured. It depends on
    where 0 lies: levels around 1 have small ones, the same levels around 0 large ones.
    """
    present = ~np.isnan(truth)
    y, p = np.where(present, truth, 0.0), np.where(present, predicted, 0.0)
    total = np.abs(y) + np.abs(p)
    error = np.divide(np.abs(p - y), total, out=np.zeros_like(total), where=total > 0)
    n = present.sum(axis=0)
    return 100 * error.sum(axis=0) / np.where(n > 0, n, np.nan)


def rmse_by_target(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Root mean squared error of every column, in its own unit; NaN where nothing was measured.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.
    """
    present = ~np.isnan(truth)
    error = np.where(present, truth - predicted, 0.0)
    n = present.sum(axis=0)
    return np.sqrt((error**2).sum(axis=0) / np.where(n > 0, n, np.nan))


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient; NaN where the whole is 0."""
    return part / np.where(whole > 0, whole, np.nan)


def sums_by(codes: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Sum the rows of `values` that have the same code.

    Parameters
    ----------
    codes
        (rows,): 0 to n - 1.
    values
        (rows, ...).
    n
        Number of codes.

    Returns
    -------
    numpy.ndarray
        (n, ...).
    """
    order = np.argsort(codes, kind="stable")
    result = np.zeros((n, *values.shape[1:]))
    there, starts = np.unique(codes[order], return_index=True)
    if len(there):
        result[there] = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
    return result


def concordant_pairs(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows that each row is in, and those that are predicted in the right order.

    Their quotient over all rows is Harrell's C (Harrell et al. 1982,
    doi:10.1001/jama.1982.03320430047030). 0.5 is chance, and with levels 0 and 1 it is the ROC AUC:
    it puts a regression on the scale of a classification without a threshold for calls.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.

    Returns
    -------
    right, pairs
        (rows, targets): pairs in the right order, ties by half, and all whose levels differ. A pair
        counts at both of its rows.
    """
    columns = (np.ascontiguousarray(of.T, dtype=np.float64) for of in (truth, predicted))
    right, pairs = np.empty((2, *truth.T.shape))
    count_pairs(*columns, right, pairs)
    return right.T, pairs.T


def concordant_pairs_within(
    truth: np.ndarray, predicted: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same, of pairs of rows that have the same code.

    Parameters
    ----------
    truth, predicted
        (rows, targets); NaN in `truth` is left out.
    codes
        (rows,).
    """
    columns = (np.ascontiguousarray(of.T, dtype=np.float64) for of in (truth, predicted))
    rows = np.argsort(codes, kind="stable")
    starts = np.append(np.unique(codes[rows], return_index=True)[1], len(rows))
    right, pairs = np.empty((2, *truth.T.shape))
    count_pairs_within(*columns, rows, starts, right, pairs)
    return right.T, pairs.T
