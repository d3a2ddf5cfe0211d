"""Summaries of per-target scores: the numbers that go into the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.evaluation.folds import mean_of_present
from phenoprot.evaluation.means import auc_estimate
from phenoprot.evaluation.results import RowResult, ThresholdCount, estimates, tidy
from phenoprot.evaluation.score import RowScores
from phenoprot.evaluation.settings import EvaluationSettings


def threshold_counts(
    table: pd.DataFrame, score: str, thresholds: list[float], chance: np.ndarray | None = None
) -> list[ThresholdCount]:
    """Targets at or above each threshold, their share, and what chance gives.

    Parameters
    ----------
    table
        One line per target: `score`, and without `chance` the columns ``chance_ge_<threshold>``.
    score
        The column whose values are counted.
    thresholds
        In the order of params.yaml.
    chance
        (permutations, targets) by chance, the compounds permuted for all targets at once: the
        counts then have a standard deviation and a p.
    """
    counts = []
    for threshold in thresholds:
        reached = int((table[score] >= threshold).sum())
        expected = float(table[f"chance_ge_{threshold:g}"].sum())
        drawn = None if chance is None else (chance >= threshold).sum(axis=1)
        counts.append(
            ThresholdCount(
                threshold=threshold,
                n=reached,
                percent=tidy(100 * reached / max(len(table), 1)),
                expected_by_chance=tidy(expected),
                chance_sd=None if drawn is None else tidy(drawn.std()),
                p=None if drawn is None else tidy(permutation_p(drawn, reached)),
            )
        )
    return counts


def permutation_p(drawn: np.ndarray, observed: float) -> float:
    """One-sided p: share of the permutations that reach what was observed.

    The observed labels are one of the permutations, so that p is at least 1 / (draws + 1) (Phipson
    & Smyth 2010, doi:10.2202/1544-6115.1585). A draw without a value reaches nothing.
    """
    return float(((drawn >= observed).sum() + 1) / (len(drawn) + 1))


def above_chance(table: pd.DataFrame, false_discovery_rate: float) -> frozenset[str]:
    """Targets whose AUC is above chance: those of the lines with ``q`` at the rate or below."""
    return frozenset(table.loc[table["q"] <= false_discovery_rate, "Target"])


def jaccard(one: frozenset[str], other: frozenset[str]) -> float | None:
    """Share of what is in either set that is in both; None where both are empty."""
    return tidy(len(one & other) / len(one | other)) if one or other else None


def auc_result(scores: RowScores, settings: EvaluationSettings) -> RowResult:
    """Mean AUC with its interval, counts at each threshold, and what chance gives.

    A target without an AUC (no fold had both classes) counts in ``n_targets`` and nowhere else.
    """
    table, mean = scores.targets, scores.repeated.mean()
    known = mean_of_present(scores.by_chance, axis=1)
    scored = not np.isnan(mean.value)
    return RowResult(
        scorer="auc",
        n_targets=len(table),
        n_compounds=scores.n_compounds,
        n_repeats=scores.n_repeats,
        n_folds=scores.n_folds,
        n_targets_scored=int(table["auc"].notna().sum()),
        n_folds_skipped=round(float(table["folds_skipped"].sum())),
        n_above_chance=len(above_chance(table, settings.false_discovery_rate)),
        means=estimates({"auc": auc_estimate(mean)}),
        mean_chance_sd=tidy(np.nanstd(known)) if scored else None,
        # Rounded as the scores are, so that equal means are equal.
        mean_p=tidy(permutation_p(known.round(9), round(mean.value, 9))) if scored else None,
        thresholds=threshold_counts(table, "auc", settings.auc_thresholds, scores.by_chance),
    )
