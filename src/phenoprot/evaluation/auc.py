"""ROC AUC of many targets at once, with exact ties, and its chance level."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def auc_by_target(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """ROC AUC of every column: the Mann-Whitney statistic over average ranks.

    Parameters
    ----------
    labels
        (rows, targets): 1, 0, or NaN for a masked value.
    scores
        (rows, targets): higher means more likely 1; finite wherever a label is.

    Returns
    -------
    numpy.ndarray
        (targets,) float64; NaN for a target without both classes. Rank sums are exact
        half-integers, so the result is the correctly rounded quotient.
    """
    positives, negatives = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    rank_sums = np.where(labels == 1, _ranks(labels, scores), 0.0).sum(axis=0)
    return _auc(rank_sums, positives, negatives)


def _ranks(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average ranks among the unmasked rows; masked rows rank behind them all."""
    return rankdata(np.where(np.isnan(labels), np.inf, scores), method="average", axis=0)


def _auc(rank_sums: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    pairs = positives * negatives
    with np.errstate(invalid="ignore"):
        return (rank_sums - positives * (positives + 1) / 2) / np.where(pairs, pairs, np.nan)


def permuted_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    permutations: int,
    seed: int,
    compounds: np.ndarray | None = None,
) -> np.ndarray:
    """ROC AUC after permuting each target's labels among its unmasked compounds.

    The predictions and the numbers of positive and negative compounds stay as they are. All doses
    of a compound share its label and move together: permuting them one by one would make chance
    look smaller than it is. Targets with the same number of unmasked compounds share their
    permutations, which changes no expectation.

    Parameters
    ----------
    labels, scores
        (rows, targets), as in :func:`auc_by_target`.
    permutations, seed
        Number of permutations, random seed.
    compounds
        (rows,): compound of each row; None: every row is one.

    Returns
    -------
    numpy.ndarray
        (permutations, targets) float64; NaN for a target without both classes.
    """
    if compounds is None:
        compounds = np.arange(len(labels))
    codes = np.unique(compounds, return_inverse=True)[1]
    ranks = _ranks(labels, scores)
    result = np.full((permutations, labels.shape[1]), np.nan)
    present = ~np.isnan(labels)
    n_compounds = [len(np.unique(codes[rows])) for rows in present.T]
    last = -1
    # One set of permutations is in memory at a time.
    for target in np.argsort(n_compounds, kind="stable"):
        rows = present[:, target]
        rank_sum = np.bincount(codes[rows], ranks[rows, target])
        size = np.bincount(codes[rows])
        ones = np.bincount(codes[rows], labels[rows, target])[size > 0]
        rank_sum, size = rank_sum[size > 0], size[size > 0]
        positives = int((ones > 0).sum())
        if len(size) != last:
            rng = np.random.default_rng([seed, len(size)])
            last, order = len(size), rng.random((permutations, len(size))).argsort(axis=1)
        # A random subset of the compounds stands for the positives.
        subset = order[:, :positives]
        n_positive = size[subset].sum(axis=1)
        result[:, target] = _auc(rank_sum[subset].sum(axis=1), n_positive, size.sum() - n_positive)
    return result


def bootstrap_auc(labels: np.ndarray, scores: np.ndarray, row_weights: np.ndarray) -> np.ndarray:
    """ROC AUC with the rows drawn `row_weights` times.

    Parameters
    ----------
    labels, scores
        (rows, targets), as in :func:`auc_by_target`.
    row_weights
        (bootstraps, rows): how often each row is drawn.

    Returns
    -------
    numpy.ndarray
        (bootstraps, targets); NaN where a draw has not both classes.
    """
    result = np.full((len(row_weights), labels.shape[1]), np.nan)
    for target in range(labels.shape[1]):
        is_one, is_zero = labels[:, target] == 1, labels[:, target] == 0
        one, zero = scores[is_one, target], scores[is_zero, target]
        wins = (np.sign(one[:, None] - zero[None, :]) + 1) / 2
        weight_one, weight_zero = row_weights[:, is_one], row_weights[:, is_zero]
        pairs = weight_one.sum(axis=1) * weight_zero.sum(axis=1)
        # Weights are counts and wins halves: the sums are exact in any order.
        won = (weight_one @ wins * weight_zero).sum(axis=1)
        drawn = pairs > 0
        result[drawn, target] = won[drawn] / pairs[drawn]
    return result
