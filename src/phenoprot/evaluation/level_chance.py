"""R2 of levels that have nothing to do with the predictions: one permutation for all proteins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phenoprot.evaluation.level_data import LevelData
from phenoprot.evaluation.regression import ROUNDING, share, sums_by


def permuted_scores(data: LevelData, permutations: int, seed: int) -> np.ndarray:
    """R2 of every protein after permuting the levels among the compounds, dose by dose.

    A permutation gives a compound all levels of another one: of all proteins, so that proteins that
    go together stay together, and in all repeats, since these share their labels. The predictions
    stay as they are. Compounds trade places with those that were given at as many concentrations.

    Parameters
    ----------
    data
        Levels and predictions, folds of compounds.
    permutations, seed
        Number of permutations, random seed.

    Returns
    -------
    numpy.ndarray
        (permutations, targets): per repeat the mean over the folds of 1 - SSE / SST, weighted by
        the levels in the fold, then the mean over the repeats; as the scores are. A fold whose
        permuted levels are constant is left out; NaN where that is all.

    Raises
    ------
    ValueError
        A repeat lacks treatments of another one, or tears a compound apart.
    """
    repeats = [_sorted(data, rows) for rows in data.repeats()]
    first = data.compound[repeats[0]]
    if any(not np.array_equal(data.compound[rows], first) for rows in repeats):
        raise ValueError("the repeats hold different treatments")
    scored = [_Repeat.of(data, rows) for rows in repeats]
    total, count = np.zeros((2, permutations, len(data.names)))
    for number, order in enumerate(_orders(np.bincount(first), permutations, seed)):
        for repeat in scored:
            score = repeat.score(order)
            there = ~np.isnan(score)
            total[number] += np.where(there, score, 0.0)
            count[number] += there
    return np.round(share(total, count), 12)


def _sorted(data: LevelData, rows: np.ndarray) -> np.ndarray:
    """Row numbers by compound, then concentration."""
    return rows[np.lexsort((data.concentration[rows], data.compound[rows]))]


def _orders(sizes: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Whose levels each compound gets, (permutations, compounds).

    Parameters
    ----------
    sizes
        (compounds,): number of concentrations of each; compounds of one number trade places.
    permutations, seed
        Number of permutations, random seed.
    """
    rng = np.random.default_rng(seed)
    orders = np.empty((permutations, len(sizes)), dtype=np.int64)
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        orders[:, same] = same[rng.random((permutations, len(same))).argsort(axis=1)]
    return orders


@dataclass(frozen=True)
class _Repeat:
    """One repeat; rows by compound and concentration, and fold by fold."""

    twice: np.ndarray
    """(rows, targets): two times the levels around their mean, 0 where missing; by compound."""
    present: np.ndarray | None
    """(rows, targets): 1 where there is a level, else 0; by compound. None: all are there."""
    sums: np.ndarray
    """(compounds, 3, targets): number of levels, their sum, and the sum of their squares."""
    predicted: np.ndarray
    """(rows, targets): predictions around the same mean, fold by fold."""
    first: np.ndarray
    """(compounds,): first row of each."""
    compound: np.ndarray
    """(rows,): fold by fold."""
    dose: np.ndarray
    """(rows,): which row of the compound it is, from 0; fold by fold."""
    row_starts: np.ndarray
    """(folds,): first row of each fold."""
    compounds: np.ndarray
    """(compounds,): fold by fold."""
    compound_starts: np.ndarray
    """(folds,): first compound of each fold."""

    @classmethod
    def of(cls, data: LevelData, rows: np.ndarray) -> _Repeat:
        """Take the rows of one repeat, sorted by compound and concentration."""
        compound, fold, n = data.compound[rows], data.fold[rows], data.n_compounds
        there = ~np.isnan(data.truth[rows])
        # Sums of squares around the mean cancel little.
        centre = np.where(there, data.truth[rows], 0.0).sum(axis=0) / np.maximum(there.sum(0), 1)
        level = np.where(there, data.truth[rows] - centre, 0.0)
        first = np.searchsorted(compound, np.arange(n))
        of_compound = fold[first]
        if not np.array_equal(of_compound[compound], fold):
            raise ValueError("a compound is in two folds of one repeat")
        by_fold, compounds = (np.argsort(folds, kind="stable") for folds in (fold, of_compound))
        return cls(
            twice=2 * level,
            present=None if there.all() else there.astype(np.float64),
            sums=np.stack([sums_by(compound, of, n) for of in (there, level, level**2)], axis=1),
            predicted=(data.predicted[rows] - centre)[by_fold],
            first=first,
            compound=compound[by_fold],
            dose=(np.arange(len(rows)) - first[compound])[by_fold],
            row_starts=np.unique(fold[by_fold], return_index=True)[1],
            compounds=compounds,
            compound_starts=np.unique(of_compound[compounds], return_index=True)[1],
        )

    def score(self, order: np.ndarray) -> np.ndarray:
        """Weighted mean R2 (targets,) over the folds; compound j has the levels of `order[j]`."""
        taken = self.first[order[self.compound]] + self.dose
        own = np.add.reduceat(self.sums[order[self.compounds]], self.compound_starts, axis=0)
        n, sums, squares = own.transpose(1, 0, 2)
        error = squares + self._per_fold(self._misses(taken))
        total = squares - sums**2 / np.maximum(n, 1)
        total[total <= ROUNDING * squares] = 0.0
        weight = np.where(total > 0, n, 0.0)
        weighed = weight * np.nan_to_num(1 - share(error, total))
        return share(weighed.sum(axis=0), weight.sum(axis=0))

    def _misses(self, taken: np.ndarray) -> np.ndarray:
        """What the predictions p add to the squares of the levels y: p^2 - 2 y p."""
        p = self.predicted
        seen = p if self.present is None else self.present[taken] * p
        return (seen - self.twice[taken]) * p

    def _per_fold(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, self.row_starts, axis=0)
