"""Paired tests against DeLong's formulas written out, simulation, and SciPy's correction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from phenoprot.core.errors import UserError
from phenoprot.evaluation.compare import (
    Differences,
    auc_differences,
    bootstrap_p,
    compare,
    placements,
)
from phenoprot.evaluation.compute import is_shuffled
from phenoprot.evaluation.plan import pairs_of
from phenoprot.evaluation.results import Estimate
from phenoprot.evaluation.score import auc_scores
from phenoprot.evaluation.settings import EvaluationSettings

NAN = np.nan
NAMES = ("one", "other")
SETTINGS = EvaluationSettings(
    auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, bootstraps=300, seed=0
)


def delong(label: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Difference of two AUCs and its variance, from every pair (DeLong et al. 1988, eq. 4-6)."""
    x, y = np.stack([one, other])[:, label == 1], np.stack([one, other])[:, label == 0]
    won = (x[:, :, None] > y[:, None, :]) + 0.5 * (x[:, :, None] == y[:, None, :])
    v10, v01 = won.mean(axis=2), won.mean(axis=1)
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    contrast = np.array([1.0, -1.0])
    return float(contrast @ won.mean(axis=(1, 2))), float(contrast @ covariance @ contrast)


def by_target(
    labels: np.ndarray, one: np.ndarray, other: np.ndarray, compounds: np.ndarray, folds: np.ndarray
) -> Differences:
    rows = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    return auc_differences(labels, one, other, compounds, rows)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels with both classes twice and masked values, two scores with ties."""
    rows, levels = draw(st.integers(6, 40)), draw(st.sampled_from([2, 5, 1000]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.choice([0.0, 1.0, NAN], size=(rows, 3), p=[0.5, 0.3, 0.2])
    labels[:4] = np.array([0, 0, 1, 1])[:, None]
    scores = rng.integers(0, levels, size=(2, rows, 3)) / 7 + labels[None] * rng.random()
    return labels, *np.nan_to_num(scores, nan=rng.random())


@given(problems())
@settings(max_examples=100, deadline=None)
def test_one_fold_of_single_rows_is_delong(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, one, other = problem
    found = by_target(labels, one, other, np.arange(len(labels)), np.zeros(len(labels)))
    for target in range(labels.shape[1]):
        there = ~np.isnan(labels[:, target])
        difference, variance = delong(*(x[there, target] for x in (labels, one, other)))
        assert found.difference[target] == pytest.approx(difference, abs=1e-12)
        assert found.variance[target] == pytest.approx(variance, abs=1e-14)


@given(problems())
@settings(max_examples=50, deadline=None)
def test_placements_are_shares_of_the_other_class(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, scores, _ = problem
    found = placements(labels, scores)
    for target in range(labels.shape[1]):
        label, score = labels[:, target], scores[:, target]
        for row in range(len(label)):
            if np.isnan(label[row]):
                assert found[row, target] == 0
                continue
            others = score[label == 1 - label[row]]
            ahead = score[row] - others if label[row] else others - score[row]
            assert found[row, target] == pytest.approx(((np.sign(ahead) + 1) / 2).mean())


def test_hand_computed() -> None:
    # Method one ranks all right. The other swaps a positive (0.35) with a negative (0.4): 3 of 4.
    # Its placements: positives 1 and 1/2, negatives 1 and 1/2; differences 0, 1/2 and 0, 1/2.
    labels = np.array([[1.0], [1.0], [0.0], [0.0]])
    one, other = np.array([[4.0], [3.0], [2.0], [1.0]]), np.array([[0.9], [0.35], [0.1], [0.4]])
    found = by_target(labels, one, other, np.arange(4), np.zeros(4))
    assert found.difference.tolist() == [0.25]
    # Variance of (0, 1/2): 1/8; over two compounds, in either class: 1/16 + 1/16.
    assert found.variance.tolist() == [0.125]
    assert found.df.tolist() == [1.0]
    assert found.p[0] == pytest.approx(2 * stats.t.sf(0.25 / np.sqrt(0.125), 1))


def test_folds_are_averaged_and_their_spread_is_pooled() -> None:
    """Two folds of single rows, written out: means of the folds, squares around each fold's own."""
    rng = np.random.default_rng(1)
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 1, 0, 0], dtype=float)[:, None]
    folds = np.array([0] * 7 + [1] * 3)
    one, other = labels + rng.normal(size=(10, 1)), rng.normal(size=(10, 1))
    found = by_target(labels, one, other, np.arange(10), folds)
    gains = []
    squares, degrees, inverse = np.zeros(2), np.zeros(2), np.zeros(2)
    for fold in (0, 1):
        y, a, b = labels[folds == fold, 0], one[folds == fold, 0], other[folds == fold, 0]
        gains.append(roc_auc_score(y, a) - roc_auc_score(y, b))
        for k, cls in enumerate((1, 0)):
            mine, theirs = np.flatnonzero(y == cls), np.flatnonzero(y != cls)
            side = 1 if cls else -1
            gain = [
                np.mean([(side * (s[i] - s[j]) > 0) for j in theirs])
                - np.mean([(side * (o[i] - o[j]) > 0) for j in theirs])
                for i in mine
                for s, o in [(a, b)]
            ]
            squares[k] += np.sum((np.array(gain) - gains[-1]) ** 2)
            degrees[k] += len(mine) - 1
            inverse[k] += 1 / len(mine)
    parts = squares / degrees * inverse / 4
    assert found.difference[0] == pytest.approx(np.mean(gains), abs=1e-12)
    assert found.variance[0] == pytest.approx(parts.sum())
    # Three and one positives, four and two negatives.
    assert found.df[0] == min(degrees) == 2


def test_doses_of_a_compound_are_one_case() -> None:
    """Copies of every row change neither difference nor variance: they are no new compounds."""
    rng = np.random.default_rng(0)
    labels = (np.arange(40)[:, None] % 3 == 0).astype(float)
    one, other = labels + rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    folds, compounds = np.arange(40) % 4, np.arange(40)
    once = by_target(labels, one, other, compounds, folds)
    four = by_target(*(np.repeat(x, 4, axis=0) for x in (labels, one, other, compounds, folds)))
    for name in ("difference", "variance", "df"):
        np.testing.assert_allclose(getattr(four, name), getattr(once, name), rtol=1e-9)
    # As if rows were compounds, the variance would be a quarter.
    naive = by_target(*(np.repeat(x, 4, axis=0) for x in (labels, one, other)),
                      np.arange(160), np.repeat(folds, 4))  # fmt: skip
    assert naive.variance[0] < 0.3 * once.variance[0]


def clustered(
    seed: int, effects: tuple[float, float], targets: int = 600, positives: int = 12
) -> Differences:
    """60 compounds at 5 doses in 5 folds; every compound has an error of its own at all doses."""
    rng = np.random.default_rng(seed)
    compounds = np.repeat(np.arange(60), 5)
    label = rng.permuted(np.arange(60)[:, None] * np.ones(targets) < positives, axis=0)
    dose = np.tile(np.linspace(0, 1, 5), 60)[:, None]
    shared = 0.5 * rng.normal(size=(60, targets))
    scores = [
        2 * effect * dose * label[compounds]
        + (shared + 0.8 * rng.normal(size=(60, targets)))[compounds]
        + 0.5 * rng.normal(size=(300, targets))
        for effect in effects
    ]
    folds = (np.arange(60) % 5)[compounds]
    return by_target(label[compounds].astype(float), *scores, compounds, folds)


@pytest.mark.parametrize("positives", [6, 12, 25])
@pytest.mark.parametrize("effect", [0.0, 2.5])
def test_equal_methods_seldom_differ(effect: float, positives: int) -> None:
    """No more often than the level says, in the tail too, where the false discovery rate looks."""
    p = np.concatenate([clustered(seed, (effect, effect), 600, positives).p for seed in range(3)])
    p = p[~np.isnan(p)]
    assert len(p) > 1500
    assert (p < 0.05).mean() <= 0.06
    assert (p < 0.001).mean() <= 0.003
    if positives == 25:  # with few positives the test is careful
        assert (p < 0.05).mean() >= 0.03
        assert 0.45 < np.median(p) < 0.55


def test_a_better_method_is_found() -> None:
    found = clustered(0, (2.0, 0.5))
    assert (found.p < 0.05).mean() > 0.35
    assert (found.difference > 0).mean() > 0.95


def test_what_cannot_be_tested() -> None:
    labels = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 1]], dtype=float)
    scores = np.arange(12.0).reshape(4, 3)
    found = by_target(labels, scores, scores, np.arange(4), np.zeros(4))
    # One positive: no spread. The same scores twice: no difference. No negative: no AUC.
    assert np.isnan(found.p).tolist() == [True, False, True]
    assert found.p[1] == 1.0
    assert found.difference[1] == 0.0
    assert np.isnan(found.difference[2])
    # Every compound gains the same half: a variance of 0 tells nothing of the next compound.
    two = labels[:, [1]]
    found = by_target(two, -np.arange(4.0)[:, None], np.zeros((4, 1)), np.arange(4), np.zeros(4))
    assert found.difference[0] == 0.5
    assert np.isnan(found.p[0])


def table(score: dict[str, np.ndarray], compounds: list[str], folds: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Compound": compounds,
            "Metadata_Concentration": 5.0,
            "Fold": folds,
            "Metadata_LabelsOf": compounds,
            "Metadata_Repeat": 0,
            **score,
        }
    )


@pytest.fixture
def problem() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """80 compounds, 12 targets: one method reads the first four, the other none."""
    rng = np.random.default_rng(3)
    compounds = [f"c{i:02d}" for i in range(80)]
    folds = np.arange(80) % 4
    labels = {f"t{i:02d}": rng.permutation([1.0, 0.0] * 40) for i in range(12)}
    noise = {name: rng.normal(size=(2, 80)) for name in labels}
    effect = {name: 2.5 if name < "t04" else 0.0 for name in labels}
    one = {name: effect[name] * labels[name] + noise[name][0] for name in labels}
    other = {name: noise[name][1] for name in labels}
    return (
        table(one, compounds, folds),
        table(other, compounds, folds),
        pd.DataFrame({"Metadata_Compound": compounds, **labels}),
    )


Problem = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def test_a_comparison(problem: Problem) -> None:
    one, other, labels = problem
    result = compare(NAMES, one, other, labels, SETTINGS)
    lines = result.targets.set_index("Target")
    folds = [one["Fold"] == fold for fold in range(4)]
    for name in labels.columns[1:]:
        aucs = [
            np.mean([roc_auc_score(labels[name][fold], row[name][fold]) for fold in folds])
            for row in (one, other)
        ]
        assert lines.loc[name, "difference"] == pytest.approx(aucs[0] - aucs[1], abs=1e-12)
    np.testing.assert_allclose(lines["q"], stats.false_discovery_control(lines["p"]))
    found = result.result
    assert (found.row, found.against) == NAMES
    assert (found.n_better, found.n_worse) == (4, 0)
    assert (found.n_targets_tested, found.n_compounds) == (12, 80)
    mean = found.mean_auc_difference
    assert mean is not None
    assert mean.value == pytest.approx(lines["difference"].mean(), abs=1e-6)
    assert mean.low is not None
    assert mean.high is not None
    assert 0 < mean.low < mean.value < mean.high
    assert found.p == pytest.approx(2 / 301, abs=1e-6)


def test_the_other_way_round(problem: Problem) -> None:
    one, other, labels = problem
    there, back = (
        compare(NAMES, one, other, labels, SETTINGS),
        compare(NAMES, other, one, labels, SETTINGS),
    )
    np.testing.assert_allclose(back.targets["difference"], -there.targets["difference"])
    np.testing.assert_allclose(back.targets["p"], there.targets["p"])
    assert (back.result.n_better, back.result.n_worse) == (0, 4)
    gain, loss = there.result.mean_auc_difference, back.result.mean_auc_difference
    assert gain is not None
    assert loss is not None
    assert gain.high is not None
    assert loss.low == -gain.high
    assert back.result.p == there.result.p


def test_a_method_does_not_differ_from_itself(problem: Problem) -> None:
    one, _, labels = problem
    found = compare(NAMES, one, one, labels, SETTINGS).result
    assert (found.n_better, found.n_worse) == (0, 0)
    assert found.mean_auc_difference == Estimate(value=0, low=0, high=0)
    assert found.p == 1.0


def test_draws_at_hand_are_used_where_no_treatment_is_left_out(problem: Problem) -> None:
    one, other, labels = problem
    draws = tuple(auc_scores(row, labels, SETTINGS).draws for row in (one, other))
    plain = compare(NAMES, one, other, labels, SETTINGS)
    assert compare(NAMES, one, other, labels, SETTINGS, draws).result == plain.result
    nowhere = (draws[0], draws[0])
    assert compare(NAMES, one, other, labels, SETTINGS, nowhere).result != plain.result
    fewer = compare(NAMES, one.iloc[:60], other, labels, SETTINGS, nowhere)
    assert fewer.result == compare(NAMES, one.iloc[:60], other, labels, SETTINGS).result


def test_only_common_treatments_are_compared(problem: Problem) -> None:
    one, other, labels = problem
    both = compare(NAMES, one.iloc[:60], other.iloc[:60], labels, SETTINGS)
    mixed = compare(NAMES, one.iloc[:60], other[::-1].reset_index(drop=True), labels, SETTINGS)
    assert mixed.result == both.result
    assert mixed.result.n_compounds == 60
    pd.testing.assert_frame_equal(mixed.targets, both.targets)


def test_false_discoveries_are_counted_at_the_rate_in_force(problem: Problem) -> None:
    one, other, labels = problem
    strict = SETTINGS.model_copy(update={"false_discovery_rate": 1e-12})
    assert compare(NAMES, one, other, labels, strict).result.n_better == 0


def test_rows_that_do_not_belong_together(problem: Problem) -> None:
    one, other, labels = problem
    with pytest.raises(UserError) as error:
        compare(
            NAMES, one, other.assign(Fold=(other["Fold"] + (other.index < 3)) % 4), labels, SETTINGS
        )
    assert str(error.value) == (
        "predictions: 3 compound(s) are in different folds in two rows. Predict both with the same "
        "folds: `dvc repro`."
    )
    with pytest.raises(UserError, match="no treatment in common"):
        compare(NAMES, one.iloc[:40], other.iloc[40:], labels, SETTINGS)


def test_pairs() -> None:
    rows = ["a", "b", "c"]
    assert pairs_of(rows, SETTINGS) == [("a", "b"), ("a", "c")]
    every = SETTINGS.model_copy(update={"comparisons": "all"})
    assert pairs_of(rows, every) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs_of(["a"], SETTINGS) == pairs_of([], SETTINGS) == []
    trained = ["a", "mae", "mae-untrained"]
    assert pairs_of(trained, SETTINGS) == [*(("a", row) for row in trained[1:]), tuple(trained[1:])]
    assert len(pairs_of(["mae", "mae-untrained"], SETTINGS)) == 1


def test_shuffled_rows_are_told_by_their_repeats(problem: Problem) -> None:
    one, _, _ = problem
    assert not is_shuffled(one)
    assert is_shuffled(one.assign(Metadata_Repeat=2))


def test_bootstrap_p_by_hand() -> None:
    gains = np.array([0.1, 0.2, -0.1, 0.3, NAN, 0.4, 0.2, 0.1, 0.2, 0.3])
    # One of nine draws at or below 0, and the observed one: 2 (1 + 1) / (9 + 1).
    assert bootstrap_p(gains) == pytest.approx(0.4)
    assert bootstrap_p(-gains) == pytest.approx(0.4)
    assert bootstrap_p(np.zeros(9)) == 1.0
    assert np.isnan(bootstrap_p(np.array([NAN])))
