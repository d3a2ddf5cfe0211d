"""Summaries of per-target scores: the numbers that go into metrics/."""

from __future__ import annotations

import math

import pandas as pd

from phenoprot.evaluation.settings import EvaluationSettings

Metrics = dict[str, float | int]


def _counts(scores: pd.Series, table: pd.DataFrame, name: str, thresholds: list[float]) -> Metrics:
    """Targets at or above each threshold, their share, and the number expected by chance."""
    counts: Metrics = {}
    for threshold in thresholds:
        reached = int((scores >= threshold).sum())
        counts[f"n_{name}_ge_{threshold:g}"] = reached
        counts[f"pct_{name}_ge_{threshold:g}"] = _tidy(100 * reached / max(len(scores), 1))
        counts[f"chance_n_{name}_ge_{threshold:g}"] = _tidy(table[f"chance_ge_{threshold:g}"].sum())
    return counts


def _tidy(value: float) -> float:
    """Six decimals: enough to compare, too few to show the noise of another machine."""
    return round(float(value), 6)


def without_nan(metrics: Metrics) -> Metrics:
    """DVC always shows a NaN as changed: what is not defined is left out."""
    return {
        key: _tidy(value) if isinstance(value, float) else value
        for key, value in metrics.items()
        if not (isinstance(value, float) and math.isnan(value))
    }


def classification_metrics(
    table: pd.DataFrame, summary: Metrics, settings: EvaluationSettings
) -> Metrics:
    """Mean AUC, counts at each threshold and their chance level.

    A target without an AUC (no fold had both classes) counts in ``n_targets`` and nowhere else.
    """
    return without_nan(
        {
            "n_targets": len(table),
            "n_targets_scored": int(table["auc"].notna().sum()),
            "n_folds_skipped": round(float(table["folds_skipped"].sum())),
            "mean_auc": float(table["auc"].mean()),
            **summary,
            **_counts(table["auc"], table, "auc", settings.auc_thresholds),
        }
    )


def regression_metrics(
    table: pd.DataFrame, summary: Metrics, settings: EvaluationSettings
) -> Metrics:
    """Mean scores, median and largest R2, counts and chance levels."""
    scores = ("r2", "pearson_r2", "smape", "concordance")
    means = {f"mean_{name}": float(table[name].mean()) for name in scores}
    return without_nan(
        {
            "n_targets": len(table),
            **means,
            "median_r2": float(table["r2"].dropna().median()),
            "max_r2": float(table["r2"].max()),
            **summary,
            **_counts(table["r2"], table, "r2", settings.r2_thresholds),
        }
    )
