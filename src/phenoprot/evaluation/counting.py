"""Compiled loops: ROC AUCs, observed, permuted and resampled; permuted R2; pairs in order."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import inlined, one_variant

ROUNDING = 1e-10
"""Share of a sum of squares below which what is left after centring is rounding."""
FEW = 400
"""Rows up to which counting every pair is faster than sorting."""


@inlined
def _ascending(
    score: np.ndarray, order: np.ndarray, compounds: np.ndarray, who: np.ndarray, tied: np.ndarray
) -> None:
    """Write the compound of each row in order, and whether it has the score of the one before."""
    for number in range(len(order)):
        who[number] = compounds[order[number]]
        tied[number] = number > 0 and score[order[number]] == score[order[number - 1]]


@inlined
def _weighted_aucs(
    positive: np.ndarray,
    negative: np.ndarray,
    heaviest: int,
    who: np.ndarray,
    tied: np.ndarray,
    starts: np.ndarray,
    of_repeat: np.ndarray,
    auc: np.ndarray,
) -> None:
    """ROC AUC of one target in each draw, folds weighted by their positives, mean over the repeats.

    One sweep through the rows of a fold by ascending score: a positive wins against the negatives
    before it, and half of those with its own score (Mann & Whitney 1947). All draws go along.

    Parameters
    ----------
    positive, negative
        (compounds, draws): how often a row of the compound counts as a positive, as a negative.
    heaviest
        Largest of these numbers.
    who, tied
        (tested rows,): see `_ascending`.
    starts, of_repeat
        As of `influences`.
    auc
        (draws,): the result; NaN where no fold has both classes.
    """
    draws = positive.shape[1]
    summed, repeats, placed, counted = np.zeros((4, draws))
    won = np.zeros(draws, dtype=np.int64)
    # Numbers of rows, those of negatives doubled: half as wide, so that twice as many are worked on
    # at a time. What was won is put away before it could overflow.
    counts = np.zeros((5, draws), dtype=np.int32)
    new, below, ones, tied_ones, tied_zeros = counts[0], counts[1], counts[2], counts[3], counts[4]
    for repeat in range(len(of_repeat) - 1):
        placed[:] = 0.0
        counted[:] = 0.0
        for fold in range(of_repeat[repeat], of_repeat[repeat + 1]):
            won[:] = 0
            counts[:] = 0
            first, end, most = starts[fold], starts[fold + 1], 0
            while first < end:
                stop = first + 1
                while stop < end and tied[stop]:
                    stop += 1
                of_group = 2 * (stop - starts[fold]) * (stop - first) * heaviest**2
                most += of_group
                if most >= 2**31:
                    for draw in range(draws):
                        won[draw] += new[draw]
                        new[draw] = 0
                    most = of_group
                if stop == first + 1:  # most rows: one pass instead of two
                    compound = who[first]
                    plus, minus = positive[compound], negative[compound]
                    for draw in range(draws):
                        new[draw] += plus[draw] * below[draw]
                        ones[draw] += plus[draw]
                        below[draw] += 2 * minus[draw]
                    first = stop
                    continue
                counts[3:] = 0
                for number in range(first, stop):
                    compound = who[number]
                    plus, minus = positive[compound], negative[compound]
                    for draw in range(draws):
                        tied_ones[draw] += plus[draw]
                        tied_zeros[draw] += minus[draw]
                if of_group >= 2**31:
                    most = 0
                    for draw in range(draws):
                        before = np.int64(below[draw]) + tied_zeros[draw]
                        won[draw] += tied_ones[draw] * before
                else:
                    for draw in range(draws):
                        new[draw] += tied_ones[draw] * (below[draw] + tied_zeros[draw])
                for draw in range(draws):
                    below[draw] += 2 * tied_zeros[draw]
                    ones[draw] += tied_ones[draw]
                first = stop
            for draw in range(draws):
                if ones[draw] > 0 and below[draw] > 0:
                    placed[draw] += (won[draw] + new[draw]) / below[draw]
                    counted[draw] += ones[draw]
        for draw in range(draws):
            if counted[draw] > 0:
                summed[draw] += placed[draw] / counted[draw]
                repeats[draw] += 1
    for draw in range(draws):
        auc[draw] = summed[draw] / repeats[draw] if repeats[draw] > 0 else np.nan


SWEEP = "float64[:,::1], int64[:,::1], int64[::1], int64[::1], int64[::1], float64[:,::1]"


@one_variant(f"void(int8[:,::1], int32[:,::1], {SWEEP})")
def permuted_aucs(
    labels: np.ndarray,
    drawn: np.ndarray,
    scores: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    of_repeat: np.ndarray,
    compounds: np.ndarray,
    auc: np.ndarray,
) -> None:
    """ROC AUCs of permuted labels, unrounded.

    Parameters
    ----------
    labels
        (targets, compounds): 1, 0, or -1 where unknown.
    drawn
        (compounds, draws): whose labels each compound gets.
    scores, order, starts, of_repeat, compounds
        As of `influences`.
    auc
        (targets, draws): the result; NaN where no fold has both classes.
    """
    n, draws = drawn.shape
    positive, negative = np.empty((2, n, draws), dtype=np.int8)
    who, tied = np.empty(order.shape[1], dtype=np.int64), np.empty(order.shape[1], dtype=np.bool_)
    for target in range(labels.shape[0]):
        label = labels[target]
        _ascending(scores[target], order[target], compounds, who, tied)
        for compound in range(n):
            for draw in range(draws):
                own = label[drawn[compound, draw]]
                positive[compound, draw] = own == 1
                negative[compound, draw] = own == 0
        _weighted_aucs(positive, negative, 1, who, tied, starts, of_repeat, auc[target])


@one_variant(f"void(int8[:,::1], int8[:,::1], {SWEEP})")
def resampled_aucs(
    labels: np.ndarray,
    times: np.ndarray,
    scores: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    of_repeat: np.ndarray,
    compounds: np.ndarray,
    auc: np.ndarray,
) -> None:
    """ROC AUCs of compounds drawn with replacement, unrounded.

    Parameters
    ----------
    labels
        (targets, compounds): 1, 0, or -1 where unknown.
    times
        (compounds, draws): how often each compound was drawn.
    scores, order, starts, of_repeat, compounds
        As of `influences`.
    auc
        (targets, draws): the result; NaN where no fold has both classes.
    """
    n, draws = times.shape
    positive, negative = np.empty((2, n, draws), dtype=np.int8)
    who, tied = np.empty(order.shape[1], dtype=np.int64), np.empty(order.shape[1], dtype=np.bool_)
    heaviest = np.max(times)
    for target in range(labels.shape[0]):
        label = labels[target]
        _ascending(scores[target], order[target], compounds, who, tied)
        positive[:] = 0
        negative[:] = 0
        for compound in range(n):
            if label[compound] == 1:
                positive[compound] = times[compound]
            elif label[compound] == 0:
                negative[compound] = times[compound]
        _weighted_aucs(positive, negative, heaviest, who, tied, starts, of_repeat, auc[target])


@inlined
def _place(
    label: np.ndarray, score: np.ndarray, rows: np.ndarray, placed: np.ndarray
) -> tuple[int, int]:
    """Write the placements of the rows of one fold, ascending; count those of both classes."""
    n_ones, n_zeros = 0, 0
    for row in rows:
        n_ones += label[row] == 1
        n_zeros += label[row] == 0
    if n_ones == 0 or n_zeros == 0:
        return n_ones, n_zeros
    ones, zeros, first = 0, 0, 0
    while first < len(rows):
        stop, tied_ones, tied_zeros = first, 0, 0
        while stop < len(rows) and (stop == first or score[rows[stop]] == score[rows[first]]):
            tied_ones += label[rows[stop]] == 1
            tied_zeros += label[rows[stop]] == 0
            stop += 1
        for row in rows[first:stop]:
            if label[row] == 1:
                placed[row] = (zeros + tied_zeros / 2) / n_zeros
            elif label[row] == 0:
                placed[row] = 1 - (ones + tied_ones / 2) / n_ones
        ones, zeros, first = ones + tied_ones, zeros + tied_zeros, stop
    return n_ones, n_zeros


@one_variant("void(float64[:,::1], float64[:,::1], int64[:,::1], float64[:,::1])")
def place(labels: np.ndarray, scores: np.ndarray, order: np.ndarray, placed: np.ndarray) -> None:
    """Write the share of the other class that each row is on the right side of, ties by half.

    Parameters
    ----------
    labels, scores
        (targets, rows): 1, 0 or NaN where masked; scores.
    order
        (targets, rows): row numbers by ascending score.
    placed
        (targets, rows): the result; a row that is masked or has no other class stays as it is.
    """
    for target in range(labels.shape[0]):
        _place(labels[target], scores[target], order[target], placed[target])


@one_variant(
    "void(float64[:,::1], float64[:,::1], int64[:,::1], int64[::1], int64[::1], int64[::1], "
    "int64[::1], int64[::1], int64[::1], float64[:,:], float64[:,:], float64[:])"
)
def influences(
    labels: np.ndarray,
    scores: np.ndarray,
    order: np.ndarray,
    rows: np.ndarray,
    starts: np.ndarray,
    of_repeat: np.ndarray,
    compounds: np.ndarray,
    members: np.ndarray,
    member_starts: np.ndarray,
    by_repeat: np.ndarray,
    changes: np.ndarray,
    skipped: np.ndarray,
) -> None:
    """ROC AUC in each repeat, and what leaving out each compound changes.

    Sums are taken in the order of rows, compounds, folds and repeats.

    Parameters
    ----------
    labels, scores
        (targets, rows): 1, 0 or NaN; scores.
    order
        (targets, tested rows): row numbers fold by fold, in a fold by ascending score.
    rows
        (tested rows,): row numbers fold by fold.
    starts
        (folds + 1,): where each fold starts in `rows`.
    of_repeat
        (repeats + 1,): first fold of each repeat.
    compounds
        (rows,): number of the compound of each row.
    members, member_starts
        Compounds of each fold, ascending, and (folds + 1,) where those of a fold start.
    by_repeat, changes, skipped
        (repeats, targets), (compounds, targets), (targets,): the results, see `RepeatedAuc`.
    """
    n = changes.shape[0]
    placed = np.zeros(labels.shape[1])
    own, lost, change = np.zeros(n), np.zeros(n), np.empty(n)
    ones, zeros = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    placed_change, counted_change = np.empty(n), np.empty(n)
    for target in range(labels.shape[0]):
        label, score = labels[target], scores[target]
        change[:] = 0.0
        scored, not_both = 0, 0
        for repeat in range(len(of_repeat) - 1):
            all_placed, all_counted = 0.0, 0.0
            placed_change[:] = 0.0
            counted_change[:] = 0.0
            for fold in range(of_repeat[repeat], of_repeat[repeat + 1]):
                first, end = starts[fold], starts[fold + 1]
                n_ones, n_zeros = _place(label, score, order[target, first:end], placed)
                if n_ones == 0 or n_zeros == 0:
                    not_both += 1
                    continue
                for row in rows[first:end]:
                    compound = compounds[row]
                    if label[row] == 1:
                        own[compound] += placed[row]
                        ones[compound] += 1
                    elif label[row] == 0:
                        lost[compound] += placed[row]
                        zeros[compound] += 1
                total = 0.0
                inside = members[member_starts[fold] : member_starts[fold + 1]]
                for compound in inside:
                    total += own[compound]
                for compound in inside:
                    rest_ones, rest_zeros = n_ones - ones[compound], n_zeros - zeros[compound]
                    rest, counted = 0.0, 0
                    if rest_ones > 0 and rest_zeros > 0:
                        # Wins of the pairs that are left: without those of its positives, or over
                        # its negatives.
                        wins = (total - own[compound]) * n_zeros - lost[compound] * n_ones
                        rest, counted = wins / rest_zeros, rest_ones
                    placed_change[compound] += rest - total
                    counted_change[compound] += counted - n_ones
                    own[compound], lost[compound] = 0.0, 0.0
                    ones[compound], zeros[compound] = 0, 0
                all_placed += total
                all_counted += n_ones
            auc = all_placed / all_counted if all_counted > 0 else np.nan
            by_repeat[repeat, target] = auc
            if all_counted == 0:
                continue
            scored += 1
            lone = False
            for compound in range(n):
                lone |= not all_counted + counted_change[compound] > 0
            for compound in range(n):
                counted_without = all_counted + counted_change[compound]
                without = (all_placed + placed_change[compound]) / counted_without
                change[compound] += np.nan if lone else without - auc
        for compound in range(n):
            changes[compound, target] = change[compound] / scored if scored > 0 else np.nan
        skipped[target] = not_both / (len(of_repeat) - 1)


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
