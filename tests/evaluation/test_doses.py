"""Scores at each concentration against scikit-learn on the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score, roc_auc_score

from phenoprot.evaluation.doses import classification_by_dose, concentrations, regression_by_dose
from phenoprot.evaluation.folds import compound_draws, interval, mean_of_present
from phenoprot.evaluation.regression import bootstrap_r2, pearson_r2_by_target, r2_by_target
from phenoprot.evaluation.results import DoseScores, Estimate
from phenoprot.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, bootstraps=200, seed=0
)
DOSES = [0.01, 0.5, 10.0]
N = 60


def screen(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predictions whose signal grows with the dose; labels by compound, levels by treatment."""
    rng = np.random.default_rng(seed)
    compounds = np.repeat([f"c{i:02d}" for i in range(N)], len(DOSES))
    label = rng.permuted(np.arange(N)[:, None] * np.ones(4) < 20, axis=0).astype(float)
    strength = np.tile([0.0, 1.0, 4.0], N)[:, None]
    signal = strength * np.repeat(label, len(DOSES), axis=0)
    key = pd.DataFrame(
        {
            "Metadata_Compound": compounds,
            "Metadata_Concentration": np.tile(DOSES, N),
            "Fold": np.repeat(np.arange(N) % 4, len(DOSES)),
            "Metadata_LabelsOf": compounds,
            "Metadata_Repeat": 0,
        }
    )
    names = list("tuvw")
    scores = pd.DataFrame(signal + rng.normal(size=signal.shape), columns=names)
    levels = pd.DataFrame(signal + 0.5 * rng.normal(size=signal.shape), columns=names)
    labels = pd.DataFrame(label, columns=names)
    labels.insert(0, "Metadata_Compound", [f"c{i:02d}" for i in range(N)])
    return (
        pd.concat([key, scores], axis=1),
        labels,
        pd.concat([key[["Metadata_Compound", "Metadata_Concentration"]], levels], axis=1),
    )


def inside(mean: Estimate, value: float) -> bool:
    """Whether a value is in the interval."""
    return mean.low is not None and mean.high is not None and mean.low < value < mean.high


def test_auc_at_each_concentration_is_that_of_scikit_learn() -> None:
    predictions, labels, _ = screen()
    found = classification_by_dose(predictions, labels, SETTINGS)
    assert [line.concentration for line in found] == DOSES
    for dose, line in zip(DOSES, found, strict=True):
        rows = predictions[predictions["Metadata_Concentration"] == dose]
        aucs = [
            roc_auc_score(labels[name][rows["Fold"].to_numpy() == fold], fold_rows[name])
            for name in "tuvw"
            for fold, fold_rows in rows.groupby("Fold")
        ]
        assert line.means["auc"].value == pytest.approx(np.mean(aucs), abs=1e-6)
        assert inside(line.means["auc"], line.means["auc"].value)
        assert (line.n_compounds, line.n_targets_scored) == (N, 4)
    low, _, high = found
    assert inside(low.means["auc"], 0.5)
    assert high.means["auc"].value > 0.95


def test_r2_at_each_concentration_is_that_of_scikit_learn() -> None:
    predictions, _, levels = screen()
    levels.loc[::7, "t"] = np.nan
    found = regression_by_dose(predictions, levels, SETTINGS)
    for dose, line in zip(DOSES, found, strict=True):
        at = predictions["Metadata_Concentration"] == dose
        there = {name: at & levels[name].notna() for name in "tuvw"}
        r2 = [r2_score(levels[name][rows], predictions[name][rows]) for name, rows in there.items()]
        r = [
            pearsonr(levels[name][rows], predictions[name][rows])[0] for name, rows in there.items()
        ]
        assert line.means["r2"].value == pytest.approx(np.mean(r2), abs=1e-6)
        assert line.median == pytest.approx(np.median(r2), abs=1e-6)
        assert line.means["pearson_r2"].value == pytest.approx(np.mean(np.square(r)), abs=1e-6)
        for mean in line.means.values():
            assert inside(mean, mean.value)
    correlations = [line.means["pearson_r2"].value for line in found]
    assert correlations == sorted(correlations)


def test_a_concentration_without_both_classes_has_no_auc() -> None:
    predictions, labels, _ = screen()
    # The lowest dose is left for one compound.
    rows = (predictions["Metadata_Concentration"] > 0.01) | (
        predictions["Metadata_Compound"] == "c03"
    )
    found = classification_by_dose(predictions[rows].reset_index(drop=True), labels, SETTINGS)
    assert found[0] == DoseScores(concentration=0.01, n_compounds=1, n_targets_scored=0, means={})
    assert found[1].n_compounds == N


def test_one_dose_of_each_compound_is_no_series() -> None:
    predictions, labels, levels = screen()
    single = predictions.groupby("Metadata_Compound").head(1)
    # Two concentrations, but never of one compound.
    mixed = single.assign(Metadata_Concentration=np.where(np.arange(N) % 2, 1.0, 5.0))
    for table in (single, mixed):
        assert concentrations(table) == []
        assert classification_by_dose(table, labels, SETTINGS) == []
        assert regression_by_dose(table, levels, SETTINGS) == []


def test_shuffles_are_scored_one_by_one_and_averaged() -> None:
    predictions, _, levels = screen()
    again = predictions.copy()
    again[list("tuvw")] *= -1
    both = pd.concat(
        [predictions.assign(Metadata_Repeat=1), again.assign(Metadata_Repeat=2)], ignore_index=True
    )
    found = regression_by_dose(both, levels, SETTINGS)[-1]
    one, two = (regression_by_dose(table, levels, SETTINGS)[-1] for table in (predictions, again))
    for name in ("r2", "pearson_r2"):
        mean = (one.means[name].value + two.means[name].value) / 2
        assert found.means[name].value == pytest.approx(mean, abs=1e-6)
    assert found.n_compounds == N


def test_the_interval_covers_the_truth() -> None:
    """Levels N(0, 1), predicted with noise of sd 1: squared correlation 0.5, R2 0."""
    covered = {"pearson_r2": 0, "r2": 0}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        predictions, _, levels = screen()
        truth = rng.normal(size=levels[["t"]].shape)
        levels = levels.drop(columns=list("uvw")).assign(t=truth)
        predictions = predictions.assign(t=truth + rng.normal(size=truth.shape))
        line = regression_by_dose(predictions, levels, SETTINGS)[-1]
        for name, value in (("pearson_r2", 0.5), ("r2", 0.0)):
            covered[name] += inside(line.means[name], value)
    assert min(covered.values()) >= 25


def test_drawn_rows_are_scored_as_copies() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.normal(size=(2, 12, 5))
    truth[rng.random(truth.shape) < 0.2] = np.nan
    truth[:, 4] = 3.3  # constant
    weights = rng.multinomial(12, np.full(12, 1 / 12), size=20).astype(float)
    weights[0] = np.eye(12)[2]  # one row alone
    r2, pearson = bootstrap_r2(truth, predicted, weights)
    for i, weight in enumerate(weights.astype(int)):
        copies = np.repeat(np.arange(12), weight)
        expected = r2_by_target(truth[copies], predicted[copies])
        np.testing.assert_allclose(r2[i], expected, atol=1e-9)
        expected = pearson_r2_by_target(truth[copies], predicted[copies])
        np.testing.assert_allclose(pearson[i], expected, atol=1e-9)
    assert np.isnan(r2[0]).all()
    assert np.isnan(pearson[:, 4]).all()


def test_a_constant_prediction_has_no_correlation() -> None:
    truth, weights = np.arange(6.0)[:, None], np.ones((1, 6))
    r2, pearson = bootstrap_r2(truth, np.full((6, 1), 2.5), weights)
    assert pearson[0, 0] == 0
    assert r2[0, 0] == pytest.approx(0)


def test_draws_are_of_compounds_whatever_their_rows() -> None:
    one = compound_draws(pd.Series(["b", "a", "c"]), 50, seed=1)
    many = compound_draws(pd.Series(["a", "a", "b", "c", "c"]), 50, seed=1)
    np.testing.assert_array_equal(many, one[:, [1, 1, 0, 2, 2]])
    assert (one.sum(axis=1) == 3).all()


def test_intervals_and_means_without_values() -> None:
    assert np.isnan(interval(np.array([np.nan]))).all()
    assert interval(np.array([np.nan, *range(101)])) == (2.5, 97.5)
    means = mean_of_present(np.array([[1.0, np.nan], [3.0, np.nan]]), axis=0)
    assert means[0] == 2
    assert np.isnan(means[1])
