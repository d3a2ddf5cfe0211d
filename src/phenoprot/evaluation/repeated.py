"""ROC AUC over repeated test folds, what each compound does to it, and means over targets.

A target's AUC is the mean placement of its positive rows among the negatives of their fold, so that
a fold weighs by its positives, averaged over the repeats. A compound's influence is what the score
changes by when the compound is left out of the test folds, the predictions staying as they are: the
leave-one-out values of the jackknife, in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from phenoprot.evaluation.auc import placements
from phenoprot.evaluation.folds import mean_of_present, mean_over_folds
from phenoprot.evaluation.uncertainty import Uncertainty, uncertainty


@dataclass(frozen=True)
class Mean:
    """Mean of a score over targets."""

    value: float
    """NaN where no target has a score."""
    repeat_sd: float
    """Standard deviation over the repeats; NaN with one."""
    uncertainty: Uncertainty


@dataclass(frozen=True)
class RepeatedAuc:
    """ROC AUC of every target, or the difference of two of them."""

    by_repeat: np.ndarray
    """(repeats, targets): positives-weighted mean over the folds; NaN where none has both
    classes."""
    changes: np.ndarray
    """(compounds, targets): AUC without the compound, minus AUC; 0 where the compound does not
    count. NaN throughout a target where one compound alone is all of a class in a repeat."""
    skipped: np.ndarray
    """(targets,): folds without both classes, mean over the repeats."""

    @property
    def auc(self) -> np.ndarray:
        """(targets,): mean over the repeats; NaN where none has both classes in a fold."""
        return mean_over_folds(list(self.by_repeat))

    def minus(self, other: RepeatedAuc) -> Self:
        """The difference to `other`: of the same compounds, repeats and targets."""
        return type(self)(
            self.by_repeat - other.by_repeat,
            self.changes - other.changes,
            np.maximum(self.skipped, other.skipped),
        )

    def mean(self, inside: np.ndarray | None = None) -> Mean:
        """Mean over the targets, or over those `inside` (targets,), with its uncertainty."""
        auc = self.auc
        used = ~np.isnan(auc) if inside is None else inside & ~np.isnan(auc)
        value = float(mean_of_present(auc[used], axis=0))
        # Around each target's own mean: a target may lack a score in a repeat.
        by_repeat = value + mean_of_present(self.by_repeat[:, used] - auc[used], axis=1)
        changes = mean_of_present(self.changes[:, used], axis=1)
        there = by_repeat[~np.isnan(by_repeat)]
        sd = float(there.std(ddof=1)) if len(there) > 1 else np.nan
        return Mean(value, sd, uncertainty(changes, by_repeat))


def repeated_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    compounds: np.ndarray,
    repeats: Sequence[Sequence[np.ndarray]],
) -> RepeatedAuc:
    """ROC AUC of every target in each repeat, and the influence of each compound.

    Parameters
    ----------
    labels
        (rows, targets): 1, 0 or NaN; in a repeat the same for all rows of a compound.
    scores
        (rows, targets): higher means more likely 1.
    compounds
        (rows,): number of the compound of each row, from 0.
    repeats
        Row numbers of each test fold of each repeat.
    """
    n_compounds = int(compounds.max()) + 1
    by_repeat, changes, skipped = [], [], np.zeros(labels.shape[1])
    for folds in repeats:
        total = _Sums.of_nothing(n_compounds, labels.shape[1])
        for rows in folds:
            skipped += total.add(labels[rows], scores[rows], compounds[rows])
        auc, without = total.auc(), total.without()
        lone = np.isnan(without).any(axis=0)
        by_repeat.append(auc)
        changes.append(np.where(lone & ~np.isnan(auc), np.nan, without - auc))
    there = ~np.isnan(np.stack(by_repeat))
    # A repeat without a score says nothing; one whose compounds cannot be told apart makes the
    # target's variance unknown.
    summed = np.where(there[:, None, :], np.stack(changes), 0.0).sum(axis=0)
    return RepeatedAuc(
        np.stack(by_repeat),
        summed / np.where(there.any(axis=0), there.sum(axis=0), np.nan),
        skipped / len(repeats),
    )


@dataclass
class _Sums:
    """Placements of the positives and their number, with every compound and without each."""

    placed: np.ndarray
    """(targets,): sum of the placements of all positive rows."""
    counted: np.ndarray
    """(targets,): number of these rows."""
    placed_change: np.ndarray
    """(compounds, targets): what the sum changes by without a compound."""
    counted_change: np.ndarray
    """(compounds, targets): what the number changes by."""

    @classmethod
    def of_nothing(cls, compounds: int, targets: int) -> _Sums:
        """No fold yet."""
        one, each = np.zeros(targets), np.zeros((compounds, targets))
        return cls(one, one.copy(), each, each.copy())

    def add(self, labels: np.ndarray, scores: np.ndarray, compounds: np.ndarray) -> np.ndarray:
        """Add a fold; return the targets of which it has not both classes."""
        placed = placements(labels, scores)
        names, codes = np.unique(compounds, return_inverse=True)
        member = np.equal.outer(np.arange(len(names)), codes.ravel()).astype(np.float64)
        positive, negative = labels == 1, labels == 0
        n_positive, n_negative = positive.sum(axis=0), negative.sum(axis=0)
        both = (n_positive > 0) & (n_negative > 0)
        own = member @ np.where(positive, placed, 0.0)
        lost = member @ np.where(negative, placed, 0.0)
        rest_positive = n_positive - member @ positive
        rest_negative = n_negative - member @ negative
        left = (rest_positive > 0) & (rest_negative > 0)
        total = np.where(both, own.sum(axis=0), 0.0)
        # Wins of the pairs that are left: without those of its positives, or over its negatives.
        wins = (total - own) * n_negative - lost * n_positive
        rest = np.where(left, wins / np.maximum(rest_negative, 1), 0.0)
        self.placed += total
        self.counted += np.where(both, n_positive, 0)
        self.placed_change[names] += np.where(both, rest - total, 0.0)
        counted = np.where(left, rest_positive, 0) - n_positive
        self.counted_change[names] += np.where(both, counted, 0)
        return ~both

    def auc(self) -> np.ndarray:
        """(targets,): mean placement; NaN where no fold has both classes."""
        return self.placed / np.where(self.counted > 0, self.counted, np.nan)

    def without(self) -> np.ndarray:
        """(compounds, targets): mean placement without each; NaN where no fold is left."""
        counted = self.counted + self.counted_change
        return (self.placed + self.placed_change) / np.where(counted > 0, counted, np.nan)
