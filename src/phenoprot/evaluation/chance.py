"""What chance gives: the compounds permuted for all targets at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phenoprot.evaluation.counting import permuted_aucs, resampled_aucs
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
    folds = Tested.of(compounds, repeats)
    labels, scores = (np.ascontiguousarray(of.T, dtype=np.float64) for of in (labels, scores))
    order = joint_permutations(labels.shape[1], draws, seed)
    return permuted_block(labels, scores, folds, folds.ascending(scores), order).T


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
    auc = np.empty((len(scores), len(drawn)))
    permuted_aucs(
        np.nan_to_num(labels, nan=-1).astype(np.int8), np.ascontiguousarray(drawn.T, np.int32),
        scores, ascending, folds.starts, folds.of_repeat, folds.compounds, auc,
    )  # fmt: skip
    return np.round(auc, 12)


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
    folds = Tested.of(compounds, repeats)
    labels, scores = (np.ascontiguousarray(of.T, dtype=np.float64) for of in (labels, scores))
    times = drawn_compounds(labels.shape[1], draws, seed)
    return resampled_block(labels, scores, folds, folds.ascending(scores), times).T


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
    auc = np.empty((len(scores), len(times)))
    resampled_aucs(
        np.nan_to_num(labels, nan=-1).astype(np.int8), np.ascontiguousarray(times.T, np.int8),
        scores, ascending, folds.starts, folds.of_repeat, folds.compounds, auc,
    )  # fmt: skip
    return np.round(auc, 12)


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
