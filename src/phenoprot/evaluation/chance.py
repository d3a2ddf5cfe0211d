"""What chance gives: the compounds permuted for all targets at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phenoprot.evaluation.auc import wins
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
    order = joint_permutations(len(labels), draws, seed).T
    units = [[np.unique(compounds[rows], return_inverse=True) for rows in folds]
             for folds in repeats]  # fmt: skip
    result = np.full((draws, labels.shape[1]), np.nan)
    for target in range(labels.shape[1]):
        label = labels[:, target]
        positive = (label == 1).astype(np.float32)[order]
        known = None if not np.isnan(label).any() else (~np.isnan(label)).astype(np.float32)[order]
        by_repeat = []
        for folds, named in zip(repeats, units, strict=True):
            placed, counted = np.zeros(draws), np.zeros(draws)
            for rows, (names, codes) in zip(folds, named, strict=True):
                ones, rank = _fold(scores[rows, target], codes.ravel(), positive[names],
                                   None if known is None else known[names])  # fmt: skip
                placed += rank
                counted += ones
            by_repeat.append(placed / np.where(counted > 0, counted, np.nan))
        result[:, target] = mean_over_folds(by_repeat)
    return result


def widened(aucs: np.ndarray) -> np.ndarray:
    """AUCs by chance, of models trained on the permuted labels.

    With the models held fixed an AUC spreads less around 0.5 than that of a whole cross-validation
    without signal, for the reason that makes intervals wider, and by the same factor:
    :data:`phenoprot.evaluation.uncertainty.TRAINING`.
    """
    return 0.5 + np.sqrt(TRAINING) * (aucs - 0.5)


def _fold(
    scores: np.ndarray, units: np.ndarray, positive: np.ndarray, known: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Number of the positive rows of a fold and sum of their placements, (draws,) each.

    Parameters
    ----------
    scores, units
        (rows,): score, and number of the compound in the fold.
    positive, known
        (compounds of the fold, draws): 1 for a positive, 1 for a known label; None: all are known.
    """
    won = wins(scores, units)
    size = np.bincount(units).astype(np.float32)
    n_positive = size @ positive
    n_known = size.sum() if known is None else size @ known
    beaten = won.sum(axis=1, keepdims=True) if known is None else won @ known
    # Of two positive rows, or of a row against itself, one half is won.
    pairs = np.einsum("ij,ij->j", positive, np.broadcast_to(beaten, positive.shape))
    pairs = pairs.astype(np.float64) - n_positive.astype(np.float64) ** 2 / 2
    n_negative = n_known - n_positive
    both = (n_positive > 0) & (n_negative > 0)
    placed = np.where(both, pairs / np.maximum(n_negative, 1), 0.0)
    return np.where(both, n_positive, 0.0).astype(np.float64), placed
