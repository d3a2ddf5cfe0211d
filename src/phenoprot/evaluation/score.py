"""Score the predictions of one table row: every target within each test fold, then averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.evaluation.auc import auc_by_target, bootstrap_auc, permuted_auc
from phenoprot.evaluation.folds import (
    aligned_labels,
    compound_draws,
    folds_of,
    mean_over_folds,
)
from phenoprot.evaluation.regression import (
    concordance_by_target,
    pearson_r2_by_target,
    permuted_r2,
    r2_by_target,
    smape_by_target,
)
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, feature_columns
from phenoprot.tasks.columns import REPEAT


@dataclass(frozen=True)
class AucScores:
    """ROC AUC of every target, within test folds and averaged."""

    by_fold: np.ndarray
    """(shuffles x folds, targets); NaN where a fold has not both classes."""
    auc: np.ndarray
    """(targets,): mean over the folds."""
    draws: np.ndarray
    """(bootstraps, targets): the same with the compounds resampled."""


@dataclass(frozen=True)
class RowScores:
    """Scores of one row."""

    targets: pd.DataFrame
    """One line per target."""
    n_compounds: int
    """Compounds with a prediction."""
    aucs: AucScores | None = None
    """Behind the table, unless it is one of levels."""

    @property
    def bootstrapped(self) -> AucScores:
        """The AUCs of a row that has them."""
        if self.aucs is None:
            raise ValueError("scores of levels have no AUC")
        return self.aucs


def auc_scores(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> AucScores:
    """ROC AUC per target: within each test fold, then the mean over the folds.

    Pooling the folds' predictions first would compare scores of five differently calibrated models
    and pushes shuffled labels below 0.5.
    """
    truth = aligned_labels(predictions, labels)
    scores = predictions[feature_columns(labels)].to_numpy(dtype=np.float64)
    draws = compound_draws(predictions[COMPOUND], settings.bootstraps, settings.seed)
    folds = folds_of(predictions)
    aucs = [auc_by_target(truth[rows], scores[rows]) for rows in folds]
    drawn = [bootstrap_auc(truth[rows], scores[rows], draws[:, rows]) for rows in folds]
    return AucScores(np.stack(aucs), mean_over_folds(aucs), mean_over_folds(drawn))


def _exceedance(permuted: np.ndarray, thresholds: list[float]) -> dict[str, np.ndarray]:
    """Share of the permutations in which a target reaches each threshold by chance."""
    return {f"chance_ge_{t:g}": (permuted >= t).mean(axis=0) for t in thresholds}


def score_classification(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> RowScores:
    """ROC AUC per target (see :func:`auc_scores`), and how often chance reaches the thresholds.

    A fold without both classes is skipped and counted.
    """
    truth = aligned_labels(predictions, labels)
    names = feature_columns(labels)
    scores = predictions[names].to_numpy(dtype=np.float64)
    compounds = predictions[COMPOUND].to_numpy(dtype=str)
    permuted = [
        permuted_auc(
            truth[rows], scores[rows], settings.permutations, settings.seed + i, compounds[rows]
        )
        for i, rows in enumerate(folds_of(predictions))
    ]
    scored = auc_scores(predictions, labels, settings)
    repeats = predictions[REPEAT].nunique()
    once = predictions[REPEAT] == predictions[REPEAT].min()
    table = pd.DataFrame(
        {
            "Target": names,
            "auc": scored.auc,
            "n_positives": (truth[once] == 1).sum(axis=0),
            "n_negatives": (truth[once] == 0).sum(axis=0),
            "folds_skipped": np.isnan(scored.by_fold).sum(axis=0) / repeats,
            **_exceedance(mean_over_folds(permuted), settings.auc_thresholds),
        }
    )
    return RowScores(table, int(predictions[COMPOUND].nunique()), scored)


def level_scores(predictions: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """R2 (two definitions), SMAPE and concordance: within each test fold, then the mean.

    Returns
    -------
    pandas.DataFrame
        ``Target``, ``r2``, ``pearson_r2``, ``smape``, ``concordance`` and ``folds_skipped`` (of one
        shuffle), those whose levels are constant.
    """
    names = feature_columns(levels)
    truth = aligned_labels(predictions, levels)
    predicted = predictions[names].to_numpy(dtype=np.float64)
    folds = [(truth[rows], predicted[rows]) for rows in folds_of(predictions)]
    r2 = [r2_by_target(*fold) for fold in folds]
    return pd.DataFrame(
        {
            "Target": names,
            "r2": mean_over_folds(r2),
            "pearson_r2": mean_over_folds([pearson_r2_by_target(*fold) for fold in folds]),
            "smape": mean_over_folds([smape_by_target(*fold) for fold in folds]),
            "concordance": mean_over_folds([concordance_by_target(*fold) for fold in folds]),
            "folds_skipped": np.isnan(np.stack(r2)).sum(axis=0) / predictions[REPEAT].nunique(),
        }
    )


def score_regression(
    predictions: pd.DataFrame, levels: pd.DataFrame, settings: EvaluationSettings
) -> RowScores:
    """Scores of the levels per target, and how often chance reaches the thresholds."""
    truth = aligned_labels(predictions, levels)
    predicted = predictions[feature_columns(levels)].to_numpy(dtype=np.float64)
    compounds = predictions[COMPOUND].to_numpy(dtype=str)
    permuted = [
        permuted_r2(
            truth[rows], predicted[rows], settings.permutations, settings.seed + i, compounds[rows]
        )
        for i, rows in enumerate(folds_of(predictions))
    ]
    chance = _exceedance(mean_over_folds(permuted), settings.r2_thresholds)
    return RowScores(
        level_scores(predictions, levels).assign(**chance),
        int(predictions[COMPOUND].nunique()),
    )
