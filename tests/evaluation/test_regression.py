"""R2, squared Pearson correlation, RMSE, SMAPE and concordance against other libraries and hand."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_squared_error, r2_score

from phenoprot.evaluation.auc import auc_by_target
from phenoprot.evaluation.level_counting import FEW, _sorted_pairs
from phenoprot.evaluation.regression import (
    concordant_pairs,
    concordant_pairs_within,
    pearson_r2_by_target,
    r2_by_target,
    rmse_by_target,
    share,
    smape_by_target,
    sums_by,
)

NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


@st.composite
def levels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Truth with missing values, and predictions somewhere near it."""
    rows, targets = draw(st.integers(4, 30)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    truth = rng.normal(loc=draw(st.sampled_from([0, 5])), size=(rows, targets))
    predicted = truth * draw(st.sampled_from([1, 0.3, -1])) + rng.normal(size=truth.shape)
    truth[rng.random(truth.shape) < draw(st.sampled_from([0, 0.3]))] = NAN
    return truth, predicted


@given(levels())
@settings(max_examples=50, deadline=None)
def test_equal_to_scikit_learn_and_scipy(task: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = task
    r2, pearson = r2_by_target(truth, predicted), pearson_r2_by_target(truth, predicted)
    for target in range(truth.shape[1]):
        there = ~np.isnan(truth[:, target])
        y, p = truth[there, target], predicted[there, target]
        if len(y) < 2:
            assert np.isnan(r2[target])
            assert np.isnan(pearson[target])
            continue
        assert r2[target] == pytest.approx(r2_score(y, p), abs=1e-9)
        assert pearson[target] == pytest.approx(stats.pearsonr(y, p).statistic ** 2, abs=1e-9)


def concordance_by_target(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Share (targets,) of the pairs whose levels differ that are predicted in the right order."""
    right, pairs = concordant_pairs(truth, predicted)
    return share(right.sum(axis=0), pairs.sum(axis=0))


@given(levels())
@settings(max_examples=50, deadline=None)
def test_concordance_is_a_shifted_kendall_tau(task: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = task
    scores = concordance_by_target(truth, predicted)
    for target in range(truth.shape[1]):
        there = ~np.isnan(truth[:, target])
        if there.sum() < 2:
            assert np.isnan(scores[target])
            continue
        tau = stats.kendalltau(truth[there, target], predicted[there, target]).statistic
        assert scores[target] == pytest.approx((tau + 1) / 2, abs=1e-12)


def test_concordance_of_two_levels_is_the_auc() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (40, 7)).astype(float)
    labels[rng.random(labels.shape) < 0.2] = NAN
    scores = rng.integers(0, 5, labels.shape).astype(float)
    expected = auc_by_target(labels, scores)
    assert concordance_by_target(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_concordance_is_that_of_all_pairs_to_the_byte() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.normal(size=(2, 30, 5))
    truth[rng.random(truth.shape) < 0.2] = NAN
    truth[:, 4] = 1.0
    predicted = predicted.round(1)  # ties
    higher = truth[:, None] > truth[None, :]
    right = (np.sign(predicted[:, None] - predicted[None, :]) + 1) / 2
    expected = np.where(higher, right, 0).sum(axis=(0, 1)) / np.where(
        higher.any(axis=(0, 1)), higher.sum(axis=(0, 1)), NAN
    )
    assert concordance_by_target(truth, predicted).tobytes() == expected.tobytes()


def test_concordance_needs_little_memory() -> None:
    """400 x 400 pairs of 500 targets would be 640 MB in one array."""
    truth, predicted = np.random.default_rng(0).normal(size=(2, 400, 500))
    tracemalloc.start()
    concordance_by_target(truth, predicted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256e6


def test_concordance_by_hand() -> None:
    # 1 < 2, 1 < 3 right; 2 < 3 wrong.
    assert concordance_by_target(column(1, 2, 3), column(1, 3, 2)) == pytest.approx([2 / 3])
    assert concordance_by_target(column(1, 2, NAN), column(5, 5, 9)) == [0.5]
    assert np.isnan(concordance_by_target(column(2, 2), column(1, 3)))


def test_r2_by_hand() -> None:
    # Mean 2; SST 2; SSE 0 + 1 + 1.
    assert r2_by_target(column(1, 2, 3), column(1, 3, 2)) == [0]
    assert r2_by_target(column(1, 2, 3, NAN), column(1, 2, 3, 99)) == [1]
    assert r2_by_target(column(1, 2, 3), column(3, 2, 1)) == [-3]


def test_pearson_forgives_scale_and_sign_and_r2_does_not() -> None:
    truth, predicted = column(1, 2, 3), column(-10, -20, -30)
    assert pearson_r2_by_target(truth, predicted) == pytest.approx([1])
    # SST 2; SSE 11^2 + 22^2 + 33^2 = 1694.
    assert r2_by_target(truth, predicted) == pytest.approx([1 - 1694 / 2])


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, -7e5])
@pytest.mark.parametrize("rows", [3, 7, 49])
def test_constant_columns(value: float, rows: int) -> None:
    varied, constant = np.arange(rows, dtype=float)[:, None], np.full((rows, 1), value)
    # A constant prediction has no correlation; whatever its mean's rounding error is.
    assert pearson_r2_by_target(varied, constant) == [0]
    for score in (r2_by_target, pearson_r2_by_target):
        assert np.isnan(score(constant, varied)).all()


@pytest.mark.parametrize("truth", [(NAN, NAN), (1, NAN)])
def test_too_few_values(truth: tuple[float, float]) -> None:
    for score in (r2_by_target, pearson_r2_by_target):
        assert np.isnan(score(column(*truth), column(1, 2))).all()


def test_smape_by_hand() -> None:
    # |3 - 1| / 4 = 50 %, |-1 - 1| / 2 = 100 %, 0 / 0 = 0 %, equal = 0 %; NaN is left out.
    truth, predicted = column(1, 1, 0, 2, NAN), column(3, -1, 0, 2, 5)
    assert smape_by_target(truth, predicted) == pytest.approx([150 / 4])
    assert np.isnan(smape_by_target(column(NAN), column(1))).all()


@given(levels())
@settings(max_examples=50, deadline=None)
def test_smape_is_symmetric_scale_free_and_bounded(task: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = task
    smape = smape_by_target(truth, predicted)
    predicted = np.where(np.isnan(truth), NAN, predicted)
    np.testing.assert_allclose(smape, smape_by_target(predicted, np.nan_to_num(truth)), atol=1e-9)
    np.testing.assert_allclose(smape, smape_by_target(8 * truth, 8 * predicted), atol=1e-9)
    there = smape[~np.isnan(smape)]
    assert ((there >= 0) & (there <= 100)).all()


@given(levels())
@settings(max_examples=50, deadline=None)
def test_rmse_is_that_of_scikit_learn(task: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = task
    rmse = rmse_by_target(truth, predicted)
    for target in range(truth.shape[1]):
        there = ~np.isnan(truth[:, target])
        if not there.any():
            assert np.isnan(rmse[target])
            continue
        mse = mean_squared_error(truth[there, target], predicted[there, target])
        assert rmse[target] == pytest.approx(mse**0.5, abs=1e-12)


def test_pairs_count_at_both_rows() -> None:
    # 1 < 2, 1 < 3 right; 2 < 3 wrong; the unmeasured row is in no pair.
    right, pairs = concordant_pairs(column(1, 2, 3, NAN), column(1, 3, 2, 0))
    assert right[:, 0].tolist() == [2, 1, 1, 0]
    assert pairs[:, 0].tolist() == [2, 2, 2, 0]


@given(levels())
@settings(max_examples=50, deadline=None)
def test_sorting_counts_as_looking_at_every_pair(task: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = task
    predicted[::5] = NAN
    expected = concordant_pairs(truth, predicted)
    for target in range(truth.shape[1]):
        found = np.empty((2, len(truth)))
        _sorted_pairs(truth[:, target].copy(), predicted[:, target].copy(), found[0], found[1])
        np.testing.assert_array_equal(found[0], expected[0][:, target])
        np.testing.assert_array_equal(found[1], expected[1][:, target])


def test_many_rows_are_counted_by_sorting() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 40, size=(2, 2 * FEW, 2)).astype(float)
    y[rng.random(y.shape) < 0.1] = NAN
    right, pairs = concordant_pairs(y, p)
    for target in range(2):
        known = y[:, target]
        differs = np.sign(np.subtract.outer(known, known))
        order = np.sign(np.subtract.outer(p[:, target], p[:, target]))
        met = ~np.isnan(differs) & (differs != 0)
        np.testing.assert_array_equal(pairs[:, target], met.sum(axis=1))
        won = np.where(met, (1 + differs * order) / 2, 0.0)
        np.testing.assert_array_equal(right[:, target], won.sum(axis=1))


def test_pairs_within_a_compound() -> None:
    y, p = column(1, 2, 3, 5, 4, NAN), column(1, 3, 2, 0, 0, 0)
    right, pairs = concordant_pairs_within(y, p, np.array([7, 7, 3, 3, 3, 7]))
    # 1 < 2 right; 3 < 5 and 3 < 4 wrong, 5 > 4 a tie of the predictions.
    assert right[:, 0].tolist() == [1, 1, 0, 0.5, 0.5, 0]
    assert pairs[:, 0].tolist() == [1, 1, 2, 2, 2, 0]


def test_rows_are_summed_by_code() -> None:
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = sums_by(np.array([2, 0, 2]), values, 4)
    assert sums.tolist() == [[2, 20], [0, 0], [5, 50], [0, 0]]
    assert sums_by(np.array([], dtype=int), values[:0], 2).tolist() == [[0, 0], [0, 0]]
