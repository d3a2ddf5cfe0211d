"""Ridge regression of many targets with gaps, at many penalties.

Targets that miss the same rows are one system of equations. Where nearly every target misses rows
of its own, the systems are made from sums over rows with the same gaps (:class:`Products`): one
matrix product for a block of targets, and the sums of inner splits are differences of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from phenoprot.tasks.scaling import Scaler

SMALLEST = 1e-10
"""Least penalty: with none, features that say the same have no one solution."""
CONSTANT = 1e-12
"""Share of the features' sum of squares below which that of a target's own rows is rounding."""
FEW_ROWS = 512
"""Up to so many fitted rows each system is made from its rows, which is the most exact way."""
TARGETS = 128
"""Targets whose systems are in memory at a time: a multiple of `WHOLE`."""
WHOLE = 16
"""Blocks are filled up to a multiple of this: matrix products round their edges otherwise than the
rest, and a target's last digits would depend on its place."""


def blocks(count: int) -> Iterator[slice]:
    """Cut `count` targets into blocks of `TARGETS`."""
    return (slice(first, first + TARGETS) for first in range(0, count, TARGETS))


class Sums(NamedTuple):
    """Sums over the known rows of each target, which its ridge regressions are made from."""

    products: np.ndarray
    """(targets, 1 + n_features, 1 + n_features): of a 1 and the features with one another."""
    cross: np.ndarray
    """(targets, 1 + n_features): of these with the labels."""
    squares: np.ndarray
    """(targets,): of the labels."""

    def without(self, other: Sums) -> Sums:
        """Sums over the rows that are not among those of `other`."""
        return Sums(*(own - part for own, part in zip(self, other, strict=True)))

    def weights(self, penalties: Sequence[float], least: float) -> np.ndarray:
        """Intercept and weights, (targets, penalties, 1 + n_features); no slope below `least`."""
        known, total = self.products[:, 0, 0], self.products[:, 0, 1:]
        n = np.maximum(known, 1)[:, None]
        centred = self.products[:, 1:, 1:] - total[:, :, None] * (total / n)[:, None]
        against = self.cross[:, 1:] - total * (self.cross[:, :1] / n)
        spread = np.trace(centred, axis1=1, axis2=2)
        scale = spread / np.clip(known, 1, total.shape[1])
        scale = np.where((spread > least) & (known > 1), scale, np.inf)[:, None]
        systems = np.repeat((centred / scale[..., None])[:, None], len(penalties), axis=1)
        diagonal = np.arange(total.shape[1])
        systems[..., diagonal, diagonal] += np.maximum(penalties, SMALLEST)[:, None]
        slopes = np.linalg.solve(systems, (against / scale)[:, None, :, None])[..., 0]
        level = (self.cross[:, :1] - (slopes @ total[..., None])[..., 0]) / n
        return np.concatenate([level[..., None], slopes], axis=2)

    def squared_errors(self, weights: np.ndarray) -> np.ndarray:
        """Sum over the rows for each target and penalty, from (targets, penalties, ...)."""
        quadratic = ((weights @ self.products) * weights).sum(axis=2)
        return quadratic - 2 * (weights @ self.cross[..., None])[..., 0] + self.squares[:, None]


class Products:
    """Products of features, summed over the rows of a training part that have the same gaps.

    Parameters
    ----------
    x
        (rows, n_features).
    known
        (rows, n_targets): whether there is a label.
    train, holdouts
        Rows to fit, and those of them that each inner split holds out.
    """

    def __init__(
        self,
        x: np.ndarray,
        known: np.ndarray,
        train: np.ndarray,
        holdouts: Sequence[np.ndarray] = (),
    ) -> None:
        self.train, self.holdouts = train, holdouts
        self.centre = x[train].mean(axis=0)
        self.z = np.column_stack([np.ones(len(train)), x[train] - self.centre])
        """Row by row of `train`: 1 and the features about their mean."""
        self.least = CONSTANT * float(np.square(self.z[:, 1:]).sum())
        held = np.array([np.isin(train, rows) for rows in holdouts], dtype=bool)
        held = held.reshape(-1, len(train))
        marks = np.packbits(np.column_stack([known[train], held.T]), axis=1)
        _, first, group = np.unique(marks, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(group.ravel(), kind="stable")
        starts = np.searchsorted(group.ravel()[order], np.arange(len(first)))
        sorted_z, width = self.z[order], self.z.shape[1]
        self._pair = np.empty((width, width), dtype=np.int64)
        self._products = np.empty((len(first), width * (width + 1) // 2))
        for i, at in enumerate(np.cumsum([0, *range(width, 1, -1)])):
            self._pair[i, i:] = self._pair[i:, i] = np.arange(at, at + width - i)
            some = sorted_z[:, i : i + 1] * sorted_z[:, i:]
            np.add.reduceat(some, starts, out=self._products[:, at : at + width - i])
        self._known = known[train[first]].T
        self._held_rows, self._held_groups = held, held[:, first]

    def sums(self, y: np.ndarray, targets: slice, split: int | None = None) -> Sums:
        """Sums of a block of targets over the training part, or what an inner split holds out.

        Parameters
        ----------
        y
            (rows of the training part, targets of the block); NaN where not known.
        targets, split
            The block among all targets; number of the inner split.
        """
        rows = slice(None) if split is None else self._held_rows[split]
        groups = slice(None) if split is None else self._held_groups[split]
        known, count = self._known[targets, groups], y.shape[1]
        weights = np.zeros((count + -count % WHOLE, known.shape[1]))
        weights[:count] = known
        products = (weights @ self._products[groups])[:count].take(self._pair, axis=1)
        labels = np.zeros((count + -count % WHOLE, len(self.z[rows])))
        labels[:count] = np.nan_to_num(y[rows]).T
        cross = (labels @ self.z[rows])[:count]
        return Sums(products, cross, np.square(labels[:count]).sum(axis=1))


def best_penalty(products: Products, y: np.ndarray, penalties: Sequence[float]) -> float:
    """The penalty with the lowest squared error on the inner hold-outs, over all targets.

    Parameters
    ----------
    products
        Of the features, the gaps of `y`, the training part and its inner splits.
    y
        (rows, n_targets): labels; errors count in their standard deviations over the training part.
    penalties
        As for :func:`ridge_path`; the first of equals wins.
    """
    errors = np.zeros((len(products.holdouts), len(penalties)))
    known = np.zeros((len(products.holdouts), 1))
    scaler = Scaler.fit(y[products.train])
    for some in blocks(y.shape[1]):
        own = Scaler(scaler.mean[some], scaler.sd[some]).scale(y[products.train, some])
        whole = products.sums(own, some)
        for split in range(len(errors)):
            held = products.sums(own, some, split)
            weights = whole.without(held).weights(penalties, products.least)
            errors[split] += held.squared_errors(weights).sum(axis=0)
            known[split] += held.products[:, 0, 0].sum()
    # A split that holds out no known label has an error of 0 and decides nothing.
    return penalties[int((errors / np.maximum(known, 1)).sum(axis=0).argmin())]


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
    x: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    penalties: Sequence[float],
    products: Products | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What :func:`ridge_path` predicts with; parameters are the same.

    Parameters
    ----------
    x, y, train, penalties
        As for :func:`ridge_path`.
    products
        Of `x`, the gaps of `y` and `train`, if they are there; taken beyond `FEW_ROWS` only.

    Returns
    -------
    weights, intercepts
        (penalties, n_features, n_targets) and (penalties, n_targets).
    """
    weights = np.empty((len(penalties), x.shape[1], y.shape[1]))
    intercepts = np.empty((len(penalties), y.shape[1]))
    if len(train) <= FEW_ROWS:
        for targets, own, centre, level in _solved(x, y, train, penalties):
            weights[:, :, targets], intercepts[:, targets] = own, level - centre @ own
        return weights, intercepts
    products = products or Products(x, ~np.isnan(y), train)
    for some in blocks(y.shape[1]):
        fitted = products.sums(y[train, some].astype(np.float64), some).weights(
            penalties, products.least
        )
        weights[:, :, some] = fitted[..., 1:].transpose(1, 2, 0)
        intercepts[:, some] = fitted[..., 0].T - products.centre @ weights[:, :, some]
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
