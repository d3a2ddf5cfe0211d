"""R2 of levels that have nothing to do with the predictions: one permutation for all proteins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phenoprot.evaluation.level_counting import permuted_r2
from phenoprot.evaluation.level_data import LevelData
from phenoprot.evaluation.regression import share
from phenoprot.evaluation.row_sums import COLUMNS


def permuted_scores(data: LevelData, order: np.ndarray) -> np.ndarray:
    """R2 of every protein after permuting the levels among the compounds, dose by dose.

    A permutation gives a compound all levels of another one: of all proteins, so that proteins that
    go together stay together, and in all repeats, since these share their labels. The predictions
    stay as they are.

    Parameters
    ----------
    data
        Levels and predictions, folds of compounds.
    order
        Permutations, of `draw_orders`.

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
    permutations = len(order)
    repeats = [_sorted(data, rows) for rows in data.repeats()]
    first = data.compound[repeats[0]]
    if any(not np.array_equal(data.compound[rows], first) for rows in repeats):
        raise ValueError("the repeats hold different treatments")
    total, count = np.zeros((2, permutations, len(data.names)))
    score = np.empty(permutations)
    for repeat in (_Repeat.of(data, rows) for rows in repeats):
        drawn = order.take(repeat.compounds, axis=1)
        places = np.empty(drawn.shape, dtype=np.uint32)
        np.put_along_axis(places, drawn, np.arange(drawn.shape[1], dtype=np.uint32), axis=1)
        for target in range(len(data.names)):
            permuted_r2(
                drawn, places, repeat.starts, repeat.levels[target], repeat.predicted[target],
                *repeat.gaps(target), repeat.squared[target], score,
            )  # fmt: skip
            there = ~np.isnan(score)
            total[:, target] += np.where(there, score, 0.0)
            count[:, target] += there
    return np.round(share(total, count), 12)


def _sorted(data: LevelData, rows: np.ndarray) -> np.ndarray:
    """Row numbers by compound, then concentration."""
    return rows[np.lexsort((data.concentration[rows], data.compound[rows]))]


def draw_orders(data: LevelData, permutations: int, seed: int) -> np.ndarray:
    """Draw permutations of the compounds among those given at as many concentrations.

    Parameters
    ----------
    data
        Of which the treatments count alone: any block of targets tells the same.
    permutations, seed
        Number of permutations, random seed.

    Returns
    -------
    numpy.ndarray
        (permutations, compounds), int32: whose levels each compound gets, by number.
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(data.compound[data.repeat == 0], minlength=data.n_compounds)
    order = np.empty((permutations, len(sizes)), dtype=np.int32)
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        order[:, same] = same[rng.random((permutations, len(same))).argsort(axis=1)]
    return order


@dataclass(frozen=True)
class _Repeat:
    """One repeat, target by target, as `permuted_r2` takes it."""

    levels: np.ndarray
    """(targets, tables, compounds by number, COLUMNS)."""
    predicted: np.ndarray
    """(targets, tables, compounds fold by fold, COLUMNS)."""
    squared: np.ndarray
    """(targets, concentrations, compounds fold by fold)."""
    missing: np.ndarray
    """(targets, treatments): concentration by concentration."""
    of_treatment: np.ndarray
    """(treatments,): number of the compound."""
    ends: np.ndarray
    """(concentrations,): where the treatments of each end."""
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
        by_dose = np.argsort(dose, kind="stable")

        def by_compound(values: np.ndarray) -> np.ndarray:
            # Compounds with fewer concentrations are filled up: nothing is there.
            full = np.zeros((len(data.names), n, int(dose.max()) + 1))
            full[:, compound, dose] = values.T
            return full

        levels = by_compound(np.where(there, data.truth[rows] - centre, 0.0))
        counts = by_compound(there.astype(np.float64)).sum(axis=2)
        moments = np.stack([counts, levels.sum(axis=2), (levels**2).sum(axis=2)], axis=2)
        predicted = by_compound(data.predicted[rows] - centre).take(compounds, axis=1)
        return cls(
            levels=_tables(moments, levels),
            predicted=_tables(np.ones_like(moments), predicted),
            squared=np.ascontiguousarray((predicted**2).transpose(0, 2, 1)),
            missing=np.ascontiguousarray(~there[by_dose].T),
            of_treatment=compound[by_dose].astype(np.uint32),
            ends=np.cumsum(np.bincount(dose)),
            compounds=compounds,
            starts=np.append(np.unique(of_compound[compounds], return_index=True)[1], n),
        )

    def gaps(self, target: int) -> tuple[np.ndarray, np.ndarray]:
        """Compounds without a level of a target, by concentration; and the end of each of these."""
        missing = self.missing[target]
        ends = np.concatenate([[0], np.cumsum(missing)])[self.ends]
        return self.of_treatment[missing], ends


def _tables(moments: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Columns (targets, compounds, any number) side by side, in tables of `COLUMNS`."""
    columns = np.concatenate([moments, values], axis=2)
    targets, n, width = columns.shape
    tables = -(-width // COLUMNS)
    full = np.zeros((targets, n, tables * COLUMNS))
    full[:, :, :width] = columns
    apart = full.reshape(targets, n, tables, COLUMNS)
    return np.ascontiguousarray(apart.transpose(0, 2, 1, 3))
