"""What chance gives: the compounds permuted for all targets at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from phenoprot.evaluation.auc_counting import drawn_aucs
from phenoprot.evaluation.repeated import Tested
from phenoprot.evaluation.uncertainty import TRAINING


def joint_permutations(compounds: int, draws: int, seed: int) -> np.ndarray:
    """Number of the compound whose labels each one gets: (draws, compounds)."""
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(compounds), (draws, 1)), axis=1)


def drawn_compounds(compounds: int, draws: int, seed: int) -> np.ndarray:
    """How often each compound is drawn, of as many draws with replacement: (draws, compounds)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(compounds, np.full(compounds, 1 / compounds), size=draws)


def permuted_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    compounds: np.ndarray,
    repeats: Sequence[Sequence[np.ndarray]],
    draws: int,
    seed: int,
) -> np.ndarray:
    """ROC AUC of every target after permuting whole label vectors among the compounds.

    A compound's labels of all targets, its unknown ones with them, go to another compound, in all
    of its doses and in all repeats alike. So the correlation between targets, the doses and the
    repeats, and the pattern of unknown labels stay what they are. If the predictions know nothing
    of the labels, every permutation is as likely as the observed one. Positives may change folds: a
    fold that has not both classes counts as little as in the score itself.

    The trained models are held fixed; :func:`widened` adds what their training does.

    Parameters
    ----------
    labels
        (compounds, targets): 1, 0 or NaN.
    scores
        (rows, targets).
    compounds
        (rows,): number of the compound whose labels a row is scored against.
    repeats
        Row numbers of each test fold of each repeat.
    draws, seed
        Number of permutations, random seed.

    Returns
    -------
    numpy.ndarray
        (draws, targets); NaN where no fold has both classes.
    """
    order = joint_permutations(len(labels), draws, seed)
    return _at_once(permuted_block, labels, scores, Tested.of(compounds, repeats), order)


def permuted_block(
    labels: np.ndarray, scores: np.ndarray, folds: Tested, ascending: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
    """The same, (targets, draws), of what belongs to all blocks of targets.

    Parameters
    ----------
    labels, scores
        (targets, compounds) and (targets, rows).
    folds
        With the compounds whose labels the rows are scored against.
    ascending
        Rows in order, see `Tested.ascending`.
    drawn
        (draws, compounds): whose labels each compound gets.
    """
    counts = _permuted(labels, np.ascontiguousarray(drawn.T))
    return _aucs_of_draws(counts, 1, scores, folds, ascending, len(drawn))


def resampled_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    compounds: np.ndarray,
    repeats: Sequence[Sequence[np.ndarray]],
    draws: int,
    seed: int,
) -> np.ndarray:
    """ROC AUC of every target over compounds drawn with replacement: a bootstrap by compound.

    A compound that is drawn twice counts twice, with all of its doses, in all repeats and for all
    targets; the predictions stay as they are. So the spread of the draws is that of the jackknife
    behind the intervals (:mod:`phenoprot.evaluation.uncertainty`), which needs no draws.

    Parameters
    ----------
    labels, scores, compounds, repeats, draws, seed
        As of :func:`permuted_auc`.

    Returns
    -------
    numpy.ndarray
        (draws, targets); NaN where no fold has both classes.
    """
    times = drawn_compounds(len(labels), draws, seed)
    return _at_once(resampled_block, labels, scores, Tested.of(compounds, repeats), times)


def resampled_block(
    labels: np.ndarray, scores: np.ndarray, folds: Tested, ascending: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """The same, (targets, draws), of what belongs to all blocks of targets.

    Parameters
    ----------
    labels, scores, folds, ascending
        As of :func:`permuted_block`.
    times
        (draws, compounds): how often each compound was drawn.
    """
    counts = _resampled(labels, np.ascontiguousarray(times.T, np.int8))
    return _aucs_of_draws(counts, int(times.max()), scores, folds, ascending, len(times))


Counts: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Of one target, (compounds, draws) int8 each: how often a compound counts as a positive, and as a
negative; overwritten for the next target."""


def _permuted(labels: np.ndarray, owner: np.ndarray) -> Iterator[Counts]:
    own, positive, negative = np.empty((3, *owner.shape), dtype=np.int8)
    for label in np.nan_to_num(labels, nan=-1).astype(np.int8):
        label.take(owner, out=own, mode="clip")  # the default would copy `out`
        np.equal(own, 1, out=positive.view(np.bool_))
        np.equal(own, 0, out=negative.view(np.bool_))
        yield positive, negative


def _resampled(labels: np.ndarray, often: np.ndarray) -> Iterator[Counts]:
    positive, negative = np.empty((2, *often.shape), dtype=np.int8)
    for label in labels[:, :, None]:
        np.multiply(often, (label == 1).astype(np.int8), out=positive)
        np.multiply(often, (label == 0).astype(np.int8), out=negative)
        yield positive, negative


def _aucs_of_draws(
    counts: Iterable[Counts],
    heaviest: int,
    scores: np.ndarray,
    folds: Tested,
    ascending: np.ndarray,
    draws: int,
) -> np.ndarray:
    """ROC AUC (targets, draws) from the counts of each target, none of them above `heaviest`."""
    auc = np.empty((len(scores), draws))
    of_targets = zip(counts, scores, ascending, auc, strict=True)
    for (positive, negative), score, order, found in of_targets:
        drawn_aucs(
            positive, negative, heaviest, score, order, folds.starts, folds.of_repeat,
            folds.compounds, found,
        )  # fmt: skip
    return np.round(auc, 12)


def _at_once(
    block: Callable[..., np.ndarray],
    labels: np.ndarray,
    scores: np.ndarray,
    folds: Tested,
    drawn: np.ndarray,
) -> np.ndarray:
    """All targets as one block, given and returned with the targets in columns."""
    labels, scores = (np.ascontiguousarray(of.T, dtype=np.float64) for of in (labels, scores))
    return block(labels, scores, folds, folds.ascending(scores), drawn).T


def widened(scores: np.ndarray, centre: np.ndarray | float) -> np.ndarray:
    """Scores by chance, of models trained on the permuted labels.

    With the models held fixed a score spreads less than that of a whole cross-validation without
    signal, for the reason that makes intervals wider, and by the same factor:
    :data:`phenoprot.evaluation.uncertainty.TRAINING`.

    Parameters
    ----------
    scores
        (draws, targets).
    centre
        What a score spreads around: 0.5 for an AUC, the mean over the draws for an R2.
    """
    return centre + np.sqrt(TRAINING) * (scores - centre)
