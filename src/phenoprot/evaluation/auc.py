"""Placements of scores among those of the other class, with exact ties: what a ROC AUC is of."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def placements(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of the other class that each row is on the right side of, ties by half.

    From ranks within all rows and within the own class, in O(n log n) (Sun & Xu 2014, IEEE Signal
    Processing Letters 21:1389).

    Parameters
    ----------
    labels
        (rows, targets): 1, 0, or NaN for a masked value.
    scores
        (rows, targets): higher means more likely 1; finite wherever a label is.

    Returns
    -------
    numpy.ndarray
        (rows, targets): for a positive the share of the negatives below it, for a negative the
        share of the positives above it; their means over either class are the AUC. 0 where masked
        or where the other class is empty.
    """
    result = np.zeros(scores.shape)
    there = ~np.isnan(labels)
    ranks = _ranks_among(there, scores)
    for label, other in ((1, 0), (0, 1)):
        own, n_other = labels == label, (labels == other).sum(axis=0)
        below = (ranks - _ranks_among(own, scores)) / np.maximum(n_other, 1)
        right = below if label == 1 else 1 - below
        result = np.where(own & (n_other > 0), right, result)
    return result


def _ranks_among(members: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average ranks among the members of each column; others rank behind them all."""
    return rankdata(np.where(members, scores, np.inf), method="average", axis=0)


def auc_by_target(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """ROC AUC of every column: the mean placement of its positives.

    Parameters
    ----------
    labels, scores
        (rows, targets), as in :func:`placements`.

    Returns
    -------
    numpy.ndarray
        (targets,) float64; NaN for a target without both classes.
    """
    positives, negatives = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    placed = np.where(labels == 1, placements(labels, scores), 0.0).sum(axis=0)
    return placed / np.where((positives > 0) & (negatives > 0), positives, np.nan)
