"""Ridge regression of many targets with gaps, at many penalties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

SMALLEST = 1e-10
"""Least penalty: with none, features that say the same have no one solution."""


def ridge_path(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, penalties: Sequence[float]
) -> np.ndarray:
    """Ridge predictions for all rows at every penalty, with an unpenalised intercept.

    Parameters
    ----------
    x, y
        (rows, n_features) and (rows, n_targets); NaN in `y` is left out, target by target. A
        target without any value is predicted as 0.
    train
        Rows to fit.
    penalties
        In units of the number of fitted rows times the mean variance of the features (over as many
        dimensions as the rows can span); 0 is taken as `SMALLEST`.

    Returns
    -------
    numpy.ndarray
        (penalties, rows, n_targets).
    """
    scores = np.empty((len(penalties), len(x), y.shape[1]))
    for targets, weights, centre, level in _solved(x, y, train, penalties):
        scores[:, :, targets] = (x - centre) @ weights + level
    return scores


def ridge_weights(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, penalties: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """What :func:`ridge_path` predicts with; parameters are the same.

    Returns
    -------
    weights, intercepts
        (penalties, n_features, n_targets) and (penalties, n_targets).
    """
    weights = np.empty((len(penalties), x.shape[1], y.shape[1]))
    intercepts = np.empty((len(penalties), y.shape[1]))
    for targets, own, centre, level in _solved(x, y, train, penalties):
        weights[:, :, targets], intercepts[:, targets] = own, level - centre @ own
    return weights, intercepts


def _solved(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, penalties: Sequence[float]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Targets that miss the same rows, weights at every penalty, means of features and targets."""
    strength = np.maximum(penalties, SMALLEST)[:, None, None]
    diagonal = np.arange(x.shape[1])
    patterns, pattern_of = np.unique(~np.isnan(y[train]), axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        rows = train[patterns[:, k]]
        targets = np.flatnonzero(pattern_of.ravel() == k)
        known = y[np.ix_(rows, targets)]
        if len(rows) < 2:  # no slope to fit
            none = np.zeros((len(penalties), x.shape[1], len(targets)))
            yield targets, none, np.zeros(x.shape[1]), known.sum(axis=0)
            continue
        centre, level = x[rows].mean(axis=0), known.mean(axis=0)
        centred = x[rows] - centre
        products = centred.T @ centred
        scale = max(np.trace(products) / min(centred.shape), np.finfo(np.float64).tiny)
        systems = np.tile(products / scale, (len(penalties), 1, 1))
        systems[:, diagonal, diagonal] += strength[:, 0]
        weights = np.linalg.solve(systems, (centred.T @ (known - level) / scale)[None])
        yield targets, weights, centre, level
