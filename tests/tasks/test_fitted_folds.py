"""Models of the outer folds, as functions of what groups of features add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.tasks.contributions import fitted_folds
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.model import Model
from phenoprot.tasks.models import find_model
from phenoprot.tasks.settings import ModelSettings, TaskSettings

from .conftest import Problem


@pytest.fixture
def data(problem: Problem) -> TaskData:
    """The toy problem, some features and labels missing."""
    features = problem.features.astype(np.float32).copy()
    features[3, 1] = np.nan
    labels = problem.labels.astype(np.float32).copy()
    labels[::7, 0] = np.nan
    return TaskData(
        pd.DataFrame({"Fold": problem.folds}), features, labels, ["p", "q"], problem.groups
    )


def model_of(name: str, tiny: TaskSettings, **parameters: object) -> Model:
    return find_model(ModelSettings(estimator=name, parameters=parameters), tiny)


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_scores_are_those_of_the_tables(name: str, data: TaskData, tiny: TaskSettings) -> None:
    model = model_of(name, tiny)
    scores = model.cross_validate(
        data.features, data.labels, data.folds, data.groups, "bce", 1, "cpu"
    )
    columns = [np.array([0, 3]), np.array([1]), np.array([2, 4, 5])]
    folds = fitted_folds(model, data, "bce", 1, "cpu")
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(scores)))
    for fold in folds:
        parts = fold.parts(columns)
        assert parts.shape[:2] == (3, len(fold.test))
        predicted = fold.predict(parts.sum(axis=0))
        assert predicted == pytest.approx(scores[fold.test], abs=1e-5)
        if fold.weights is not None:
            moved = fold.predict(parts[1] + 1.0) - fold.predict(parts[1])
            assert moved == pytest.approx(np.ones(parts.shape[2]) @ fold.weights + 0 * moved)
    assert all((fold.weights is None) == (name == "mlp") for fold in folds)


def test_a_fold_of_lower_rank(data: TaskData, tiny: TaskSettings) -> None:
    features = data.features.copy()
    features[data.folds != 0, 2:] = 0.0  # the training part of fold 0 has two directions
    poor = replace(data, features=features)
    model = model_of("mlp", tiny)
    scores = model.cross_validate(
        poor.features, poor.labels, poor.folds, poor.groups, "bce", 0, "cpu"
    )
    for fold in fitted_folds(model, poor, "bce", 0, "cpu"):
        predicted = fold.predict(fold.parts([np.arange(6)])[0])
        assert predicted == pytest.approx(scores[fold.test], abs=1e-5)


@pytest.mark.parametrize("name", ["mlp_poster", "sklearn.naive_bayes.GaussianNB"])
def test_other_models_are_refused(name: str, data: TaskData, tiny: TaskSettings) -> None:
    with pytest.raises(UserError, match=f"no contributions of features are known of model '{name}"):
        fitted_folds(model_of(name, tiny), data, "bce", 0, "cpu")
