"""Scores of a row and their summary: per fold, then averaged; skipped folds; chance counts."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.core.paths import Paths
from phenoprot.evaluation.folds import aligned_labels
from phenoprot.evaluation.run import evaluate_screen
from phenoprot.evaluation.score import RowScores, score_classification, score_regression
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import classification_metrics, regression_metrics

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
    metrics = classification_metrics(result.targets, result.summary, SETTINGS)
    assert metrics["n_targets"] == 3
    assert metrics["n_targets_scored"] == 2
    assert metrics["n_folds_skipped"] == 3
    assert metrics["mean_auc"] == 0.75
    assert (metrics["n_auc_ge_0.6"], metrics["pct_auc_ge_0.6"]) == (1, 33.333333)


def test_an_auc_at_the_threshold_counts() -> None:
    # One positive above 7 of 10 negatives in each of 3 folds: 0.7.
    assert (0.7 + 0.7 + 0.7) / 3 < 0.7
    labels, scores = ([1] + [0] * 10) * 3, [7.5, *range(1, 11)] * 3
    folds = [0] * 11 + [1] * 11 + [2] * 11
    settings = SETTINGS.model_copy(update={"auc_thresholds": [0.7, 0.71]})
    result = score_classification(*task({"t": labels}, {"t": scores}, folds), settings)
    metrics = classification_metrics(result.targets, result.summary, settings)
    assert metrics["n_auc_ge_0.7"] == 1
    assert metrics["n_auc_ge_0.71"] == 0


def test_chance_counts_are_those_of_a_null() -> None:
    """100 targets of 1 positive and 2 negatives in one fold: AUC 1 in a third of the cases."""
    rng = np.random.default_rng(0)
    labels = {f"t{i}": [1.0, 0.0, 0.0] for i in range(100)}
    scores = {name: rng.random(3).tolist() for name in labels}
    result = score_classification(*task(labels, scores, [0, 0, 0]), SETTINGS)
    metrics = classification_metrics(result.targets, result.summary, SETTINGS)
    assert metrics["chance_n_auc_ge_0.6"] == pytest.approx(100 / 3, abs=8)
    assert metrics["n_auc_ge_0.6"] == pytest.approx(100 / 3, abs=15)


def test_chance_is_that_of_the_mean_over_folds() -> None:
    # Two folds of one positive and one negative: mean 1, 0.5, 0.5, 0 with equal probability.
    labels, scores = [1, 0, 1, 0], [2, 1, 2, 1]
    result = score_classification(*task({"t": labels}, {"t": scores}, [0, 0, 1, 1]), SETTINGS)
    assert result.targets["chance_ge_0.6"][0] == pytest.approx(0.25, abs=0.08)


def test_keys_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    labels = {"t": [1, 0] * 10, "u": [0, 1] * 10}
    scores = {name: rng.random(20).tolist() for name in labels}
    folds = [0] * 10 + [1] * 10
    result = score_classification(*task(labels, scores, folds), SETTINGS)
    metrics = classification_metrics(result.targets, result.summary, SETTINGS)
    assert set(metrics) == {
        "n_targets",
        "n_targets_scored",
        "n_folds_skipped",
        "n_compounds",
        "mean_auc",
        "mean_auc_ci_low",
        "mean_auc_ci_high",
        *(f"{kind}_auc_ge_{t}" for kind in ("n", "pct", "chance_n") for t in (0.6, 0.8)),
    }
    assert metrics["n_compounds"] == 20
    result = score_regression(*task(labels, scores, folds), SETTINGS)
    metrics = regression_metrics(result.targets, result.summary, SETTINGS)
    assert set(metrics) == {
        "n_targets",
        "n_compounds",
        "mean_r2",
        "median_r2",
        "max_r2",
        "mean_pearson_r2",
        "mean_smape",
        "mean_concordance",
        *(f"{kind}_r2_ge_{t}" for kind in ("n", "pct", "chance_n") for t in (0.1, 0.5)),
    }


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
    assert regression_metrics(table, {"n_compounds": 7}, SETTINGS) == {
        "n_targets": 3,
        "n_compounds": 7,
        "mean_r2": -0.8,
        "median_r2": 0.1,
        "max_r2": 0.5,
        "mean_pearson_r2": 0.3,
        "mean_smape": 30.0,
        "mean_concordance": 0.6,
        "n_r2_ge_0.1": 2,
        "pct_r2_ge_0.1": 66.666667,
        "chance_n_r2_ge_0.1": 0.3,
        "n_r2_ge_0.5": 1,
        "pct_r2_ge_0.5": 33.333333,
        "chance_n_r2_ge_0.5": 0.0,
    }


@pytest.mark.filterwarnings("error")
def test_what_is_not_defined_is_left_out() -> None:
    result = score_classification(*task({"t": [1, 1]}, {"t": [1, 2]}, [0, 1]), SETTINGS)
    metrics = classification_metrics(result.targets, result.summary, SETTINGS)
    assert not {"mean_auc", "mean_auc_ci_low", "mean_auc_ci_high"} & set(metrics)
    assert metrics["n_targets_scored"] == 0
    assert metrics["n_folds_skipped"] == 2
    assert not any(isinstance(value, float) and math.isnan(value) for value in metrics.values())
    result = score_regression(*task({"t": [1, 1]}, {"t": [1, 2]}, [0, 0]), SETTINGS)
    metrics = regression_metrics(result.targets, result.summary, SETTINGS)
    assert not {"mean_r2", "median_r2", "max_r2", "mean_pearson_r2"} & set(metrics)
    assert metrics["mean_smape"] == pytest.approx(100 / 6, abs=1e-6)


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
    assert result.summary["n_compounds"] == 2


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
    once = score_classification(predictions, labels, SETTINGS).summary
    doses = [predictions.assign(Metadata_Concentration=dose) for dose in (1.0, 2.0, 3.0)]
    tripled = pd.concat(doses, ignore_index=True)
    thrice = score_classification(tripled, labels, SETTINGS).summary
    assert thrice == pytest.approx(once, abs=1e-9)
    assert once["mean_auc_ci_low"] < once["mean_auc_ci_high"]


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
    return RowScores(scores.targets.rename(columns={"chance_ge_0": "chance"}), scores.summary)


def test_the_interval_covers_the_truth() -> None:
    """Scores N(1, 1) against N(0, 1): AUC 0.760."""
    covered = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        label = rng.permutation([1, 0] * 40).tolist()
        score = (np.array(label) + rng.normal(size=80)).tolist()
        predictions, labels = task({"t": label}, {"t": score}, [0] * 80)
        summary = score_classification(predictions, labels, SETTINGS).summary
        covered += summary["mean_auc_ci_low"] <= 0.760 <= summary["mean_auc_ci_high"]
    assert covered >= 9


def test_a_screen_is_evaluated_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = Paths("toy")
    predictions, labels = task({"t": [1, 0, 1, 0]}, {"t": [9, 8, 2, 1]}, [0, 0, 1, 1])
    paths.labels.mkdir(parents=True)
    (paths.labels / "counts.json").write_text('{"n_up": 2}')
    for part in ("classification/up", "classification/down", "regression", "targets"):
        rows = paths.predictions(part) / "rows"
        rows.mkdir(parents=True)
        labels.to_parquet(paths.predictions(part) / "labels.parquet")
        for row in ("first", "second+third", "no row of the table"):
            predictions.to_parquet(rows / f"{row}.parquet")
    gauge = paths.predictions("targets") / "leak_gauge"
    gauge.mkdir()
    predictions.assign(t=[9, 8, 1, 2]).to_parquet(gauge / "first.parquet")
    names = ["second+third", "first", "of another task"]
    evaluate_screen(paths, tmp_path / "no truth here", names, SETTINGS)
    written = sorted(p.relative_to(paths.scores).as_posix() for p in paths.scores.rglob("*.json"))
    assert len(written) == 13
    assert json.loads((paths.scores / "doses/series.json").read_text()) == {"n_concentrations": 1}
    up = json.loads((paths.scores / "comparisons/classification/up.json").read_text())
    assert list(up) == ["second+third"]
    assert list(up["second+third"]) == ["first"]
    assert up["second+third"]["first"]["mean_auc_difference"] == 0
    leak = json.loads((paths.scores / "targets/first.json").read_text())
    assert leak["leak_gap"] == -0.5  # the second fold's pair is the wrong way round
    assert json.loads((paths.scores / "labels/counts.json").read_text()) == {"n_up": 2}
    assert "targets/second+third.json" in written
    up = json.loads((paths.scores / "classification/up/first.json").read_text())
    assert up["mean_auc"] == 1.0
    level = json.loads((paths.scores / "regression/first.json").read_text())
    # Both folds: SST 0.5; SSE 8^2 + 8^2 and 1 + 1.
    assert level["mean_r2"] == pytest.approx(1 - (128 / 0.5 + 2 / 0.5) / 2)
    table = pd.read_parquet(paths.scores / "classification/up/second+third.parquet")
    assert table["Target"].tolist() == ["t"]


def test_a_dose_series_with_planted_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of a simulated screen, and what it says of a shuffled row."""
    monkeypatch.chdir(tmp_path)
    paths = Paths("toy")
    label = [1, 0, 0, 1, 0, 0]
    one, labels = task({"t": label}, {"t": [3.0, 1, 2, 3, 1, 2]}, [0] * 3 + [1] * 3)
    predictions = pd.concat([one, one.assign(Metadata_Concentration=9.0, t=-one["t"])])
    shuffled = predictions.assign(Metadata_Repeat=1)
    levels = predictions[["Metadata_Compound", "Metadata_Concentration"]].assign(t=range(12))
    for part in ("classification/up", "classification/down", "regression", "targets"):
        rows = paths.predictions(part) / "rows"
        rows.mkdir(parents=True)
        truth = levels if part == "regression" else labels
        truth.to_parquet(paths.predictions(part) / "labels.parquet")
        predictions.to_parquet(rows / "method.parquet")
        shuffled.to_parquet(rows / "shuffled.parquet")
    paths.labels.mkdir(parents=True)
    (paths.labels / "counts.json").write_text("{}")
    called = labels[["Metadata_Compound"]].assign(Metadata_Protein="t", Label="not")
    called.to_parquet(paths.labels / "labels.parquet")
    planted = tmp_path / "screen" / "truth"
    planted.mkdir(parents=True)
    planted_effects = called.drop(columns="Label").assign(log2_fold_change=0.0)
    planted_effects.to_parquet(planted / "regulation.parquet")
    pd.DataFrame({"Metadata_Protein": ["t"], "loading_er_stress": [1.2]}).to_parquet(
        planted / "proteins.parquet"
    )
    pd.DataFrame({"Metadata_Target": ["t"], "Metadata_Programme": ["vacuolation"]}).to_parquet(
        planted / "targets.parquet"
    )
    evaluate_screen(paths, tmp_path / "screen", ["method", "shuffled"], SETTINGS)

    def read(name: str) -> dict[str, dict[str, float]]:
        return json.loads((paths.scores / f"{name}.json").read_text())

    assert read("doses/series") == {"n_concentrations": 2}
    up = read("doses/classification/up/method")
    # At 5 every positive is on top, at 9 it is at the bottom.
    assert {dose: line["mean_auc"] for dose, line in up.items()} == {"5": 1.0, "9": 0.0}
    assert set(read("doses/regression/shuffled")) == {"5", "9"}
    assert read("classification/up/method")["truth_mean_auc_1_1.5"] == 0.5
    assert read("classification/down/method")["truth_n_null"] == 1
    assert read("targets/method")["truth_n_images_only"] == 1
    assert "truth_mean_pearson_r2_1_1.5" in read("regression/shuffled")
    # The only other row has shuffled labels: nothing to compare.
    assert read("comparisons/classification/up") == {}
