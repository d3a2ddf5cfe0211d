"""Retrieval of wells by similarity: mean average precision, and what it is of chance.

As copairs computes it (Kalinin et al. 2025, "A versatile information retrieval framework for
evaluating profile strength and similarity", Nature Communications). Everything here is arrays;
:mod:`phenoprot.wells.activity` says which wells are a treatment's.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb, prod

import numpy as np
from scipy.stats import rankdata

DECIMALS = 12
"""Similarities that differ beyond this decimal only are equal: a sum's order decides these."""
TOLERANCE = 1e-9
"""Mean average precisions that differ by less are equal."""


def share_at_or_above(values: np.ndarray, score: float, complete: bool) -> float:
    """p of a score: exact if the values are all there are, else with the score as one more draw."""
    above, extra = int((values >= score - TOLERANCE).sum()), int(not complete)
    return (above + extra) / (len(values) + extra)


def unit_vectors(profiles: np.ndarray) -> np.ndarray:
    """Profiles divided by their length, (wells, features); one without a direction stays 0."""
    values = np.asarray(profiles, dtype=np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths > 0, lengths, 1.0)


def similarity_ranks(similarity: np.ndarray) -> np.ndarray:
    """Rank of every well in the list of every other: 1 is the most similar one.

    Parameters
    ----------
    similarity
        Symmetric, (wells, wells); the diagonal is not looked at.

    Returns
    -------
    numpy.ndarray
        int64, same shape: how many other wells are at least as similar to the row's well as the
        column's well is. Equal ones all have the last of their ranks. The diagonal is the last rank
        plus one.
    """
    distance = -np.round(similarity, DECIMALS)
    np.fill_diagonal(distance, np.inf)
    return rankdata(distance, method="max", axis=1).astype(np.int64)


def mean_average_precision(ranks: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Mean average precision of sets of wells, all other wells being the negatives.

    Each well of a set is the query once; the others of the set are its positives. Its average
    precision is the mean, over the positives, of the share of positives among all wells that are at
    least as similar to the query: scikit-learn's ``average_precision_score``, ties included.

    Parameters
    ----------
    ranks
        From :func:`similarity_ranks`, (wells, wells).
    sets
        Wells of each set, (sets, replicates), two or more replicates.

    Returns
    -------
    numpy.ndarray
        0..1, (sets,).
    """
    n = sets.shape[1]
    total = np.zeros(len(sets))
    for query in range(n):
        others = np.delete(sets, query, axis=1)
        found = np.sort(ranks[sets[:, [query]], others], axis=1)
        hits = np.full(len(sets), n - 1)
        for place in reversed(range(n - 1)):
            if place < n - 2:
                hits = np.where(found[:, place] == found[:, place + 1], hits, place + 1)
            total += hits / found[:, place]
    return total / (n * (n - 1))


def well_sets(
    strata: list[tuple[np.ndarray, int]], most: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Sets of wells that could have been the replicates.

    Parameters
    ----------
    strata
        Units to choose from, (units, wells of a unit), and how many are chosen: wells of one plate,
        or positions with a well on every plate.
    most
        Sets to draw, if there are more than these.
    rng
        Random stream.

    Returns
    -------
    sets
        Wells of each set, (sets, replicates).
    complete
        Whether these are all sets, each once.
    """
    complete = prod(comb(len(units), chosen) for units, chosen in strata) <= most
    if complete:
        each = [list(combinations(range(len(units)), chosen)) for units, chosen in strata]
        picks = [np.array(part) for part in zip(*product(*each), strict=True)]
    else:
        picks = [rng.random((most, len(units))).argsort(axis=1)[:, :k] for units, k in strata]
    sets = [
        units[pick].reshape(len(pick), -1) for (units, _), pick in zip(strata, picks, strict=True)
    ]
    return np.concatenate(sets, axis=1), complete


def ranking_null(
    n_positives: int, n_total: int, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Average precision of one query if its ranking is random: the null of copairs.

    copairs compares the mean over a treatment's queries with this, as if all of them had the same
    ranking.

    Parameters
    ----------
    n_positives, n_total
        Positives, and positives and negatives together, in the ranking.
    most
        Rankings to draw, if there are more than these.
    rng
        Random stream.

    Returns
    -------
    values
        Average precisions, 0..1.
    complete
        Whether these are those of all rankings, each once.
    """
    everything = comb(n_total, n_positives) <= most
    if everything:
        places = np.array(list(combinations(range(n_total), n_positives)))
    else:
        draws = rng.random((most, n_total)).argpartition(n_positives - 1, axis=1)
        places = np.sort(draws[:, :n_positives], axis=1)
    return (np.arange(1, n_positives + 1) / (places + 1)).mean(axis=1), everything
