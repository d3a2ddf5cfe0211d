"""scikit-learn's estimators by name, against loops over folds and targets written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from phenoprot.core.errors import UserError
from phenoprot.tasks.estimators import Estimator
from phenoprot.tasks.model import Model
from phenoprot.tasks.models import find_model
from phenoprot.tasks.settings import ModelSettings, TaskSettings

from .conftest import Problem

RIDGE = "sklearn.linear_model.Ridge"
FOREST = "sklearn.ensemble.RandomForestClassifier"


def model(settings: TaskSettings, estimator: str, **parameters: Any) -> Model:
    chosen = ModelSettings(estimator=estimator, parameters=parameters)
    return find_model(chosen, settings, "params.yaml: model of row 'mine'")


def scores_of(model: Model, problem: Problem, labels: np.ndarray) -> np.ndarray:
    return model.cross_validate(
        problem.features, labels, problem.folds, problem.groups, "bce", 0, "cpu"
    )


def by_hand(problem: Problem, labels: np.ndarray, make: Any, method: str) -> np.ndarray:
    """Folds, targets and scaling once more, with scikit-learn's own scaler."""
    scores = np.empty(labels.shape)
    for fold in range(3):
        train, test = problem.folds != fold, problem.folds == fold
        scaler = StandardScaler().fit(problem.features[train].astype(np.float64))
        x = scaler.transform(problem.features.astype(np.float64)).clip(-10, 10)
        x = x.astype(np.float32).astype(np.float64)
        for target in range(labels.shape[1]):
            rows = train & ~np.isnan(labels[:, target])
            found = getattr(make().fit(x[rows], labels[rows, target]), method)(x[test])
            scores[test, target] = found[:, 1] if found.ndim == 2 else found
    return scores


def test_ridge_equals_the_loop(problem: Problem, tiny: TaskSettings) -> None:
    scores = scores_of(model(tiny, RIDGE, alpha=3.0), problem, problem.levels)
    expected = by_hand(problem, problem.levels, lambda: Ridge(alpha=3.0), "predict")
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_a_forest_equals_the_loop(problem: Problem, tiny: TaskSettings) -> None:
    scores = scores_of(model(tiny, FOREST, n_estimators=20), problem, problem.labels)

    def make() -> RandomForestClassifier:
        return RandomForestClassifier(n_estimators=20, random_state=tiny.splits.seed)

    expected = by_hand(problem, problem.labels, make, "predict_proba")
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_the_decision_function_comes_before_probabilities(
    problem: Problem, tiny: TaskSettings
) -> None:
    name = "sklearn.linear_model.LogisticRegression"
    scores = scores_of(model(tiny, name), problem, problem.labels)
    expected = by_hand(problem, problem.labels, LogisticRegression, "decision_function")
    assert scores.min() < 0
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_the_seed_of_the_splits_is_taken_unless_one_is_given(tiny: TaskSettings) -> None:
    splits = tiny.splits.model_copy(update={"seed": 7})
    settings = tiny.model_copy(update={"splits": splits})
    chosen, given = (
        model(settings, FOREST).settings,
        model(settings, FOREST, random_state=3).settings,
    )
    assert (chosen.parameters, chosen.seed) == ({}, 7)
    assert (given.parameters, given.seed) == ({"random_state": 3}, None)
    neighbours = model(settings, "sklearn.neighbors.KNeighborsClassifier").settings
    assert (neighbours.parameters, neighbours.seed) == ({}, None)


def test_each_repeat_has_a_seed_of_its_own(problem: Problem, tiny: TaskSettings) -> None:
    task = (problem.features, problem.labels, problem.folds, problem.groups, "bce")
    forest, fixed = (
        model(tiny, FOREST, n_estimators=5, **more) for more in ({}, {"random_state": 1})
    )
    third = forest.cross_validate(*task, 2, "cpu")
    assert not np.array_equal(third, forest.cross_validate(*task, 0, "cpu"))
    same = model(tiny, FOREST, n_estimators=5, random_state=2)
    assert np.array_equal(third, same.cross_validate(*task, 0, "cpu"))
    assert np.array_equal(
        fixed.cross_validate(*task, 2, "cpu"), fixed.cross_validate(*task, 0, "cpu")
    )


def test_two_runs_give_the_same_bytes(problem: Problem, tiny: TaskSettings) -> None:
    forest = model(tiny, FOREST, n_estimators=5)
    one, two = (scores_of(forest, problem, problem.labels) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_a_target_of_one_class_has_one_score(problem: Problem, tiny: TaskSettings) -> None:
    labels = problem.labels.copy()
    labels[problem.folds != 1, 1] = 1.0
    labels[:, 0] = np.nan
    scores = scores_of(model(tiny, FOREST, n_estimators=5), problem, labels)
    assert (scores[problem.folds == 1, 1] == 0).all()
    assert (scores[:, 0] == 0).all()
    assert len(np.unique(scores[problem.folds != 1, 1])) > 1


def test_too_few_levels_give_their_mean(problem: Problem, tiny: TaskSettings) -> None:
    levels = problem.levels.copy()
    levels[:, 0] = np.nan
    levels[np.flatnonzero(problem.folds == 0)[0], 1] = 50.0
    levels[problem.folds != 0, 1] = np.nan
    levels[np.flatnonzero(problem.folds == 0)[1:], 1] = np.nan
    scores = scores_of(model(tiny, RIDGE), problem, levels)
    assert (scores[:, 0] == 0).all()
    assert (scores[problem.folds != 0, 1] == 50).all()
    assert (scores[problem.folds == 0, 1] == 0).all()


def test_classifiers_and_regressors_say_what_they_predict(tiny: TaskSettings) -> None:
    assert model(tiny, FOREST).scorers == {"auc"}
    assert model(tiny, RIDGE).scorers == {"levels"}
    assert not model(tiny, RIDGE).on_device


def refused(settings: TaskSettings, estimator: str, **parameters: Any) -> str:
    with pytest.raises(UserError) as error:
        model(settings, estimator, **parameters)
    message = str(error.value)
    start = "params.yaml: model of row 'mine': "
    assert message.startswith(start)
    return message.removeprefix(start)


REMEDY = ". Name one such as sklearn.ensemble.RandomForestClassifier."


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("sklearn.ensemble.RandomForest", "is not in the installed scikit-learn"),
        ("sklearn.forest.RandomForest", "is not in the installed scikit-learn"),
        ("sklearn.ensemble", "is not an estimator"),
        ("sklearn.metrics.roc_auc_score", "is not an estimator"),
        ("sklearn.decomposition.PCA", "is neither a classifier nor a regressor"),
        ("sklearn.ensemble.IsolationForest", "is neither a classifier nor a regressor"),
        ("sklearn.", "is not the name of a public class of scikit-learn"),
        ("sklearn._loss.link.LogLink", "is not the name of a public class of scikit-learn"),
        ("sklearn..svm.SVC", "is not the name of a public class of scikit-learn"),
    ],
)
def test_what_is_no_estimator(tiny: TaskSettings, name: str, fault: str) -> None:
    assert refused(tiny, name) == f"'{name}' {fault}{REMEDY}"


@pytest.mark.parametrize("name", ["os.system", "subprocess.Popen", "xgboost.XGBClassifier"])
def test_nothing_but_scikit_learn_is_imported(tiny: TaskSettings, name: str) -> None:
    assert refused(tiny, name).startswith(f"no model '{name}'; there are: mlp, mlp_poster, ")


def test_unknown_parameters_are_named(tiny: TaskSettings) -> None:
    message = refused(tiny, RIDGE, alfa=1.0, alpha=2.0, tall=True)
    assert message.startswith(f"{RIDGE} has no parameter(s) 'alfa', 'tall'; it has: alpha, ")
    assert message.endswith(". Fix these keys.")


def test_a_parameter_that_is_missing_is_named(tiny: TaskSettings) -> None:
    message = refused(tiny, "sklearn.multioutput.MultiOutputClassifier")
    assert "cannot be made from these parameters" in message
    assert "'estimator'" in message


def test_a_model_has_one_process(tiny: TaskSettings) -> None:
    assert refused(tiny, FOREST, n_jobs=4) == (
        f"{FOREST} asks for n_jobs=4, but a model has one process. Leave n_jobs out; "
        "execution.workers sets how many models run at a time."
    )
    assert model(tiny, FOREST, n_jobs=1).settings.parameters["n_jobs"] == 1


def test_a_classifier_without_scores_is_refused(tiny: TaskSettings) -> None:
    name = "sklearn.linear_model.SGDClassifier"
    assert model(tiny, name, loss="hinge").scorers == {"auc"}
    name = "sklearn.ensemble.VotingClassifier"
    # Hard votes have no order.
    message = refused(tiny, name, estimators=[], voting="hard")
    assert message.startswith(
        f"{name} gives no scores: it has neither decision_function nor predict_proba with these "
        "parameters"
    )


def test_wrong_values_of_parameters_are_one_line(problem: Problem, tiny: TaskSettings) -> None:
    forest = model(tiny, FOREST, n_estimators=-5)
    with pytest.raises(UserError) as error:
        scores_of(forest, problem, problem.labels)
    message = str(error.value)
    assert message.startswith(f"model {FOREST}: cannot be fitted to ")
    assert "n_estimators" in message
    assert "-5" in message
    assert "\n" not in message


def test_scores_that_are_not_finite_are_counted(
    problem: Problem, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ridge, "predict", lambda self, x: np.full(len(x), np.inf))
    with pytest.raises(UserError, match="140 of 140 scores are not finite"):
        scores_of(model(tiny, RIDGE), problem, problem.levels)


def test_equal_models_are_equal(tiny: TaskSettings) -> None:
    assert model(tiny, RIDGE, alpha=1.0) == model(tiny, RIDGE, alpha=1.0)
    assert model(tiny, RIDGE, alpha=1.0) != model(tiny, RIDGE, alpha=2.0)
    assert isinstance(model(tiny, RIDGE), Estimator)
