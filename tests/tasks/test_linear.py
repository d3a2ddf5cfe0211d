"""Principal components and ridge regression against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from phenoprot.tasks import linear, ridge
from phenoprot.tasks.linear import nested_linear
from phenoprot.tasks.ridge import Products, best_penalty, ridge_path, ridge_weights
from phenoprot.tasks.scaling import Scaler, principal_components
from phenoprot.tasks.settings import TaskSettings

from .conftest import Problem

PENALTIES = [0.001, 0.1, 1.0, 50.0]


def arrays(rows: int = 40, features: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features)) * np.arange(1, features + 1) + 3
    y = x[:, :1] @ rng.normal(size=(1, 4)) + rng.normal(size=(rows, 4)) + 10
    return x, y, rng.permutation(rows)[: rows * 3 // 4]


def equivalent_alpha(x: np.ndarray, penalty: float) -> float:
    """Rows x mean variance of the features x penalty."""
    return penalty * len(x) * x.var(axis=0).mean()


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_ridge_equals_scikit_learn(missing: float) -> None:
    x, y, train = arrays()
    y[np.random.default_rng(1).random(y.shape) < missing] = np.nan
    path = ridge_path(x, y, train, PENALTIES)
    assert path.shape == (4, 40, 4)
    for i, penalty in enumerate(PENALTIES):
        for target in range(4):
            rows = train[~np.isnan(y[train, target])]
            model = Ridge(alpha=equivalent_alpha(x[rows], penalty)).fit(x[rows], y[rows, target])
            np.testing.assert_allclose(path[i, :, target], model.predict(x), rtol=1e-8)


def test_targets_with_the_same_gaps_are_solved_together_and_right() -> None:
    x, y, train = arrays()
    y[train[:3], :2] = np.nan
    y[train[3:5], 2] = np.nan
    together = ridge_path(x, y, train, PENALTIES)
    for target in range(4):
        alone = ridge_path(x, y[:, [target]], train, PENALTIES)
        np.testing.assert_allclose(together[:, :, [target]], alone, rtol=1e-10)


def test_a_huge_penalty_predicts_the_mean() -> None:
    x, y, train = arrays()
    path = ridge_path(x, y, train, [1e12])
    np.testing.assert_allclose(path[0], np.tile(y[train].mean(axis=0), (40, 1)), rtol=1e-6)


def test_no_value_or_one_gives_no_slope() -> None:
    x, y, train = arrays()
    y[train, 0] = np.nan
    y[train[1:], 1] = np.nan
    path = ridge_path(x, y, train, [0.1, 1.0])
    assert (path[..., 0] == 0).all()
    assert (path[..., 1] == y[train[0], 1]).all()
    np.testing.assert_array_equal(path[..., 2:], ridge_path(x, y[:, 2:], train, [0.1, 1.0]))


def test_more_features_than_rows() -> None:
    x, y, train = arrays(rows=16, features=30)
    path = ridge_path(x, y, train, [0.1])
    # The penalty counts the mean over the singular values there are: min(rows, features).
    centred = x[train] - x[train].mean(axis=0)
    alpha = 0.1 * (centred**2).sum() / min(centred.shape)
    model = Ridge(alpha=alpha).fit(x[train], y[train])
    np.testing.assert_allclose(path[0], model.predict(x), rtol=1e-6)


# Sums over rows with the same gaps


def gaps(
    seed: int = 0, rows: int = 60, features: int = 6, targets: int = 9, doses: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """Features, labels with gaps (the same at all doses of a compound), rows to fit, hold-outs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features)) * np.linspace(4, 0.2, features) + 2
    y = x @ rng.normal(size=(features, targets)) + rng.normal(size=(rows, targets)) + 5
    shares = rng.choice([0.0, 0.3, 0.9], targets)
    y[np.repeat(rng.random((-(-rows // doses), targets)) < shares, doses, axis=0)[:rows]] = np.nan
    train = np.sort(rng.permutation(rows)[: rows * 4 // 5])
    return x, y, train, [np.sort(rng.permutation(train)[: len(train) // 5]) for _ in range(2)]


def by_sums(x: np.ndarray, y: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Predictions of all rows at every penalty, as beyond `FEW_ROWS`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "FEW_ROWS", 0)
        weights, intercepts = ridge_weights(x, y, train, PENALTIES)
    return x @ weights + intercepts[:, None]


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([1, 5]), st.sampled_from([3, 25, 60]))
def test_sums_give_what_the_rows_give(seed: int, doses: int, rows: int) -> None:
    x, y, train, _ = gaps(seed, rows=rows, doses=doses)
    y[train, 0] = np.nan
    y[train[1:], 1] = np.nan
    direct = ridge_path(x, y, train, PENALTIES)
    scale = np.maximum(np.abs(direct).max(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(by_sums(x, y, train) / scale, direct / scale, atol=1e-10)


@pytest.mark.parametrize("doses", [1, 5])
def test_sums_give_what_scikit_learn_gives(doses: int) -> None:
    x, y, train, _ = gaps(rows=200, doses=doses)
    path = by_sums(x, y, train)
    assert len({np.isnan(column).sum() for column in y.T}) > 5
    for i, penalty in enumerate(PENALTIES):
        for target in range(y.shape[1]):
            rows = train[~np.isnan(y[train, target])]
            alpha = equivalent_alpha(x[rows], penalty)
            model = Ridge(alpha=alpha).fit(x[rows], y[rows, target])
            np.testing.assert_allclose(path[i, :, target], model.predict(x), rtol=1e-7)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([1, 5]))
def test_the_size_of_blocks_changes_no_byte(seed: int, whole: int, doses: int) -> None:
    x, y, train, holdouts = gaps(seed, targets=55, doses=doses)
    expected, products = by_sums(x, y, train), Products(x, ~np.isnan(y), train, holdouts)
    best = best_penalty(products, y, PENALTIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "TARGETS", whole * ridge.WHOLE)
        assert by_sums(x, y, train).tobytes() == expected.tobytes()
        assert best_penalty(products, y, PENALTIES) == best


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_best_penalty_is_that_of_the_errors_row_by_row(seed: int) -> None:
    x, y, train, holdouts = gaps(seed)
    z, errors = Scaler.fit(y[train]).scale(y), np.zeros(len(PENALTIES))
    for held in holdouts:
        path = ridge_path(x, z, np.setdiff1d(train, held), PENALTIES)
        if not np.isnan(z[held]).all():
            errors += np.nanmean((path[:, held] - z[held]) ** 2, axis=(1, 2))
    best = best_penalty(Products(x, ~np.isnan(y), train, holdouts), y, PENALTIES)
    assert errors[PENALTIES.index(best)] == pytest.approx(errors.min(), rel=1e-9)


def test_constant_features_predict_the_mean_by_sums_too() -> None:
    _, y, train, holdouts = gaps()
    x = np.full((60, 3), 0.1)
    level = np.nanmean(y[train], axis=0)
    np.testing.assert_allclose(by_sums(x, y, train), np.tile(level, (4, 60, 1)), rtol=1e-12)
    # All penalties are equal; the first wins.
    assert best_penalty(Products(x, ~np.isnan(y), train, holdouts), y, PENALTIES) == PENALTIES[0]


def test_a_large_screen_is_predicted_as_a_small_one(
    problem: Problem, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels with gaps, in their own units: only the last digits may differ."""
    levels = problem.levels.copy()
    levels[np.random.default_rng(0).random(levels.shape) < 0.2] = np.nan
    model = linear.Linear.make(tiny, {}).settings
    task = (problem.features, levels, problem.folds, problem.groups, model)
    small = nested_linear(*task)
    for module in (ridge, linear):
        monkeypatch.setattr(module, "FEW_ROWS", 0)
    monkeypatch.setattr(ridge, "TARGETS", 1)
    large = nested_linear(*task)
    assert large.dtype == np.float32
    np.testing.assert_allclose(large, small, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("components", [1, 3, 99])
def test_components_equal_scikit_learn_up_to_sign(components: int) -> None:
    x, _, train = arrays()
    x = x - x[train].mean(axis=0)
    scores = principal_components(x, train, components)
    kept = min(components, 5)
    expected = PCA(kept, svd_solver="full").fit(x[train]).transform(x)
    assert scores.shape == (40, kept)
    signs = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores * signs, expected, atol=1e-9)


def test_components_of_more_features_than_rows() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 90)) * np.linspace(5, 1, 90)
    train = np.arange(15)
    x -= x[train].mean(axis=0)
    scores = principal_components(x, train, 30)
    # 15 centred rows span 14 dimensions.
    expected = PCA(14, svd_solver="full").fit(x[train]).transform(x)
    assert scores.shape == (20, 14)
    signs = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores * signs, expected, atol=1e-9)


def test_constant_features_leave_one_constant_component() -> None:
    for columns in (3, 50):
        assert (
            principal_components(np.zeros((10, columns)), np.arange(8), 4).tolist() == [[0.0]] * 10
        )
