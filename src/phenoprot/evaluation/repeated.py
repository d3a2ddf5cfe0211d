"""ROC AUC over repeated test folds, what each compound does to it, and means over targets.

A target's AUC is the mean placement of its positive rows among the negatives of their fold, so that
a fold weighs by its positives, averaged over the repeats. A compound's influence is what the score
changes by when the compound is left out of the test folds, the predictions staying as they are: the
leave-one-out values of the jackknife, in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from phenoprot.evaluation.auc_counting import influences
from phenoprot.evaluation.folds import mean_of_present, mean_over_folds
from phenoprot.evaluation.uncertainty import Uncertainty, uncertainty

VALUES = 2**23
"""Numbers in one array of a block, of rows x targets: 64 MiB."""


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


@dataclass(frozen=True)
class Tested:
    """Which rows are tested together, in a form that compiled loops read."""

    rows: np.ndarray
    """(tested rows,): row numbers fold by fold, repeat by repeat."""
    starts: np.ndarray
    """(folds + 1,): where each fold starts in `rows`."""
    of_repeat: np.ndarray
    """(repeats + 1,): first fold of each repeat."""
    compounds: np.ndarray
    """(all rows,): number of the compound of each row, from 0; any number where a row is not
    tested."""
    n_compounds: int
    members: np.ndarray
    """Compounds of each fold, ascending."""
    member_starts: np.ndarray
    """(folds + 1,): where those of a fold start."""

    @classmethod
    def of(cls, compounds: np.ndarray, repeats: Sequence[Sequence[np.ndarray]]) -> Self:
        """From the row numbers of each fold of each repeat.

        Parameters
        ----------
        compounds
            (rows,): number of the compound of each row, from 0.
        repeats
            Row numbers of each test fold of each repeat.
        """
        folds = [rows for of in repeats for rows in of]
        inside = [np.unique(compounds[rows]) for rows in folds]
        none = [np.zeros(0, dtype=np.int64)]
        return cls(
            np.concatenate([*folds, *none]).astype(np.int64),
            np.cumsum([0, *map(len, folds)]),
            np.cumsum([0, *map(len, repeats)]),
            np.ascontiguousarray(compounds, dtype=np.int64),
            int(compounds.max()) + 1,
            np.concatenate([*inside, *none]).astype(np.int64),
            np.cumsum([0, *map(len, inside)]),
        )

    @property
    def n_repeats(self) -> int:
        """Number of repeats."""
        return len(self.of_repeat) - 1

    def ascending(self, scores: np.ndarray) -> np.ndarray:
        """Row numbers (targets, tested rows) fold by fold, in a fold by ascending score.

        Parameters
        ----------
        scores
            (targets, rows).
        """
        order = np.empty((len(scores), len(self.rows)), dtype=np.int64)
        for start, end in pairwise(self.starts):
            rows = self.rows[start:end]
            order[:, start:end] = rows[np.argsort(scores[:, rows], axis=1)]
        return order


class AucSums:
    """The AUCs of all targets, filled in block by block."""

    def __init__(self, folds: Tested, n_targets: int) -> None:
        self.folds = folds
        self.auc = RepeatedAuc(
            np.empty((folds.n_repeats, n_targets)),
            np.empty((folds.n_compounds, n_targets)),
            np.empty(n_targets),
        )

    def add(self, where: slice, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Score a block of targets.

        Parameters
        ----------
        where
            Which targets.
        labels, scores
            (targets of the block, rows) float64, target by target in memory.

        Returns
        -------
        numpy.ndarray
            The rows in order, see `Tested.ascending`.
        """
        order, folds, auc = self.folds.ascending(scores), self.folds, self.auc
        influences(
            labels, scores, order, folds.rows, folds.starts, folds.of_repeat, folds.compounds,
            folds.members, folds.member_starts, auc.by_repeat[:, where], auc.changes[:, where],
            auc.skipped[where],
        )  # fmt: skip
        return order


def repeated_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    compounds: np.ndarray,
    repeats: Sequence[Sequence[np.ndarray]],
) -> RepeatedAuc:
    """ROC AUC of every target in each repeat, and the influence of each compound.

    In blocks of targets: they and the results are all that is held of float64.

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
    rows, targets = labels.shape
    sums, at_once = AucSums(Tested.of(compounds, repeats), targets), max(1, VALUES // rows)
    for first in range(0, targets, at_once):
        some = slice(first, first + at_once)
        by_target = (np.ascontiguousarray(of[:, some].T, np.float64) for of in (labels, scores))
        sums.add(some, *by_target)
    return sums.auc
