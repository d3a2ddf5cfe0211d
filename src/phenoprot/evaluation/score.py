"""Score the predictions of one table row: every target within each test fold, then averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.evaluation.auc import auc_by_target, bootstrap_auc, permuted_auc
from phenoprot.evaluation.regression import (
    pearson_r2_by_target,
    permuted_r2,
    r2_by_target,
    smape_by_target,
)
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, feature_columns
from phenoprot.tasks.data import LABELS_OF, REPEAT
from phenoprot.tasks.splits import FOLD


@dataclass(frozen=True)
class RowScores:
    """Scores of one row."""

    targets: pd.DataFrame
    """One line per target."""
    summary: dict[str, float | int]
    """What only the predictions can tell: numbers of compounds, intervals."""


def aligned_labels(predictions: pd.DataFrame, labels: pd.DataFrame) -> np.ndarray:
    """Labels (rows, targets) that the predictions are scored against."""
    key = [column for column in (COMPOUND, CONCENTRATION) if column in labels]
    wanted = predictions[[CONCENTRATION]].assign(**{COMPOUND: predictions[LABELS_OF]})[key]
    merged = wanted.merge(labels, how="left", on=key)
    return merged[feature_columns(labels)].to_numpy(dtype=np.float64)


def _test_folds(predictions: pd.DataFrame) -> list[np.ndarray]:
    """Row numbers of each shuffle and test fold."""
    groups = predictions.groupby([REPEAT, FOLD], sort=True)
    return [np.asarray(rows) for rows in groups.indices.values()]


def _mean_over_folds(values: list[np.ndarray]) -> np.ndarray:
    """Mean over folds (first axis) where a fold has a value; NaN where none has.

    Rounded to 12 decimals: the mean of three 0.7 is 0.6999999999999998, and reaches 0.7.
    """
    stacked = np.stack(values)
    present = ~np.isnan(stacked)
    n = present.sum(axis=0)
    means = np.where(present, stacked, 0.0).sum(axis=0) / np.where(n > 0, n, np.nan)
    return np.round(means, 12)


def _exceedance(permuted: np.ndarray, thresholds: list[float]) -> dict[str, np.ndarray]:
    """Share of the permutations in which a target reaches each threshold by chance."""
    return {f"chance_ge_{t:g}": (permuted >= t).mean(axis=0) for t in thresholds}


def _compound_draws(compounds: pd.Series, bootstraps: int, seed: int) -> np.ndarray:
    """How often each row is drawn: compounds resampled with replacement, (bootstraps, rows)."""
    codes, names = pd.factorize(compounds, sort=True)
    rng = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    return rng.multinomial(len(names), share, size=bootstraps)[:, codes].astype(np.float64)


def score_classification(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> RowScores:
    """ROC AUC per target: within each test fold, then the mean over the folds.

    Pooling the folds' predictions first would compare scores of five differently calibrated models
    and pushes shuffled labels below 0.5. A fold without both classes is skipped and counted.
    """
    truth = aligned_labels(predictions, labels)
    names = feature_columns(labels)
    scores = predictions[names].to_numpy(dtype=np.float64)
    draws = _compound_draws(predictions[COMPOUND], settings.bootstraps, settings.seed)
    folds = _test_folds(predictions)
    aucs = [auc_by_target(truth[rows], scores[rows]) for rows in folds]
    compounds = predictions[COMPOUND].to_numpy(dtype=str)
    permuted = [
        permuted_auc(
            truth[rows], scores[rows], settings.permutations, settings.seed + i, compounds[rows]
        )
        for i, rows in enumerate(folds)
    ]
    drawn = [bootstrap_auc(truth[rows], scores[rows], draws[:, rows]) for rows in folds]
    repeats = predictions[REPEAT].nunique()
    once = predictions[REPEAT] == predictions[REPEAT].min()
    table = pd.DataFrame(
        {
            "Target": names,
            "auc": _mean_over_folds(aucs),
            "n_positives": (truth[once] == 1).sum(axis=0),
            "n_negatives": (truth[once] == 0).sum(axis=0),
            "folds_skipped": np.isnan(np.stack(aucs)).sum(axis=0) / repeats,
            **_exceedance(_mean_over_folds(permuted), settings.auc_thresholds),
        }
    )
    low, high = np.nanpercentile(np.nanmean(_mean_over_folds(drawn), axis=1), [2.5, 97.5])
    return RowScores(
        table,
        {
            "n_compounds": int(predictions[COMPOUND].nunique()),
            "mean_auc_ci_low": float(low),
            "mean_auc_ci_high": float(high),
        },
    )


def score_regression(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> RowScores:
    """R2 (two definitions) and SMAPE per target: within each test fold, then the mean."""
    truth = aligned_labels(predictions, labels)
    names = feature_columns(labels)
    predicted = predictions[names].to_numpy(dtype=np.float64)
    folds = _test_folds(predictions)
    r2 = [r2_by_target(truth[rows], predicted[rows]) for rows in folds]
    pearson = [pearson_r2_by_target(truth[rows], predicted[rows]) for rows in folds]
    smape = [smape_by_target(truth[rows], predicted[rows]) for rows in folds]
    compounds = predictions[COMPOUND].to_numpy(dtype=str)
    permuted = [
        permuted_r2(
            truth[rows], predicted[rows], settings.permutations, settings.seed + i, compounds[rows]
        )
        for i, rows in enumerate(folds)
    ]
    table = pd.DataFrame(
        {
            "Target": names,
            "r2": _mean_over_folds(r2),
            "pearson_r2": _mean_over_folds(pearson),
            "smape": _mean_over_folds(smape),
            "folds_skipped": np.isnan(np.stack(r2)).sum(axis=0) / predictions[REPEAT].nunique(),
            **_exceedance(_mean_over_folds(permuted), settings.r2_thresholds),
        }
    )
    return RowScores(table, {"n_compounds": int(predictions[COMPOUND].nunique())})
