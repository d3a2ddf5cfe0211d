"""Placements of scores among those of the other class, with exact ties: what a ROC AUC is of."""

from __future__ import annotations

import numpy as np

from phenoprot.evaluation.auc_counting import place


def placements(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of the other class that each row is on the right side of, ties by half.

    One sweep by ascending score (Sun & Xu 2014, IEEE Signal Processing Letters 21:1389, call these
    shares placements, and estimate from them).

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
    placed = np.zeros(scores.shape[::-1])
    by_target = (np.ascontiguousarray(values.T, dtype=np.float64) for values in (labels, scores))
    label, score = by_target
    place(label, score, np.argsort(score, axis=1), placed)
    return np.ascontiguousarray(placed.T)


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
