"""Scores of a row and their summary: per fold, then averaged; skipped folds; chance counts."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.folds import label_rows
from phenoprot.evaluation.results import SCORE_NAMES
from phenoprot.evaluation.score import score_classification
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import above_chance, auc_result, jaccard, permutation_p
from phenoprot.screens.contract import CONCENTRATION

SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6, 0.8], r2_thresholds=[0.1, 0.5], permutations=400, seed=0
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


def test_a_fold_weighs_by_its_positives() -> None:
    # Fold 0: one positive below its negative, 0. Fold 1: three above theirs, 1.
    labels, scores = [1, 0, 1, 1, 1, 0], [1, 2, 4, 5, 6, 3]
    result = score_classification(*task({"t": labels}, {"t": scores}, [0, 0, 1, 1, 1, 1]), SETTINGS)
    assert result.targets["auc"].tolist() == [0.75]


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


@pytest.mark.filterwarnings("error")
def test_what_is_not_defined_is_left_out() -> None:
    result = score_classification(*task({"t": [1, 1]}, {"t": [1, 2]}, [0, 1]), SETTINGS)
    found = auc_result(result, SETTINGS)
    assert found.means == {}
    assert (found.n_targets_scored, found.n_folds_skipped) == (0, 2)
    assert (found.mean_p, found.mean_chance_sd) == (None, None)


def test_shuffles_are_scored_against_the_permuted_labels_one_by_one() -> None:
    # Repeat 1 predicts the labels of the other compound exactly, repeat 2 inverts its own.
    predictions, labels = task({"t": [1, 0]}, {"t": [0.0, 1.0]}, [0, 0])
    swapped = predictions.assign(
        Metadata_LabelsOf=predictions["Metadata_LabelsOf"][::-1].to_numpy(), Metadata_Repeat=1
    )
    both = pd.concat([swapped, predictions.assign(Metadata_Repeat=2)], ignore_index=True)
    assert labels["t"].iloc[label_rows(both, labels)].tolist() == [0, 1, 1, 0]
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
    assert shuffled_rows["p"].iloc[label_rows(key, shuffled_rows)].tolist() == [0.1, 0.2, 0.3]
    by_compound = pd.DataFrame({"Metadata_Compound": ["b", "a"], "p": [1.0, 0.0]})
    assert by_compound["p"].iloc[label_rows(key, by_compound)].tolist() == [0, 0, 1]
    assert label_rows(key, by_compound.iloc[:1]).tolist() == [-1, -1, 0]


@pytest.mark.parametrize("by", [["Metadata_Compound"], ["Metadata_Compound", CONCENTRATION]])
def test_labels_that_stand_twice_are_refused(by: list[str]) -> None:
    key = pd.DataFrame({"Metadata_Compound": ["a", "b"], "Metadata_LabelsOf": ["a", "b"]})
    key = key.assign(**{CONCENTRATION: 1.0})
    with pytest.raises(pd.errors.MergeError, match="not unique"):
        label_rows(key, key[by].iloc[[0, 0, 1]])


def test_the_interval_is_of_compounds_not_of_rows() -> None:
    """Doses of a compound share its fate: copies of every row leave the interval as it is."""
    rng = np.random.default_rng(0)
    label = [1, 0] * 30
    score = (np.array(label) + rng.normal(size=60)).tolist()
    predictions, labels = task({"t": label}, {"t": score}, [0] * 30 + [1] * 30)
    once = interval_of(predictions, labels)
    doses = [predictions.assign(Metadata_Concentration=dose) for dose in (1.0, 2.0, 3.0)]
    tripled = pd.concat(doses, ignore_index=True)
    assert interval_of(tripled, labels) == pytest.approx(once, abs=1e-6)
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
    many = pd.concat(doses, ignore_index=True)
    once, often = (
        score_classification(table, labels, SETTINGS).targets["chance_ge_0.6"][0]
        for table in (predictions, many)
    )
    assert once > 0.1
    assert often == pytest.approx(once, abs=1e-12)


def test_p_counts_the_observed_among_the_permutations() -> None:
    # Two of nine reach 3, and the observed one does; a draw without a value reaches nothing.
    assert permutation_p(np.array([0, 1, 2, 3, 5, 1, 0, 1, np.nan]), 3) == 0.3


def test_targets_that_go_together_make_counts_spread() -> None:
    """Twenty copies of a target: the count by chance is 0 or 20, its mean that of one target."""
    rng = np.random.default_rng(0)
    label, score = [1, 0, 0, 0] * 10, rng.random(40).tolist()
    folds = [0] * 20 + [1] * 20
    one = score_classification(*task({"t": label}, {"t": score}, folds), SETTINGS)
    names = [f"t{i:02d}" for i in range(20)]
    copies = task(dict.fromkeys(names, label), dict.fromkeys(names, score), folds)
    many = auc_result(score_classification(*copies, SETTINGS), SETTINGS)
    single = auc_result(one, SETTINGS)
    for copied, alone in zip(many.thresholds, single.thresholds, strict=True):
        assert copied.expected_by_chance == pytest.approx(20 * alone.expected_by_chance, abs=1e-4)
        assert copied.chance_sd == pytest.approx(20 * (alone.chance_sd or 0), abs=1e-4)
        assert copied.p == alone.p
    assert many.mean_p == single.mean_p


def test_means_of_a_row_that_knows_the_labels_have_the_least_p() -> None:
    label = [1, 0, 0, 0] * 10
    result = score_classification(*task({"t": label}, {"t": label}, [0] * 20 + [1] * 20), SETTINGS)
    found = auc_result(result, SETTINGS)
    assert found.mean_p == pytest.approx(1 / 401, abs=1e-6)
    assert found.mean_chance_sd is not None
    assert found.n_repeats == 1
    low, high = (count.p for count in found.thresholds)
    assert low is not None
    assert high is not None
    assert 1 / 401 <= high < low < 0.2


def test_targets_above_chance_pass_the_false_discovery_rate() -> None:
    """Five targets that are read, fifteen that are not, one without a score."""
    rng = np.random.default_rng(1)
    label = [1, 0, 0, 0] * 10
    labels = {f"t{i:02d}": label for i in range(20)} | {"t20": [1.0] * 40}
    scores = {
        name: (np.array(label) * 3 * (name < "t05") + rng.normal(size=40)).tolist()
        for name in labels
    }
    result = score_classification(*task(labels, scores, [0] * 20 + [1] * 20), SETTINGS)
    table = result.targets.set_index("Target")
    for number, name in enumerate(labels):
        if name != "t20":
            draws = result.by_chance[:, number]
            assert table.loc[name, "p"] == permutation_p(draws, table.loc[name, "auc"])
    assert table.loc["t20", ["p", "q"]].isna().all()
    q = stats.false_discovery_control(table["p"][:20])
    np.testing.assert_allclose(table["q"][:20], q)
    assert above_chance(result.targets, 0.05) == {f"t{i:02d}" for i in range(5)}
    for rate in (0.05, 0.9):
        settings = SETTINGS.model_copy(update={"false_discovery_rate": rate})
        assert auc_result(result, settings).n_above_chance == (q <= rate).sum()


def test_overlap_is_the_share_of_either_that_is_in_both() -> None:
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5
    assert jaccard(frozenset("abc"), frozenset("b")) == 0.333333
    assert jaccard(frozenset("a"), frozenset()) == 0
    assert jaccard(frozenset(), frozenset()) is None
