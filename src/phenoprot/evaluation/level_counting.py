"""Compiled loops behind scores of levels: permuted R2, and pairs in order."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import inlined, one_variant

ROUNDING = 1e-10
"""Share of a sum of squares below which what is left after centring is rounding."""
FEW = 400
"""Rows up to which counting every pair is faster than sorting."""


@one_variant(
    "void(int32[:,::1], int64[::1], int64[::1], float64[:,::1], float64[:,::1], float64[:,::1], "
    "float64[::1])"
)
def permuted_r2(
    order: np.ndarray,
    compounds: np.ndarray,
    starts: np.ndarray,
    levels: np.ndarray,
    present: np.ndarray,
    predicted: np.ndarray,
    score: np.ndarray,
) -> None:
    """R2 of one target in one repeat, folds weighted by their levels, in each permutation.

    What a compound with the levels of another one adds to the squared errors is a table; a
    permutation looks up one entry for each compound.

    Parameters
    ----------
    order
        (compounds, draws): whose levels each compound gets.
    compounds
        (compounds,): fold by fold.
    starts
        (folds + 1,): first compound of each fold, and their number.
    levels, present
        (compounds, concentrations): levels around their mean, 0 where missing; 1 where there is
        one, else 0.
    predicted
        (compounds, concentrations): around the same mean.
    score
        (draws,): the result. A fold whose levels are constant is left out; NaN where that is all.
    """
    n, n_doses = levels.shape
    draws = order.shape[1]
    table, error = np.zeros((n, 4)), np.empty(n)
    # Compounds side by side: several at a time.
    there, level = present.T.copy(), levels.T.copy()
    for one in range(n):
        for dose in range(n_doses):
            table[one, 1] += present[one, dose]
            table[one, 2] += levels[one, dose]
            table[one, 3] += levels[one, dose] ** 2
    weighed, weights = np.zeros(draws), np.zeros(draws)
    sums = np.empty((draws, 4))
    for fold in range(len(starts) - 1):
        sums[:] = 0.0
        for number in range(starts[fold], starts[fold + 1]):
            own = compounds[number]
            error[:] = table[:, 3]
            for dose in range(n_doses):
                p = predicted[own, dose]
                for other in range(n):
                    error[other] += (there[dose, other] * p - 2 * level[dose, other]) * p
            table[:, 0] = error
            for draw in range(draws):
                other = order[own, draw]
                sums[draw, 0] += table[other, 0]
                sums[draw, 1] += table[other, 1]
                sums[draw, 2] += table[other, 2]
                sums[draw, 3] += table[other, 3]
        for draw in range(draws):
            count, squares = sums[draw, 1], sums[draw, 3]
            spread = squares - sums[draw, 2] ** 2 / max(count, 1.0)
            if spread > ROUNDING * squares:
                weighed[draw] += count * (1 - sums[draw, 0] / spread)
                weights[draw] += count
    for draw in range(draws):
        score[draw] = weighed[draw] / weights[draw] if weights[draw] > 0 else np.nan


@inlined
def _every_pair(
    y: np.ndarray, p: np.ndarray, rows: np.ndarray, right: np.ndarray, pairs: np.ndarray
) -> None:
    """Count the pairs among some rows, looking at each."""
    for one in rows:
        won, met = 0.0, 0.0
        for other in rows:
            # False where either is NaN.
            higher, lower = y[one] > y[other], y[one] < y[other]
            met += higher | lower
            above, under = p[one] > p[other], p[one] < p[other]
            won += 0.5 * (higher | lower)
            won += 0.5 * ((higher & above) | (lower & under))
            won -= 0.5 * ((higher & under) | (lower & above))
        right[one], pairs[one] = won, met


@inlined
def _counted(tree: np.ndarray, rank: int) -> int:
    """Sum of a Fenwick tree (1994, Software: Practice and Experience 24:327) up to a rank."""
    total = 0
    while rank > 0:
        total += tree[rank]
        rank &= rank - 1
    return total


@inlined
def _sorted_pairs(y: np.ndarray, p: np.ndarray, right: np.ndarray, pairs: np.ndarray) -> None:
    """Count all pairs: one sweep by ascending `y`, with the numbers of rows by `p` in a tree."""
    right[:] = 0.0
    pairs[:] = 0.0
    rows = np.flatnonzero(~np.isnan(y))
    # A prediction that is none is in no order with any: half of each of its pairs.
    ranked = rows[~np.isnan(p[rows])]
    ranked = ranked[np.argsort(p[ranked])]
    rank = np.zeros(len(y), dtype=np.int64)
    under, above = np.zeros(len(y), dtype=np.int64), np.zeros(len(y), dtype=np.int64)
    ranks, first = 0, 0
    while first < len(ranked):
        stop = first
        while stop < len(ranked) and p[ranked[stop]] == p[ranked[first]]:
            stop += 1
        ranks += 1
        for row in ranked[first:stop]:
            rank[row], under[row], above[row] = ranks, first, len(ranked) - stop
        first = stop
    tree, seen = np.zeros(ranks + 1, dtype=np.int64), 0
    rows = rows[np.argsort(y[rows])]
    first = 0
    while first < len(rows):
        stop = first
        while stop < len(rows) and y[rows[stop]] == y[rows[first]]:
            stop += 1
        met = len(rows) - (stop - first)
        for row in rows[first:stop]:
            pairs[row], right[row] = met, 0.5 * met
            if rank[row] > 0:  # those with a lower level
                below = _counted(tree, rank[row] - 1)
                right[row] += 0.5 * (below - (seen - _counted(tree, rank[row])))
        for row in rows[first:stop]:
            at = rank[row]
            seen += at > 0
            while 0 < at <= ranks:
                tree[at] += 1
                at += at & -at
        for row in rows[first:stop]:
            if rank[row] > 0:  # those with a higher one: all but those that were seen
                lower = under[row] - _counted(tree, rank[row] - 1)
                higher = above[row] - (seen - _counted(tree, rank[row]))
                right[row] += 0.5 * (higher - lower)
        first = stop


@one_variant("void(float64[:,::1], float64[:,::1], float64[:,::1], float64[:,::1])")
def count_pairs(
    truth: np.ndarray, predicted: np.ndarray, right: np.ndarray, pairs: np.ndarray
) -> None:
    """Count at each row the pairs that it is in, and those in the right order, ties by half.

    Parameters
    ----------
    truth, predicted
        (targets, rows); NaN in `truth` is left out.
    right, pairs
        (targets, rows): the result. A pair counts at both of its rows.
    """
    rows = np.arange(truth.shape[1])
    for target in range(truth.shape[0]):
        y, p = truth[target], predicted[target]
        if len(rows) <= FEW:
            _every_pair(y, p, rows, right[target], pairs[target])
        else:
            _sorted_pairs(y, p, right[target], pairs[target])


@one_variant(
    "void(float64[:,::1], float64[:,::1], int64[::1], int64[::1], float64[:,::1], float64[:,::1])"
)
def count_pairs_within(
    truth: np.ndarray,
    predicted: np.ndarray,
    rows: np.ndarray,
    starts: np.ndarray,
    right: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """Count the pairs of rows of one compound as `count_pairs` does.

    Parameters
    ----------
    truth, predicted, right, pairs
        As of `count_pairs`.
    rows, starts
        Row numbers compound by compound, and where those of a compound start, with their end.
    """
    for target in range(truth.shape[0]):
        for compound in range(len(starts) - 1):
            own = rows[starts[compound] : starts[compound + 1]]
            _every_pair(truth[target], predicted[target], own, right[target], pairs[target])
