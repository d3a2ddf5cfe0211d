"""Scores within thirds of the cell number: against loops, and where the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.strata import auc_by_activity, auc_within_thirds

N, REPEATS = 90, 2


def screen(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predictions, labels and cell numbers; labels follow the cell number, and a signal."""
    rng = np.random.default_rng(seed)
    names = [f"c{i:02d}" for i in range(N)]
    cells = rng.permutation(N).astype(float)
    signal = rng.normal(size=N)
    key = pd.DataFrame({"Metadata_Compound": names, "Metadata_Concentration": 1.0})
    counts = key.assign(Cells=cells)
    odds = 1 / (1 + np.exp((cells - N / 2) / 25 - signal))
    labels = pd.DataFrame({"Metadata_Compound": names, "t": (rng.random(N) < odds).astype(float)})
    parts = [
        key.assign(
            Fold=rng.permutation(N) % 3,
            Metadata_LabelsOf=names,
            Metadata_Repeat=repeat,
            t=-cells / N,
        )
        for repeat in range(REPEATS)
    ]
    return pd.concat(parts, ignore_index=True), labels, counts


def test_thirds_equal_a_loop_over_scikit_learn() -> None:
    predictions, labels, counts = screen()
    rng = np.random.default_rng(1)
    predictions["t"] += rng.normal(size=len(predictions))
    found = auc_within_thirds(predictions, labels, counts)
    third = counts["Cells"].rank().sub(1).floordiv(N // 3).to_numpy()
    y = labels["t"].to_numpy()
    for number, stratum in enumerate(found):
        chosen = [number] if number < 3 else [0, 1, 2]
        repeats = []
        for _, repeat in predictions.groupby("Metadata_Repeat"):
            won, positives = 0.0, 0
            for _, fold in repeat.groupby("Fold"):
                compounds = fold["Metadata_Compound"].str[1:].astype(int).to_numpy()
                for k in chosen:
                    own = third[compounds] == k
                    truth = y[compounds[own]]
                    if len(set(truth)) == 2:
                        auc = roc_auc_score(truth, fold["t"].to_numpy()[own])
                        won += auc * truth.sum()
                        positives += truth.sum()
            repeats.append(won / positives)
        assert stratum.means["auc"].value == pytest.approx(np.mean(repeats), abs=1e-6)
        assert stratum.n_targets_scored == 1
    assert [stratum.name for stratum in found] == ["few", "middle", "many", "within"]


def test_a_score_that_is_the_cell_number_falls_within_thirds() -> None:
    overall, within = [], []
    for seed in range(10):
        predictions, labels, counts = screen(seed)
        within.append(auc_within_thirds(predictions, labels, counts)[3].means["auc"].value)
        overall.append(roc_auc_score(labels["t"], -counts["Cells"]))
    assert np.mean(overall) > 0.7
    assert np.mean(within) < np.mean(overall) - 0.08


def test_treatments_without_a_count_are_left_out() -> None:
    predictions, labels, counts = screen()
    fewer = counts[counts["Metadata_Compound"] != "c00"]
    with_gap = counts.assign(Cells=counts["Cells"].where(counts["Metadata_Compound"] != "c00"))
    one, two = (auc_within_thirds(predictions, labels, table) for table in (fewer, with_gap))
    assert one == two


def test_active_compounds_are_compared_with_active_ones() -> None:
    predictions, labels, _ = screen()
    names = labels["Metadata_Compound"]
    # Two thirds have a test, one half of these is active; among them the score is exact.
    active = {name: i % 2 == 0 for i, name in enumerate(names[:60])}
    truth = predictions["Metadata_Compound"].map(labels.set_index("Metadata_Compound")["t"])
    known = predictions["Metadata_Compound"].map(active)
    predictions["t"] = np.where(known == True, truth, -truth)  # noqa: E712 - NaN is neither
    one, other = auc_by_activity(predictions, labels, active)
    assert [(s.name, s.means["auc"].value) for s in (one, other)] == [
        ("active", 1.0), ("inactive", 0.0)
    ]  # fmt: skip
    # Compounds without a test count in neither.
    predictions.loc[known.isna(), "t"] = 7.0
    assert auc_by_activity(predictions, labels, active) == [one, other]
    none = auc_by_activity(predictions, labels, dict.fromkeys(names, True))[1]
    assert (none.n_targets_scored, none.means) == (0, {})
