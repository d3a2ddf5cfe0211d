"""Scores of a row and their summary: per fold, then averaged; skipped folds; chance counts."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.folds import aligned_labels
from phenoprot.evaluation.results import SCORE_NAMES, Estimate, RowResult, ThresholdCount
from phenoprot.evaluation.score import RowScores, score_classification, score_regression
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import auc_result, level_result

SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6, 0.8], r2_thresholds=[0.1, 0.5], permutations=400, bootstraps=60, seed=0
)


def task(
    labels: dict[str, list[float]],
    scores: dict[str, list[float]],
    folds: list[int],
    repeats: list[int] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions, and labels of the compounds c0, c1, ... in the order of the rows."""
    compounds = [f"c{i:03d}" for i in range(len(folds))]
    predictions = pd.DataFrame(
        {
            "Metadata_Compound": compounds,
            "Metadata_Concentration": 5.0,
            "Fold": folds,
            "Metadata_LabelsOf": compounds,
            "Metadata_Repeat": repeats or 0,
            **scores,
        }
    )
    return predictions, pd.DataFrame({"Metadata_Compound": compounds, **labels})


def test_folds_are_scored_apart_and_then_averaged() -> None:
    # Fold 0 scores high and fold 1 low: perfect in each, 3 of 4 pairs when pooled.
    labels, scores, folds = [1, 0, 1, 0], [9, 8, 2, 1], [0, 0, 1, 1]
    assert roc_auc_score(labels, scores) == 0.75
    result = score_classification(*task({"t": labels}, {"t": scores}, folds), SETTINGS)
    assert result.targets["auc"].tolist() == [1.0]
    assert result.targets["folds_skipped"].tolist() == [0]


def test_regression_is_scored_per_fold_too() -> None:
    # The folds' levels differ: within a fold the predictions are the mean, R2 0; pooled 0.96.
    truth, predicted, folds = [0, 2, 10, 12], [1, 1, 11, 11], [0, 0, 1, 1]
    result = score_regression(*task({"t": truth}, {"t": predicted}, folds), SETTINGS)
    line = result.targets.iloc[0]
    assert (line["r2"], line["pearson_r2"], line["folds_skipped"]) == (0, 0, 0)
    smape = 100 * np.mean([1, 1 / 3, 1 / 21, 1 / 23])
    assert line["smape"] == pytest.approx(smape)


def test_folds_without_both_classes_are_skipped_and_counted() -> None:
    nan = math.nan
    labels = {"a": [1, 0, 1, 1], "b": [1, 1, nan, 0], "c": [1, 0, 1, 0]}
    scores = {name: [2, 1, 1, 2] for name in labels}
    result = score_classification(*task(labels, scores, [0, 0, 1, 1]), SETTINGS)
    table = result.targets.set_index("Target")
    assert table["auc"].tolist()[0] == 1.0  # fold 0 alone
    assert np.isnan(table.loc["b", "auc"])
    assert table.loc["c", "auc"] == 0.5  # 1 and 0
    assert table["folds_skipped"].tolist() == [1, 2, 0]
    assert table["n_positives"].tolist() == [3, 2, 2]
    assert table["n_negatives"].tolist() == [1, 1, 2]
    found = auc_result(result, SETTINGS)
    assert (found.n_targets, found.n_targets_scored, found.n_folds_skipped) == (3, 2, 3)
    assert found.means["auc"].value == 0.75
    first = found.thresholds[0]
    assert (first.threshold, first.n, first.percent) == (0.6, 1, 33.333333)


def test_an_auc_at_the_threshold_counts() -> None:
    # One positive above 7 of 10 negatives in each of 3 folds: 0.7.
    assert (0.7 + 0.7 + 0.7) / 3 < 0.7
    labels, scores = ([1] + [0] * 10) * 3, [7.5, *range(1, 11)] * 3
    folds = [0] * 11 + [1] * 11 + [2] * 11
    settings = SETTINGS.model_copy(update={"auc_thresholds": [0.7, 0.71]})
    result = score_classification(*task({"t": labels}, {"t": scores}, folds), settings)
    assert [count.n for count in auc_result(result, settings).thresholds] == [1, 0]


def test_chance_counts_are_those_of_a_null() -> None:
    """100 targets of 1 positive and 2 negatives in one fold: AUC 1 in a third of the cases."""
    rng = np.random.default_rng(0)
    labels = {f"t{i}": [1.0, 0.0, 0.0] for i in range(100)}
    scores = {name: rng.random(3).tolist() for name in labels}
    result = score_classification(*task(labels, scores, [0, 0, 0]), SETTINGS)
    first = auc_result(result, SETTINGS).thresholds[0]
    assert first.expected_by_chance == pytest.approx(100 / 3, abs=8)
    assert first.n == pytest.approx(100 / 3, abs=15)


def test_chance_is_that_of_the_mean_over_folds() -> None:
    # Two folds of one positive and one negative: mean 1, 0.5, 0.5, 0 with equal probability.
    labels, scores = [1, 0, 1, 0], [2, 1, 2, 1]
    result = score_classification(*task({"t": labels}, {"t": scores}, [0, 0, 1, 1]), SETTINGS)
    assert result.targets["chance_ge_0.6"][0] == pytest.approx(0.25, abs=0.08)


def test_scores_of_each_kind_have_their_own_means() -> None:
    rng = np.random.default_rng(0)
    labels = {"t": [1, 0] * 10, "u": [0, 1] * 10}
    scores = {name: rng.random(20).tolist() for name in labels}
    folds = [0] * 10 + [1] * 10
    result = score_classification(*task(labels, scores, folds), SETTINGS)
    found = auc_result(result, SETTINGS)
    assert set(found.means) == set(SCORE_NAMES["auc"].means)
    assert [count.threshold for count in found.thresholds] == SETTINGS.auc_thresholds
    assert found.n_compounds == 20
    assert (found.median, found.maximum) == (None, None)
    result = score_regression(*task(labels, scores, folds), SETTINGS)
    found = level_result(result, SETTINGS)
    assert set(found.means) == set(SCORE_NAMES["levels"].means)
    assert [count.threshold for count in found.thresholds] == SETTINGS.r2_thresholds
    assert (found.n_targets_scored, found.n_folds_skipped) == (None, None)


def test_regression_metrics_by_hand() -> None:
    table = pd.DataFrame(
        {
            "Target": list("abc"),
            "r2": [0.5, 0.1, -3.0],
            "pearson_r2": [0.6, 0.3, 0.0],
            "smape": [10.0, 20.0, 60.0],
            "concordance": [0.7, 0.6, 0.5],
            "chance_ge_0.1": [0.2, 0.1, 0.0],
            "chance_ge_0.5": [0.0, 0.0, 0.0],
        }
    )
    assert level_result(RowScores(table, 7), SETTINGS) == RowResult(
        scorer="levels",
        n_targets=3,
        n_compounds=7,
        means={
            "r2": Estimate(value=-0.8),
            "pearson_r2": Estimate(value=0.3),
            "smape": Estimate(value=30.0),
            "concordance": Estimate(value=0.6),
        },
        median=0.1,
        maximum=0.5,
        thresholds=[
            ThresholdCount(threshold=0.1, n=2, percent=66.666667, expected_by_chance=0.3),
            ThresholdCount(threshold=0.5, n=1, percent=33.333333, expected_by_chance=0.0),
        ],
    )


@pytest.mark.filterwarnings("error")
def test_what_is_not_defined_is_left_out() -> None:
    result = score_classification(*task({"t": [1, 1]}, {"t": [1, 2]}, [0, 1]), SETTINGS)
    found = auc_result(result, SETTINGS)
    assert found.means == {}
    assert (found.n_targets_scored, found.n_folds_skipped) == (0, 2)
    result = score_regression(*task({"t": [1, 1]}, {"t": [1, 2]}, [0, 0]), SETTINGS)
    found = level_result(result, SETTINGS)
    assert set(found.means) == {"smape"}
    assert (found.median, found.maximum) == (None, None)
    assert found.means["smape"].value == pytest.approx(100 / 6, abs=1e-6)


def test_shuffles_are_scored_against_the_permuted_labels_one_by_one() -> None:
    # Repeat 1 predicts the labels of the other compound exactly, repeat 2 inverts its own.
    predictions, labels = task({"t": [1, 0]}, {"t": [0.0, 1.0]}, [0, 0])
    swapped = predictions.assign(
        Metadata_LabelsOf=predictions["Metadata_LabelsOf"][::-1].to_numpy(), Metadata_Repeat=1
    )
    both = pd.concat([swapped, predictions.assign(Metadata_Repeat=2)], ignore_index=True)
    np.testing.assert_array_equal(aligned_labels(both, labels)[:, 0], [0, 1, 1, 0])
    result = score_classification(both, labels, SETTINGS)
    line = result.targets.iloc[0]
    assert line["auc"] == 0.5  # 1 and 0
    assert (line["n_positives"], line["n_negatives"], line["folds_skipped"]) == (1, 1, 0)
    assert result.n_compounds == 2


def test_labels_by_treatment_follow_the_concentration() -> None:
    key = pd.DataFrame(
        {
            "Metadata_Compound": ["a", "a", "b"],
            "Metadata_Concentration": [1.0, 2.0, 1.0],
            "Metadata_LabelsOf": ["a", "a", "b"],
        }
    )
    levels = key.drop(columns="Metadata_LabelsOf").assign(p=[0.1, 0.2, 0.3])
    shuffled_rows = levels.sample(frac=1, random_state=1)
    np.testing.assert_allclose(aligned_labels(key, shuffled_rows)[:, 0], [0.1, 0.2, 0.3])
    by_compound = pd.DataFrame({"Metadata_Compound": ["b", "a"], "p": [1.0, 0.0]})
    np.testing.assert_array_equal(aligned_labels(key, by_compound)[:, 0], [0, 0, 1])


def test_the_interval_resamples_compounds_not_rows() -> None:
    """Doses of a compound share its fate: copies of every row leave the interval as it is."""
    rng = np.random.default_rng(0)
    label = [1, 0] * 30
    score = (np.array(label) + rng.normal(size=60)).tolist()
    predictions, labels = task({"t": label}, {"t": score}, [0] * 30 + [1] * 30)
    once = interval_of(predictions, labels)
    doses = [predictions.assign(Metadata_Concentration=dose) for dose in (1.0, 2.0, 3.0)]
    tripled = pd.concat(doses, ignore_index=True)
    assert interval_of(tripled, labels) == pytest.approx(once, abs=1e-9)
    assert once[0] < once[1]


def interval_of(predictions: pd.DataFrame, labels: pd.DataFrame) -> tuple[float, float]:
    """95 % interval of the mean AUC."""
    mean = auc_result(score_classification(predictions, labels, SETTINGS), SETTINGS).means["auc"]
    assert mean.low is not None
    assert mean.high is not None
    return mean.low, mean.high


def test_doses_of_a_compound_do_not_make_chance_look_smaller() -> None:
    rng = np.random.default_rng(0)
    label, score = [1, 0, 0, 0] * 5, rng.random(20).tolist()
    predictions, labels = task({"t": label}, {"t": score}, [0] * 20)
    doses = [predictions.assign(Metadata_Concentration=float(dose)) for dose in range(1, 9)]
    tripled = pd.concat(doses, ignore_index=True)
    for score_row, column in ((score_classification, "chance_ge_0.6"), (r2_of_offsets, "chance")):
        once = score_row(predictions, labels, SETTINGS).targets[column][0]
        many = score_row(tripled, labels, SETTINGS).targets[column][0]
        assert once > 0.1
        assert many == pytest.approx(once, abs=0.09)


def r2_of_offsets(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> RowScores:
    """Chance of a level's R2 above that of a shrunken guess."""
    shrunken = predictions.assign(t=0.25 + 0.4 * (predictions["t"] - predictions["t"].mean()))
    low = settings.model_copy(update={"r2_thresholds": [0.0]})
    scores = score_regression(shrunken, labels, low)
    return RowScores(scores.targets.rename(columns={"chance_ge_0": "chance"}), scores.n_compounds)


def test_the_interval_covers_the_truth() -> None:
    """Scores N(1, 1) against N(0, 1): AUC 0.760."""
    covered = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        label = rng.permutation([1, 0] * 40).tolist()
        score = (np.array(label) + rng.normal(size=80)).tolist()
        predictions, labels = task({"t": label}, {"t": score}, [0] * 80)
        low, high = interval_of(predictions, labels)
        covered += low <= 0.760 <= high
    assert covered >= 9
