"""Compiled loops: ROC AUCs of permuted labels, R2 of permuted levels, pairs in the right order."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import one_variant

ROUNDING = 1e-10
"""Share of a sum of squares below which what is left after centring is rounding."""


@one_variant("void(int8[:,::1], int64[::1], boolean[::1], int64[::1], float64[::1], float64[::1])")
def add_placements(
    labels: np.ndarray,
    compounds: np.ndarray,
    tied: np.ndarray,
    starts: np.ndarray,
    placed: np.ndarray,
    counted: np.ndarray,
) -> None:
    """Add the placements of the positive rows of each fold, and the number of these rows.

    One sweep through the rows of a fold by ascending score: a positive wins against the negatives
    before it, and half of those with its own score (Mann & Whitney 1947).

    Parameters
    ----------
    labels
        (compounds, draws): 1, 0, or -1 where unknown, in each permutation.
    compounds
        (rows,): compound of each row; fold by fold, in a fold by ascending score.
    tied
        (rows,): whether the row has the score of the one before it, in its fold.
    starts
        (folds + 1,): first row of each fold, and the number of rows.
    placed, counted
        (draws,) each: added to. A fold without both classes adds nothing.
    """
    draws = labels.shape[1]
    won = np.zeros(draws, dtype=np.int64)
    # Numbers of rows: twice as many at a time in a register as of 64 bits.
    counts = np.zeros((4, draws), dtype=np.int32)
    below, ones, tied_ones, tied_zeros = counts[0], counts[1], counts[2], counts[3]
    for fold in range(len(starts) - 1):
        won[:] = 0
        counts[:] = 0
        first, end = starts[fold], starts[fold + 1]
        while first < end:
            stop = first + 1
            while stop < end and tied[stop]:
                stop += 1
            if stop == first + 1:  # most rows: one pass instead of two
                label = labels[compounds[first]]
                for draw in range(draws):
                    one = label[draw] == 1
                    won[draw] += 2 * below[draw] if one else 0
                    ones[draw] += one
                    below[draw] += label[draw] == 0
                first = stop
                continue
            counts[2:] = 0
            for row in range(first, stop):
                label = labels[compounds[row]]
                for draw in range(draws):
                    tied_ones[draw] += label[draw] == 1
                    tied_zeros[draw] += label[draw] == 0
            for draw in range(draws):
                won[draw] += tied_ones[draw] * (2 * below[draw] + tied_zeros[draw])
                below[draw] += tied_zeros[draw]
                ones[draw] += tied_ones[draw]
            first = stop
        for draw in range(draws):
            if ones[draw] > 0 and below[draw] > 0:
                placed[draw] += won[draw] / (2 * below[draw])
                counted[draw] += ones[draw]


@one_variant("void(float64[:,::1], float64[:,::1], float64[:,::1])")
def place(labels: np.ndarray, scores: np.ndarray, placed: np.ndarray) -> None:
    """Write the share of the other class that each row is on the right side of, ties by half.

    Parameters
    ----------
    labels, scores
        (targets, rows): 1, 0 or NaN where masked; scores.
    placed
        (targets, rows): the result; a row that is masked or has no other class stays as it is.
    """
    for target in range(labels.shape[0]):
        label, score = labels[target], scores[target]
        rows = np.flatnonzero(~np.isnan(label))
        rows = rows[np.argsort(score[rows])]
        n_ones = np.sum(label[rows] == 1)
        n_zeros = len(rows) - n_ones
        if n_ones == 0 or n_zeros == 0:
            continue
        ones, zeros, first = 0, 0, 0
        while first < len(rows):
            stop, tied_ones = first, 0
            while stop < len(rows) and score[rows[stop]] == score[rows[first]]:
                tied_ones += label[rows[stop]] == 1
                stop += 1
            tied_zeros = stop - first - tied_ones
            for row in rows[first:stop]:
                if label[row] == 1:
                    placed[target, row] = (zeros + tied_zeros / 2) / n_zeros
                else:
                    placed[target, row] = 1 - (ones + tied_ones / 2) / n_ones
            ones, zeros, first = ones + tied_ones, zeros + tied_zeros, stop


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
    table = np.zeros((n, 4))
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
            for other in range(n):
                error = table[other, 3]
                for dose in range(n_doses):
                    p = predicted[own, dose]
                    error += (present[other, dose] * p - 2 * levels[other, dose]) * p
                table[other, 0] = error
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
    for target in range(truth.shape[0]):
        y, p = truth[target], predicted[target]
        for one in range(truth.shape[1]):
            won, met = 0.0, 0.0
            for other in range(truth.shape[1]):
                # False where either is NaN.
                higher, lower = y[one] > y[other], y[one] < y[other]
                met += higher | lower
                above, under = p[one] > p[other], p[one] < p[other]
                won += 0.5 * (higher | lower)
                won += 0.5 * ((higher & above) | (lower & under))
                won -= 0.5 * ((higher & under) | (lower & above))
            right[target, one], pairs[target, one] = won, met
