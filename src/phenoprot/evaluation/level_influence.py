"""Scores over all proteins in each repeat, and what each compound does to them.

A compound's influence is what a score changes by when the compound is left out of the test folds,
the predictions staying as they are: the leave-one-out values of the jackknife, in closed form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from phenoprot.evaluation.folds import mean_of_present
from phenoprot.evaluation.level_counting import ROUNDING
from phenoprot.evaluation.level_data import LevelData
from phenoprot.evaluation.regression import (
    concordant_pairs,
    concordant_pairs_within,
    share,
    sums_by,
)
from phenoprot.evaluation.results import Estimate, estimate
from phenoprot.evaluation.uncertainty import uncertainty


@dataclass(frozen=True)
class Influence:
    """A score with its repeats and the influence of each compound."""

    by_repeat: np.ndarray
    """(repeats,) or (repeats, targets): NaN where a repeat has no value."""
    changes: np.ndarray
    """(compounds,) or (compounds, targets): score without the compound, minus score; 0 where it
    does not count, or where nothing would be left."""

    @classmethod
    def over_repeats(cls, scores: Sequence[tuple[np.ndarray, np.ndarray]]) -> Influence:
        """Average over the repeats.

        Parameters
        ----------
        scores
            Of each repeat: the score (...) and the score without each compound (compounds, ...).
        """
        value = np.stack([score for score, _ in scores])
        without = np.stack([left for _, left in scores])
        change = np.where(np.isnan(without), 0.0, without - value[:, None])
        of_repeats = np.where(np.isnan(value)[:, None], np.nan, change)
        return cls(value, np.nan_to_num(mean_of_present(of_repeats, axis=0)))

    @classmethod
    def joined(cls, blocks: Iterable[Influence]) -> Influence:
        """Put blocks of targets side by side."""
        parts = list(blocks)
        return cls(
            np.concatenate([one.by_repeat for one in parts], axis=-1),
            np.concatenate([one.changes for one in parts], axis=-1),
        )

    def minus(self, other: Influence) -> Influence:
        """The difference to `other`: of the same compounds, repeats and targets."""
        return Influence(self.by_repeat - other.by_repeat, self.changes - other.changes)

    def mean(self, targets: np.ndarray | slice = slice(None)) -> Influence:
        """Mean over some targets, those that have the score."""
        value, change = self.by_repeat[:, targets], self.changes[:, targets]
        scored = ~np.isnan(value).all(axis=0)
        own = mean_of_present(value[:, scored], axis=0)
        # Around each target's own mean: a target may lack a score in a repeat.
        by_repeat = mean_of_present(own, axis=0) + mean_of_present(value[:, scored] - own, axis=1)
        return Influence(by_repeat, mean_of_present(change[:, scored], axis=1))

    def estimate(self, low: float = -np.inf, high: float = np.inf) -> Estimate | None:
        """Mean over the repeats with its 95 % interval and spread; None if there is no value.

        Parameters
        ----------
        low, high
            Smallest and largest possible value.
        """
        there = self.by_repeat[~np.isnan(self.by_repeat)]
        if not there.size:
            return None
        value = float(there.mean())
        below, above = uncertainty(self.changes, self.by_repeat).interval(value, low, high)
        spread = float(there.std(ddof=1)) if len(there) > 1 else np.nan
        return estimate(value, float(below), float(above), spread)


class Pooled:
    """1 - SSE / SST with one SSE and one SST over all proteins, in standard deviations.

    SST is around the mean of the training part, which is 0 on that scale: 0 is what the training
    part's mean scores, and a protein counts by how much it varies among the tested compounds, not
    by how well a fold of it happens to vary. Blocks of targets are added one after the other.

    Parameters
    ----------
    data
        A block of the data: its rows are those of all.
    """

    def __init__(self, data: LevelData) -> None:
        self.rows, self.compound, self.n_compounds = data.repeats(), data.compound, data.n_compounds
        self.error, self.total = np.zeros((2, len(data.compound)))

    def add(self, data: LevelData) -> Self:
        """Add a block of standardised levels and predictions."""
        _add_by_target(self.error, (data.truth - data.predicted) ** 2)
        _add_by_target(self.total, data.truth**2)
        return self

    def skill(self) -> Influence:
        """Of all blocks."""
        scores = []
        for rows in self.rows:
            error, total = (
                sums_by(self.compound[rows], of[rows], self.n_compounds)
                for of in (self.error, self.total)
            )
            scores.append(_skills(error, total.sum(), total.sum() - total))
        return Influence.over_repeats(scores)


def _add_by_target(total: np.ndarray, values: np.ndarray) -> None:
    """Add the columns of (rows, targets) one after the other, NaN left out.

    So the sum does not depend on how many there are in a block.
    """
    for column in np.where(np.isnan(values), 0.0, values).T.copy():
        total += column


class PooledAtDose:
    """The same at one concentration, SST around the mean of the protein's levels there.

    What all compounds share at a concentration is no merit.

    Parameters
    ----------
    data
        A block of the data at that concentration: its rows are those of all.
    """

    def __init__(self, data: LevelData) -> None:
        self.rows, n = data.repeats(), data.n_compounds
        self.error, self.without = np.zeros((2, len(self.rows), n))
        self.total = np.zeros((len(self.rows), 1))

    def add(self, data: LevelData) -> Self:
        """Add a block of standardised levels and predictions."""
        for number, rows in enumerate(self.rows):
            z, there = np.nan_to_num(data.truth[rows]), ~np.isnan(data.truth[rows])
            square = np.where(there, (data.truth[rows] - data.predicted[rows]) ** 2, 0.0)
            error, n, sums, squares = (
                sums_by(data.compound[rows], values, data.n_compounds)
                for values in (square, there, z, z**2)
            )
            total = _around_mean(n.sum(axis=0), sums.sum(axis=0), squares.sum(axis=0))
            without = _around_mean(
                n.sum(axis=0) - n, sums.sum(axis=0) - sums, squares.sum(axis=0) - squares
            )
            _add_by_target(self.error[number], error)
            _add_by_target(self.total[number], total[None])
            _add_by_target(self.without[number], without)
        return self

    def skill(self) -> Influence:
        """Of all blocks."""
        return Influence.over_repeats(
            [
                _skills(error, total[0], without)
                for error, total, without in zip(self.error, self.total, self.without, strict=True)
            ]
        )


def _around_mean(n: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Sum of squares around the mean; 0 without two different values, whatever their rounding."""
    spread = squares - sums**2 / np.maximum(n, 1)
    return np.where(spread > ROUNDING * squares, spread, 0.0)


def _skills(
    error: np.ndarray, total: np.ndarray, total_without: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Skill, and skill without each compound.

    Parameters
    ----------
    error
        (compounds,): squared errors of each.
    total, total_without
        Sum of squares to explain: of all compounds, and (compounds,) without each.
    """
    sse = error.sum()
    return 1 - share(sse, total), 1 - share(sse - error, total_without)


def concordance(data: LevelData) -> Influence:
    """Concordance of every protein within the test folds, weighted by their levels.

    Parameters
    ----------
    data
        Levels and predictions, on any scale.
    """
    scores = []
    for folds in data.folds():
        total, weight = np.zeros((2, len(data.names)))
        total_change, weight_change = np.zeros((2, data.n_compounds, len(data.names)))
        for rows in folds:
            names, codes = np.unique(data.compound[rows], return_inverse=True)
            own, others = _fold_concordance(data.truth[rows], data.predicted[rows], codes.ravel())
            total += own[0]
            weight += own[1]
            total_change[names] += others[0] - own[0]
            weight_change[names] += others[1] - own[1]
        scores.append((share(total, weight), share(total + total_change, weight + weight_change)))
    return Influence.over_repeats(scores)


Weighted = tuple[np.ndarray, np.ndarray]
"""Scores times weights, and weights; 0 where there is no score."""


def _fold_concordance(
    truth: np.ndarray, predicted: np.ndarray, compounds: np.ndarray
) -> tuple[Weighted, Weighted]:
    """Concordance in one fold, (targets,), and without each of its compounds."""
    n = int(compounds.max()) + 1
    right, pairs = concordant_pairs(truth, predicted)
    # A pair of two doses of a compound was counted at both: it is lost once.
    inside_right, inside_pairs = concordant_pairs_within(truth, predicted, compounds)
    present = (~np.isnan(truth)).astype(np.float64)
    own_right, own_pairs, own_levels = (
        sums_by(compounds, values, n)
        for values in (right - inside_right / 2, pairs - inside_pairs / 2, present)
    )
    all_right, all_pairs = right.sum(axis=0) / 2, pairs.sum(axis=0) / 2
    levels = present.sum(axis=0)
    return (
        _weighted(share(all_right, all_pairs), levels),
        _weighted(share(all_right - own_right, all_pairs - own_pairs), levels - own_levels),
    )


def _weighted(score: np.ndarray, levels: np.ndarray) -> Weighted:
    weight = np.where(np.isnan(score), 0.0, levels)
    return weight * np.nan_to_num(score), weight
