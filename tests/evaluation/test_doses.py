"""Scores at each concentration against scikit-learn on the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.doses import classification_by_dose, concentrations
from phenoprot.evaluation.folds import mean_of_present
from phenoprot.evaluation.results import DoseScores, Estimate
from phenoprot.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)
DOSES = [0.01, 0.5, 10.0]
N = 60


def screen(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions whose signal grows with the dose; labels by compound."""
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
    labels = pd.DataFrame(label, columns=names)
    labels.insert(0, "Metadata_Compound", [f"c{i:02d}" for i in range(N)])
    return (
        pd.concat([key, scores], axis=1),
        labels,
    )


def inside(mean: Estimate, value: float) -> bool:
    """Whether a value is in the interval."""
    return mean.low is not None and mean.high is not None and mean.low < value < mean.high


def test_auc_at_each_concentration_is_that_of_scikit_learn() -> None:
    predictions, labels = screen()
    found = classification_by_dose(predictions, labels, SETTINGS)
    assert [line.concentration for line in found] == DOSES
    for dose, line in zip(DOSES, found, strict=True):
        rows = predictions[predictions["Metadata_Concentration"] == dose]
        by_fold = [labels[rows["Fold"].to_numpy() == fold] for fold in range(4)]
        aucs = [
            np.average(
                [
                    roc_auc_score(known[name], rows[rows["Fold"] == fold][name])
                    for fold, known in enumerate(by_fold)
                ],
                weights=[known[name].sum() for known in by_fold],
            )
            for name in "tuvw"
        ]
        assert line.means["auc"].value == pytest.approx(np.mean(aucs), abs=1e-6)
        assert inside(line.means["auc"], line.means["auc"].value)
        assert (line.n_compounds, line.n_targets_scored) == (N, 4)
    low, _, high = found
    assert inside(low.means["auc"], 0.5)
    assert high.means["auc"].value > 0.95


def test_a_concentration_without_both_classes_has_no_auc() -> None:
    predictions, labels = screen()
    # The lowest dose is left for one compound.
    rows = (predictions["Metadata_Concentration"] > 0.01) | (
        predictions["Metadata_Compound"] == "c03"
    )
    found = classification_by_dose(predictions[rows].reset_index(drop=True), labels, SETTINGS)
    assert found[0] == DoseScores(concentration=0.01, n_compounds=1, n_targets_scored=0, means={})
    assert found[1].n_compounds == N


def test_one_dose_of_each_compound_is_no_series() -> None:
    predictions, labels = screen()
    single = predictions.groupby("Metadata_Compound").head(1)
    # Two concentrations, but never of one compound.
    mixed = single.assign(Metadata_Concentration=np.where(np.arange(N) % 2, 1.0, 5.0))
    for table in (single, mixed):
        assert concentrations(table) == []
        assert classification_by_dose(table, labels, SETTINGS) == []


def test_means_without_values() -> None:
    means = mean_of_present(np.array([[1.0, np.nan], [3.0, np.nan]]), axis=0)
    assert means[0] == 2
    assert np.isnan(means[1])
