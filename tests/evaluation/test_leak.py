"""The leak gauge: a gap where a model knows the compound, none where it reads the protein."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.evaluation.leak import leak_of_aucs, leak_of_levels
from phenoprot.evaluation.levels import level_scores, score_regression
from phenoprot.evaluation.results import Estimate
from phenoprot.evaluation.score import auc_scores, score_classification
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.uncertainty import uncertainty

SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)


@pytest.fixture
def screen() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """40 compounds at 3 doses in 4 folds; labels; the label of each row."""
    rng = np.random.default_rng(0)
    compounds = [f"c{i:02d}" for i in range(40)]
    labels = pd.DataFrame({"Metadata_Compound": compounds, "t": rng.permutation([1.0, 0.0] * 20)})
    rows = np.repeat(np.arange(40), 3)
    key = pd.DataFrame(
        {
            "Metadata_Compound": np.array(compounds)[rows],
            "Metadata_Concentration": np.tile([1.0, 2.0, 3.0], 40),
            "Fold": rows % 4,
            "Metadata_LabelsOf": np.array(compounds)[rows],
            "Metadata_Repeat": 0,
        }
    )
    return key, labels, labels["t"].to_numpy()[rows]


Screen = tuple[pd.DataFrame, pd.DataFrame, np.ndarray]


def test_a_model_that_knows_the_compound_is_caught(screen: Screen) -> None:
    key, labels, label = screen
    rng = np.random.default_rng(1)
    honest = key.assign(t=rng.normal(size=120))
    torn = key.assign(Fold=rng.permutation(120) % 4, t=label)
    scores = score_classification(honest, labels, SETTINGS)
    found = leak_of_aucs(scores, torn, labels, SETTINGS)
    assert (found.score, found.mean, found.n_doses) == ("auc", 1.0, 3)
    gap = found.gap
    assert gap is not None
    assert gap.value == pytest.approx(1 - auc_scores(honest, labels).auc[0], abs=1e-6)
    assert gap.low is not None
    assert gap.high is not None
    assert 0.2 < gap.low < gap.value < gap.high


def test_the_same_predictions_leave_no_gap(screen: Screen) -> None:
    key, labels, label = screen
    predictions = key.assign(t=label + np.random.default_rng(1).normal(size=120))
    scores = score_classification(predictions, labels, SETTINGS)
    found = leak_of_aucs(scores, predictions, labels, SETTINGS)
    assert found.gap == Estimate(value=0, low=0, high=0)


def test_levels(screen: Screen) -> None:
    key, _, label = screen
    levels = key[["Metadata_Compound", "Metadata_Concentration"]].assign(
        t=label + np.arange(120) / 7
    )
    exact = key.assign(t=levels["t"])
    # In the right order in half of the pairs, or so.
    noise = key.assign(t=np.random.default_rng(2).normal(size=120))
    scores = score_regression(noise, levels, SETTINGS)
    found = leak_of_levels(scores, exact, levels, SETTINGS)
    assert (found.score, found.mean) == ("concordance", 1.0)
    assert found.gap is not None
    assert 0.3 < found.gap.value < 0.7
    assert found.gap.value == pytest.approx(1 - scores.targets["concordance"][0], abs=1e-6)


def test_the_interval_of_the_gap_of_levels_by_literal_leave_one_out(screen: Screen) -> None:
    key, _, label = screen
    rng = np.random.default_rng(5)
    levels = key[["Metadata_Compound", "Metadata_Concentration"]].assign(
        t=label + rng.normal(size=120), u=rng.normal(size=120)
    )
    honest, torn = (
        pd.concat(
            [
                key.assign(
                    Metadata_Repeat=i,
                    t=share * levels["t"] + rng.normal(size=120),
                    u=share * levels["u"] + rng.normal(size=120),
                )
                for i in range(3)
            ],
            ignore_index=True,
        )
        for share in (0.2, 0.8)
    )
    gap = leak_of_levels(score_regression(honest, levels, SETTINGS), torn, levels, SETTINGS).gap
    assert gap is not None

    def mean_gap(kept: pd.Series) -> float:
        one, other = (
            level_scores(table[kept].reset_index(drop=True), levels)["concordance"].mean()
            for table in (torn, honest)
        )
        return float(one - other)

    value = mean_gap(honest["Metadata_Compound"].notna())
    names = sorted(set(honest["Metadata_Compound"]))
    changes = np.array([mean_gap(honest["Metadata_Compound"] != name) for name in names]) - value
    by_repeat = [mean_gap(honest["Metadata_Repeat"] == number) for number in range(3)]
    low, high = uncertainty(changes, np.array(by_repeat)).interval(value)
    assert (gap.value, gap.low, gap.high) == pytest.approx((value, low, high), abs=2e-6)
    once = torn[torn["Metadata_Repeat"] == 0]
    with pytest.raises(UserError, match=r"a row has 40 compounds and 3 repeat\(s\), its leak"):
        leak_of_levels(score_regression(honest, levels, SETTINGS), once, levels, SETTINGS)


def test_the_mean_is_over_the_repeats_that_have_one(screen: Screen) -> None:
    """No two levels of a fold differ in the first repeat; in the second, all pairs are in order."""
    key = screen[0].iloc[:12:3].reset_index(drop=True)
    levels = key[["Metadata_Compound", "Metadata_Concentration"]].assign(t=[0.0, 0, 1, 1], u=1.0)
    folds = ([0, 0, 1, 1], [0, 1, 0, 1])
    exact = pd.concat(
        [key.assign(t=levels["t"], u=0.0, Fold=of, Metadata_Repeat=i) for i, of in enumerate(folds)]
    ).reset_index(drop=True)
    found = leak_of_levels(score_regression(exact, levels, SETTINGS), exact, levels, SETTINGS)
    assert found.mean == 1.0
    assert found.gap is not None
    assert found.gap.value == 0.0


def test_single_doses_are_told(screen: Screen) -> None:
    key, labels, label = screen
    single = key.assign(t=label).iloc[::3].reset_index(drop=True)
    scores = score_classification(single, labels, SETTINGS)
    assert leak_of_aucs(scores, single, labels, SETTINGS).n_doses == 1


def test_the_gap_is_over_the_repeats_of_both(screen: Screen) -> None:
    key, labels, label = screen
    rng = np.random.default_rng(4)

    def repeated(strength: float) -> pd.DataFrame:
        tables = [
            key.assign(Metadata_Repeat=i, t=strength * label + rng.normal(size=120))
            for i in range(3)
        ]
        return pd.concat(tables, ignore_index=True)

    honest, torn = repeated(0.5), repeated(2.0)
    scores = score_classification(honest, labels, SETTINGS)
    gap = leak_of_aucs(scores, torn, labels, SETTINGS).gap
    assert gap is not None
    by_repeat = auc_scores(torn, labels).by_repeat - auc_scores(honest, labels).by_repeat
    assert gap.value == pytest.approx(by_repeat.mean(), abs=1e-6)
    assert gap.repeat_sd == pytest.approx(by_repeat.std(ddof=1), abs=1e-6)
    once = torn[torn["Metadata_Repeat"] == 0]
    with pytest.raises(UserError, match=r"a row has 40 compounds and 3 repeat\(s\), its leak"):
        leak_of_aucs(scores, once, labels, SETTINGS)
