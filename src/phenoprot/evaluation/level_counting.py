"""Compiled loops behind scores of levels: permuted R2, and pairs in order."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import inlined, one_variant
from phenoprot.evaluation.row_sums import COLUMNS, weighed_rows

ROUNDING = 1e-10
"""Share of a sum of squares below which what is left after centring is rounding."""
FEW = 400
"""Rows up to which counting every pair is faster than sorting."""
MOMENTS = 3
"""Columns of the levels of a compound in `permuted_r2` before the levels themselves."""


@one_variant(
    "void(int32[:,::1], uint32[:,::1], int64[::1], float64[:,:,::1], float64[:,:,::1], "
    "uint32[::1], int64[::1], float64[:,::1], float64[::1])"
)
def permuted_r2(
    drawn: np.ndarray,
    places: np.ndarray,
    starts: np.ndarray,
    levels: np.ndarray,
    predicted: np.ndarray,
    gaps: np.ndarray,
    ends: np.ndarray,
    squared: np.ndarray,
    score: np.ndarray,
) -> None:
    """R2 of one target in one repeat, folds weighted by their levels, in each permutation.

    The squared errors of a fold are the squares of its permuted levels, minus twice their products
    with the predictions, plus the squares of those predictions that have a level.

    Parameters
    ----------
    drawn
        (draws, compounds): whose levels each compound gets. Compounds are fold by fold.
    places
        (draws, compounds by number): which compound gets the levels of each.
    starts
        (folds + 1,): first compound of each fold, and their number.
    levels
        (tables, compounds by number, COLUMNS): number of levels of the compound, their sum, that of
        their squares, and the levels: around their mean, 0 where missing or filled up.
    predicted
        (tables, compounds, COLUMNS): what the values of `levels` are multiplied by: 1 for the first
        `MOMENTS`, then the predictions around the same mean.
    gaps
        (missing levels,): number of the compound, concentration by concentration.
    ends
        (concentrations,): where the missing levels of each end.
    squared
        (concentrations, compounds): squares of the predictions; 0 where filled up.
    score
        (draws,): the result. A fold whose levels are constant is left out; NaN where that is all.
    """
    draws, folds = drawn.shape[0], len(starts) - 1
    # Numbers without a sign are not looked at whether they count from the end.
    fold_of = np.empty(drawn.shape[1], dtype=np.uint32)
    fitted, sums = np.zeros(folds), np.empty((2, COLUMNS))
    for fold in range(folds):
        for own in range(starts[fold], starts[fold + 1]):
            fold_of[own] = fold
            for dose in range(len(squared)):
                fitted[fold] += squared[dose, own]
    moments, errors = np.empty((2, folds, MOMENTS)), np.empty((2, folds))
    for start in range(0, draws, 2):
        # Of an odd number the last one goes twice.
        last = min(start + 1, draws - 1)
        for fold in range(folds):
            for one in range(2):
                errors[one, fold] = fitted[fold]
            for table in range(len(levels)):
                weighed_rows(
                    levels[table], drawn[start], drawn[last], predicted[table],
                    starts[fold], starts[fold + 1], sums,
                )  # fmt: skip
                skipped = MOMENTS if table == 0 else 0
                for one in range(2):
                    for column in range(skipped):
                        moments[one, fold, column] = sums[one, column]
                    for column in range(skipped, COLUMNS):
                        errors[one, fold] -= 2 * sums[one, column]
        first = 0
        for dose in range(len(squared)):
            square = squared[dose]
            for gap in range(first, ends[dose]):
                own, other = places[start, gaps[gap]], places[last, gaps[gap]]
                errors[0, fold_of[own]] -= square[own]
                errors[1, fold_of[other]] -= square[other]
            first = ends[dose]
        for one in range(2):
            draw = start if one == 0 else last
            weighed, weights = 0.0, 0.0
            for fold in range(folds):
                count, total, squares = moments[one, fold]
                spread = squares - total**2 / max(count, 1.0)
                if spread > ROUNDING * squares:
                    weighed += count * (1 - (errors[one, fold] + squares) / spread)
                    weights += count
            score[draw] = weighed / weights if weights > 0 else np.nan


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
