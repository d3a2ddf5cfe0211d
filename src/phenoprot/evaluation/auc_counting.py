"""Compiled loops behind ROC AUCs: observed, and of permuted or resampled compounds."""

from __future__ import annotations

import numpy as np

from phenoprot.core.compiled import inlined, one_variant


@one_variant(
    "void(int8[:,::1], int8[:,::1], int64, float64[::1], int64[::1], int64[::1], int64[::1], "
    "int64[::1], float64[::1])"
)
def drawn_aucs(
    positive: np.ndarray,
    negative: np.ndarray,
    heaviest: int,
    score: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    of_repeat: np.ndarray,
    compounds: np.ndarray,
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
        Largest of these numbers, or more.
    score, order
        (rows,) scores, and (tested rows,) row numbers fold by fold, in a fold by ascending score.
    starts, of_repeat, compounds
        As of `influences`.
    auc
        (draws,): the result, unrounded; NaN where no fold has both classes.
    """
    # Row by row in order: the compound, and whether the score is that of the row before.
    who, tied = np.empty(len(order), dtype=np.int64), np.empty(len(order), dtype=np.bool_)
    for number in range(len(order)):
        who[number] = compounds[order[number]]
        tied[number] = number > 0 and score[order[number]] == score[order[number - 1]]
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
