"""Paired tests against DeLong's formulas written out, scikit-learn, and SciPy's correction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from phenoprot.core.errors import UserError
from phenoprot.evaluation.compare import class_variance, compare, corrected
from phenoprot.evaluation.plan import is_shuffled, pairs_of
from phenoprot.evaluation.repeated import RepeatedAuc, repeated_auc
from phenoprot.evaluation.results import Estimate, RowComparison
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.uncertainty import BESIDE_REPEATS

NAN = np.nan
NAMES = ("one", "other")
SETTINGS = EvaluationSettings(auc_thresholds=[0.6], r2_thresholds=[0.1], permutations=1, seed=0)


def delong(label: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Difference of two AUCs and its variance, from every pair (DeLong et al. 1988, eq. 4-6)."""
    x, y = np.stack([one, other])[:, label == 1], np.stack([one, other])[:, label == 0]
    won = (x[:, :, None] > y[:, None, :]) + 0.5 * (x[:, :, None] == y[:, None, :])
    v10, v01 = won.mean(axis=2), won.mean(axis=1)
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    contrast = np.array([1.0, -1.0])
    return float(contrast @ won.mean(axis=(1, 2))), float(contrast @ covariance @ contrast)


def gain_of(
    labels: np.ndarray, one: np.ndarray, other: np.ndarray, compounds: np.ndarray, folds: np.ndarray
) -> RepeatedAuc:
    """Difference of two methods in one repeat."""
    rows = [[np.flatnonzero(folds == fold) for fold in np.unique(folds)]]
    codes = np.unique(compounds, return_inverse=True)[1]
    first, second = (repeated_auc(labels, scores, codes, rows) for scores in (one, other))
    return first.minus(second)


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
@settings(max_examples=50, deadline=None)
def test_one_fold_of_single_rows_is_delong(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    labels, one, other = problem
    gain = gain_of(labels, one, other, np.arange(len(labels)), np.zeros(len(labels)))
    variance, df = class_variance(gain.changes, labels)
    for target in range(labels.shape[1]):
        there = ~np.isnan(labels[:, target])
        difference, expected = delong(*(x[there, target] for x in (labels, one, other)))
        assert gain.auc[target] == pytest.approx(difference, abs=1e-9)
        assert variance[target] == pytest.approx(expected, abs=1e-12)
        ones = labels[there, target].sum()
        assert df[target] == min(ones, there.sum() - ones) - 1


def test_hand_computed() -> None:
    # Method one ranks all right. The other swaps a positive (0.35) with a negative (0.4): 3 of 4.
    # Its placements: positives 1 and 1/2, negatives 1 and 1/2; differences 0, 1/2 and 0, 1/2.
    labels = np.array([[1.0], [1.0], [0.0], [0.0]])
    one, other = np.array([[4.0], [3.0], [2.0], [1.0]]), np.array([[0.9], [0.35], [0.1], [0.4]])
    gain = gain_of(labels, one, other, np.arange(4), np.zeros(4))
    assert gain.auc.tolist() == [0.25]
    # Variance of (0, 1/2): 1/8; over two compounds, in either class: 1/16 + 1/16.
    variance, df = class_variance(gain.changes, labels)
    assert (variance.tolist(), df.tolist()) == ([0.125], [1.0])


def test_doses_of_a_compound_are_one_case() -> None:
    """Copies of every row change neither difference nor variance: they are no new compounds."""
    rng = np.random.default_rng(0)
    labels = (np.arange(40)[:, None] % 3 == 0).astype(float)
    one, other = labels + rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    folds, compounds = np.arange(40) % 4, np.arange(40)
    once = gain_of(labels, one, other, compounds, folds)
    four = gain_of(*(np.repeat(x, 4, axis=0) for x in (labels, one, other, compounds, folds)))
    np.testing.assert_allclose(four.by_repeat, once.by_repeat, rtol=1e-9)
    np.testing.assert_allclose(four.changes, once.changes, atol=1e-12)


def test_what_cannot_be_tested() -> None:
    compounds = [f"c{i}" for i in range(4)]
    label = {"few": [1, 0, 0, 0], "same": [1, 1, 0, 0], "none": [1, 1, 1, 1]}
    labels = pd.DataFrame({"Metadata_Compound": compounds, **label}).astype(
        dict.fromkeys(label, float)
    )
    row = table(dict.fromkeys(label, np.arange(4.0)), compounds, np.zeros(4, dtype=int))
    lines = compare(NAMES, row, row, labels, SETTINGS).targets
    # One positive: no spread. The same scores twice: no difference. No negative: no AUC.
    assert np.isnan(lines["p"]).tolist() == [True, False, True]
    assert lines["p"][1] == 1.0
    assert lines["difference"][1] == 0.0
    assert np.isnan(lines["difference"][2])
    # Every compound gains the same half: a variance of 0 tells nothing of the next compound.
    worst, flat = (row.assign(same=scores) for scores in (-np.arange(4.0), np.zeros(4)))
    line = compare(NAMES, flat, worst, labels, SETTINGS).targets.iloc[1]
    assert line["difference"] == -0.5
    assert np.isnan(line["p"])


def table(
    score: dict[str, np.ndarray], compounds: list[str], folds: np.ndarray, repeat: int = 0
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Compound": compounds,
            "Metadata_Concentration": 5.0,
            "Fold": folds,
            "Metadata_LabelsOf": compounds,
            "Metadata_Repeat": repeat,
            **score,
        }
    )


@pytest.fixture
def problem() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """80 compounds, 12 targets, 3 repeats: one method reads the first four, the other none."""
    rng = np.random.default_rng(3)
    compounds = [f"c{i:02d}" for i in range(80)]
    labels = {f"t{i:02d}": rng.permutation([1.0, 0.0] * 40) for i in range(12)}
    effect = {name: 2.5 if name < "t04" else 0.0 for name in labels}
    own = {name: rng.normal(size=(2, 80)) for name in labels}
    rows: tuple[list[pd.DataFrame], list[pd.DataFrame]] = [], []
    for repeat in range(3):
        folds = rng.permutation(80) % 4
        noise = {name: own[name] + 0.3 * rng.normal(size=(2, 80)) for name in labels}
        one = {name: effect[name] * labels[name] + noise[name][0] for name in labels}
        other = {name: noise[name][1] for name in labels}
        for found, scores in zip(rows, (one, other), strict=True):
            found.append(table(scores, compounds, folds, repeat))
    one, other = (pd.concat(found, ignore_index=True) for found in rows)
    return one, other, pd.DataFrame({"Metadata_Compound": compounds, **labels})


Problem = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def test_a_comparison(problem: Problem) -> None:
    one, other, labels = problem
    result = compare(NAMES, one, other, labels, SETTINGS)
    lines = result.targets.set_index("Target")
    for name in labels.columns[1:]:
        assert lines.loc[name, "difference"] == pytest.approx(
            mean_auc(one, labels, name) - mean_auc(other, labels, name), abs=1e-12
        )
    np.testing.assert_allclose(lines["q"], stats.false_discovery_control(lines["p"]))
    t = lines["difference"] / lines["standard_error"]
    assert (np.sign(t) == np.sign(lines["difference"])).all()
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
    assert found.p is not None
    assert found.p < 1e-4
    assert found.smallest_target_difference == pytest.approx(
        lines["smallest_difference"].median(), abs=1e-6
    )
    # The half of the interval, and t of 80 % power more.
    assert found.smallest_difference is not None
    assert 1.3 < found.smallest_difference / (mean.high - mean.value) < 1.6


def mean_auc(row: pd.DataFrame, labels: pd.DataFrame, name: str) -> float:
    """Over the folds, weighted by positives, and the repeats."""
    label = labels.set_index("Metadata_Compound")[name]
    found = []
    for _, repeat in row.groupby("Metadata_Repeat"):
        folds = [
            (label[fold["Metadata_Compound"]], fold[name]) for _, fold in repeat.groupby("Fold")
        ]
        weights = [y.sum() for y, _ in folds]
        found.append(np.average([roc_auc_score(y, score) for y, score in folds], weights=weights))
    return float(np.mean(found))


def test_the_error_of_a_target_has_training_and_repeats_in_it(problem: Problem) -> None:
    one, other, labels = problem
    line = compare(NAMES, one, other, labels, SETTINGS).targets.iloc[0]
    rows = [row[["Metadata_Compound", "Fold", "Metadata_Repeat", "t00"]] for row in (one, other)]
    y = labels.set_index("Metadata_Compound")["t00"]
    truth = y[one["Metadata_Compound"]].to_numpy()[:, None]
    codes = np.unique(one["Metadata_Compound"], return_inverse=True)[1]
    folds = [list(r.groupby("Fold").groups.values()) for _, r in one.groupby("Metadata_Repeat")]
    folds = [[np.asarray(fold) for fold in of_repeat] for of_repeat in folds]
    gain = repeated_auc(truth, rows[0][["t00"]].to_numpy(), codes, folds).minus(
        repeated_auc(truth, rows[1][["t00"]].to_numpy(), codes, folds)
    )
    variance, _ = class_variance(gain.changes, y.to_numpy()[:, None])
    between = gain.by_repeat.var(axis=0, ddof=1) / 3
    expected = float(np.sqrt(BESIDE_REPEATS * variance + between)[0])
    assert line["standard_error"] == pytest.approx(expected)


def test_p_is_corrected_over_the_comparisons_of_a_part() -> None:
    p = [0.01, 0.2, None, 0.03, 0.9]
    rows = [
        RowComparison(
            row="a", against=str(i), n_compounds=9, n_targets_tested=1, n_better=0, n_worse=0, p=one
        )
        for i, one in enumerate(p)
    ]
    q = [one.q for one in corrected(rows)]
    known = [one for one in q if one is not None]
    assert q[2] is None
    np.testing.assert_allclose(
        known, stats.false_discovery_control([0.01, 0.2, 0.03, 0.9]), atol=1e-6
    )
    assert corrected([]) == []


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
    assert found.mean_auc_difference == Estimate(value=0, low=0, high=0, repeat_sd=0)
    assert found.p == 1.0


def fewer(row: pd.DataFrame) -> pd.DataFrame:
    """60 of the 80 compounds."""
    return row[row["Metadata_Compound"] < "c60"].reset_index(drop=True)


def test_only_common_treatments_are_compared(problem: Problem) -> None:
    one, other, labels = problem
    both = compare(NAMES, fewer(one), fewer(other), labels, SETTINGS)
    mixed = compare(NAMES, fewer(one), other[::-1].reset_index(drop=True), labels, SETTINGS)
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
    known = one["Metadata_Compound"]
    with pytest.raises(UserError, match="no treatment in common"):
        compare(NAMES, one[known < "c40"], other[known >= "c40"], labels, SETTINGS)


def test_pairs() -> None:
    rows = ["a", "b", "c"]
    assert pairs_of(rows, SETTINGS) == [("a", "b"), ("a", "c")]
    every = SETTINGS.model_copy(update={"comparisons": "all"})
    assert pairs_of(rows, every) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs_of(["a"], SETTINGS) == pairs_of([], SETTINGS) == []
    trained = ["a", "mae", "mae-untrained"]
    assert pairs_of(trained, SETTINGS) == [*(("a", row) for row in trained[1:]), tuple(trained[1:])]
    assert len(pairs_of(["mae", "mae-untrained"], SETTINGS)) == 1


def test_shuffled_rows_are_told_by_their_labels(problem: Problem, tmp_path: Path) -> None:
    one, _, _ = problem
    one.to_parquet(tmp_path / "one.parquet")
    assert not is_shuffled(tmp_path / "one.parquet")
    swapped = one.assign(Metadata_LabelsOf=one["Metadata_LabelsOf"][::-1].to_numpy())
    swapped.to_parquet(tmp_path / "two.parquet")
    assert is_shuffled(tmp_path / "two.parquet")
