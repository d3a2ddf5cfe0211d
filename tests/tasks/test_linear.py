"""Principal components and ridge regression against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from phenoprot.tasks.ridge import ridge_path
from phenoprot.tasks.scaling import principal_components

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
