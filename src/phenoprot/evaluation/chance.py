"""What chance gives: the compounds permuted for all targets at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phenoprot.evaluation.counting import add_placements
from phenoprot.evaluation.folds import mean_over_folds
from phenoprot.evaluation.uncertainty import TRAINING


def joint_permutations(compounds: int, draws: int, seed: int) -> np.ndarray:
    """Number of the compound whose labels each one gets: (draws, compounds)."""
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(compounds), (draws, 1)), axis=1)


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
    order = np.ascontiguousarray(joint_permutations(len(labels), draws, seed).T)
    starts = [np.cumsum([0, *map(len, folds)]) for folds in repeats]
    rows = [np.concatenate(list(folds)) for folds in repeats]
    fold = [np.repeat(np.arange(len(folds)), list(map(len, folds))) for folds in repeats]
    result = np.full((draws, labels.shape[1]), np.nan)
    for target in range(labels.shape[1]):
        permuted = np.nan_to_num(labels[:, target], nan=-1).astype(np.int8)[order]
        by_repeat = []
        for own, of_fold, start in zip(rows, fold, starts, strict=True):
            score = scores[own, target]
            ascending = np.lexsort((score, of_fold))
            score = score[ascending]
            tied = np.append(False, score[1:] == score[:-1])
            tied[start[:-1]] = False
            placed, counted = np.zeros((2, draws))
            add_placements(permuted, compounds[own[ascending]], tied, start, placed, counted)
            by_repeat.append(placed / np.where(counted > 0, counted, np.nan))
        result[:, target] = mean_over_folds(by_repeat)
    return result


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
