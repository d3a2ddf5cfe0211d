"""Summaries of per-target scores: the numbers that go into the tables."""

from __future__ import annotations

import pandas as pd

from phenoprot.evaluation.folds import interval, mean_of_present
from phenoprot.evaluation.results import (
    SCORE_NAMES,
    RowResult,
    ThresholdCount,
    defined,
    estimate,
    estimates,
    tidy,
)
from phenoprot.evaluation.score import RowScores
from phenoprot.evaluation.settings import EvaluationSettings


def threshold_counts(
    table: pd.DataFrame, score: str, thresholds: list[float]
) -> list[ThresholdCount]:
    """Targets at or above each threshold, their share, and the number expected by chance."""
    counts = []
    for threshold in thresholds:
        reached = int((table[score] >= threshold).sum())
        counts.append(
            ThresholdCount(
                threshold=threshold,
                n=reached,
                percent=tidy(100 * reached / max(len(table), 1)),
                expected_by_chance=tidy(table[f"chance_ge_{threshold:g}"].sum()),
            )
        )
    return counts


def auc_result(scores: RowScores, settings: EvaluationSettings) -> RowResult:
    """Mean AUC with its interval, counts at each threshold and their chance level.

    A target without an AUC (no fold had both classes) counts in ``n_targets`` and nowhere else.
    """
    table = scores.targets
    low, high = interval(mean_of_present(scores.bootstrapped.draws, axis=1))
    return RowResult(
        scorer="auc",
        n_targets=len(table),
        n_compounds=scores.n_compounds,
        n_targets_scored=int(table["auc"].notna().sum()),
        n_folds_skipped=round(float(table["folds_skipped"].sum())),
        means=estimates({"auc": estimate(float(table["auc"].mean()), low, high)}),
        thresholds=threshold_counts(table, "auc", settings.auc_thresholds),
    )


def level_result(scores: RowScores, settings: EvaluationSettings) -> RowResult:
    """Mean scores, median and largest R2, counts and chance levels."""
    table = scores.targets
    means = {name: estimate(float(table[name].mean())) for name in SCORE_NAMES["levels"].means}
    return RowResult(
        scorer="levels",
        n_targets=len(table),
        n_compounds=scores.n_compounds,
        means=estimates(means),
        median=defined(float(table["r2"].dropna().median())),
        maximum=defined(float(table["r2"].max())),
        thresholds=threshold_counts(table, "r2", settings.r2_thresholds),
    )
