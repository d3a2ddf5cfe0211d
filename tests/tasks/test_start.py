"""Networks that begin as a linear model: the model, and that they learn what it leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression, Ridge

from phenoprot.tasks.fit_settings import Loss, MlpModelSettings, MlpSettings
from phenoprot.tasks.mlp import predict
from phenoprot.tasks.nested import nested_mlp
from phenoprot.tasks.ridge import Products, best_penalty, ridge_path, ridge_weights
from phenoprot.tasks.settings import TaskSettings
from phenoprot.tasks.start import linear_start
from phenoprot.tasks.training import Training, TrainPlan, learning_curves, train_networks

from .conftest import Problem
from .test_training import HELD_OUT, PLAN, data, same, with_config

PENALTIES = [0.01, 1.0, 100.0]


def arrays(rows: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels of three targets with gaps, rows to fit."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    y = (x @ rng.normal(size=(4, 3)) + rng.normal(size=(rows, 3)) > 1).astype(np.float32)
    y[rng.random(y.shape) < 0.2] = np.nan
    return x, y, rng.permutation(rows)[:45]


def test_weights_predict_what_the_path_predicts() -> None:
    x, y, train = arrays()
    y[train, 2] = np.nan  # a target without a label
    weights, intercepts = ridge_weights(x, y, train, PENALTIES)
    np.testing.assert_allclose(
        x @ weights + intercepts[:, None], ridge_path(x, y, train, PENALTIES), atol=1e-6
    )


def test_the_best_penalty_is_that_of_scikit_learns_errors() -> None:
    """Equal counts of known labels in all targets, so that means of means are the mean."""
    x, y, train = arrays()
    y = np.nan_to_num(y)
    holdouts = [train[:10], train[10:25]]
    z = (y - y[train].mean(axis=0)) / y[train].std(axis=0)
    errors = []
    for penalty in PENALTIES:
        error = 0.0
        for held in holdouts:
            fitted = np.setdiff1d(train, held)
            alpha = penalty * len(fitted) * x[fitted].var(axis=0).mean()
            model = Ridge(alpha=alpha).fit(x[fitted], z[fitted])
            error += ((model.predict(x[held]) - z[held]) ** 2).mean()
        errors.append(error)
    products = Products(x, ~np.isnan(y), train, holdouts)
    assert best_penalty(products, y, PENALTIES) == PENALTIES[int(np.argmin(errors))]
    none = np.full_like(y, np.nan)
    assert best_penalty(Products(x, ~np.isnan(none), train, holdouts), none, PENALTIES) == 0.01


def test_log_odds_are_those_of_a_logistic_regression_of_little_signal() -> None:
    """One Newton step is the whole way where the odds hardly depend on the features."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, 3)).astype(np.float32)
    odds = -2 + x @ np.array([0.1, -0.05, 0.0])
    y = (rng.random(20_000) < 1 / (1 + np.exp(-odds))).astype(np.float32)[:, None]
    start = linear_start(x, y, np.arange(20_000), 0.0, "bce")
    exact = LogisticRegression(C=1e9).fit(x, y[:, 0])
    np.testing.assert_allclose(start.weights[:, 0], exact.coef_[0], atol=0.005)
    np.testing.assert_allclose(start.bias, exact.intercept_, atol=0.01)


@pytest.mark.parametrize("loss", ["mse", "smape"])
def test_levels_start_at_the_ridge_regression(loss: Loss) -> None:
    x, y, train = arrays()
    start = linear_start(x, y, train, 1.0, loss)
    expected = ridge_path(x, y, train, [1.0])[0]
    np.testing.assert_allclose(x @ start.weights.numpy() + start.bias.numpy(), expected, atol=1e-5)


def started(members: int = 2) -> tuple[torch.Tensor, torch.Tensor, list, TrainPlan]:  # type: ignore[type-arg]
    x, y, all_members = data(members)
    own = with_config(all_members, skip=True)
    starts = [linear_start(x[m.fold].numpy(), y[m.fold].numpy(), m.train, 0.1, "bce") for m in own]
    return x, y, [replace(m, start=s) for m, s in zip(own, starts, strict=True)], PLAN


def test_no_epoch_is_the_linear_model_and_its_loss_competes() -> None:
    x, y, members, plan = started()
    networks = train_networks(x, y, members, [0, 2], plan)
    start = members[0].start
    linear = x[0] @ start.weights + start.bias
    torch.testing.assert_close(predict(networks[0], x[0], members[0].config), linear)
    assert same(networks[1], train_networks(x, y, members[1:], [2], plan)[0])
    assert not same(networks[1], train_networks(x, y, members[1:], [0], plan)[0])
    curves = learning_curves(Training(x, y, members, plan), [HELD_OUT] * 2, [0, 1], 8, 99)
    known = y[0, HELD_OUT, :4]
    expected = torch.nn.functional.binary_cross_entropy_with_logits(linear[HELD_OUT, :4], known)
    assert curves[0][0] == pytest.approx(expected.item(), rel=1e-5)
    assert [len(curve) for curve in curves] == [3, 3]


def test_what_a_linear_model_leaves_is_learned(tiny: TaskSettings) -> None:
    """Labels by the product of two features: a linear model knows nothing of them."""
    rng = np.random.default_rng(2)
    problem = Problem(300, seed=3)
    problem.features = rng.normal(size=(300, 2)).astype(np.float32)
    problem.labels = (problem.features.prod(axis=1) > 0).astype(np.float32)[:, None]
    # The network's chance to win its first steps back is in the patience.
    network = tiny.mlp.model_copy(
        update={"width": [32], "max_steps": 600, "patience": 200, "components": None}
    )
    settings = MlpModelSettings(network=network, clip=tiny.clip)
    result = nested_mlp(
        problem.features, problem.labels, problem.folds, problem.groups, settings, "bce"
    )
    right = (result.scores > 0) == (problem.labels > 0)
    assert right.mean() > 0.85
    assert all(model.epochs > 0 for model in result.models)


@pytest.mark.parametrize(
    "changes", [{"skip": [False, True]}, {"output_bias": "random"}, {"ridge": []}]
)
def test_a_start_without_a_path_is_refused(tiny: TaskSettings, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="ridge needs a penalty, skip"):
        MlpSettings.model_validate(tiny.mlp.model_dump() | changes)
