"""R2 of levels that have nothing to do with the predictions: one permutation for all proteins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phenoprot.evaluation.level_counting import permuted_r2
from phenoprot.evaluation.level_data import LevelData
from phenoprot.evaluation.regression import share


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
    order = _orders(np.bincount(first), permutations, seed).T.astype(np.int32, order="C")
    total, count = np.zeros((2, permutations, len(data.names)))
    score = np.empty(permutations)
    for repeat in (_Repeat.of(data, rows) for rows in repeats):
        for target in range(len(data.names)):
            permuted_r2(
                order, repeat.compounds, repeat.starts, repeat.levels[target],
                repeat.present[target], repeat.predicted[target], score,
            )  # fmt: skip
            there = ~np.isnan(score)
            total[:, target] += np.where(there, score, 0.0)
            count[:, target] += there
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
    """One repeat, target by target."""

    levels: np.ndarray
    """(targets, compounds, concentrations): around the target's mean, 0 where missing."""
    present: np.ndarray
    """(targets, compounds, concentrations): 1 where there is a level, else 0."""
    predicted: np.ndarray
    """(targets, compounds, concentrations): around the same mean."""
    compounds: np.ndarray
    """(compounds,): fold by fold."""
    starts: np.ndarray
    """(folds + 1,): first compound of each fold, and their number."""

    @classmethod
    def of(cls, data: LevelData, rows: np.ndarray) -> _Repeat:
        """Take the rows of one repeat, sorted by compound and concentration."""
        compound, fold, n = data.compound[rows], data.fold[rows], data.n_compounds
        there = ~np.isnan(data.truth[rows])
        # Sums of squares around the mean cancel little.
        centre = np.where(there, data.truth[rows], 0.0).sum(axis=0) / np.maximum(there.sum(0), 1)
        first = np.searchsorted(compound, np.arange(n))
        of_compound = fold[first]
        if not np.array_equal(of_compound[compound], fold):
            raise ValueError("a compound is in two folds of one repeat")
        compounds = np.argsort(of_compound, kind="stable")
        dose = np.arange(len(rows)) - first[compound]

        def by_target(values: np.ndarray) -> np.ndarray:
            # Compounds with fewer concentrations are filled up: nothing is there.
            full = np.zeros((len(data.names), n, int(dose.max()) + 1))
            full[:, compound, dose] = values.T
            return full

        return cls(
            levels=by_target(np.where(there, data.truth[rows] - centre, 0.0)),
            present=by_target(there.astype(np.float64)),
            predicted=by_target(data.predicted[rows] - centre),
            compounds=compounds,
            starts=np.append(np.unique(of_compound[compounds], return_index=True)[1], n),
        )
