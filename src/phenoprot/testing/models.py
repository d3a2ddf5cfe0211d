"""What every model must do, on a small problem."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace

import numpy as np

from phenoprot.core.settings import Settings
from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.model import BOTH, Model

LOSS_OF: dict[str, Loss] = {"auc": "bce", "levels": "mse"}
"""Objective that a model is checked with, by the scorer of its tasks."""
FIRST = 0
"""Fold whose labels and features are changed."""


@dataclass(frozen=True)
class Problem:
    """Treatments of compounds in three folds, two rows each; labels of four targets."""

    features: np.ndarray
    """(rows, 5) float32, some missing."""
    labels: np.ndarray
    """(rows, 4) float32: a target that the features tell, two noisy ones with missing labels, and
    one of a single class or level outside the first fold."""
    folds: np.ndarray
    groups: np.ndarray


def check_model(model: Model) -> None:
    """Check a model against the contract of :class:`phenoprot.tasks.model.Model`.

    Parameters
    ----------
    model
        Made as its registry makes it; for a quick check with settings that train briefly.

    Raises
    ------
    AssertionError
        Says what the model does wrong.
    """
    what = f"model {model.name!r}"
    assert model.name, "the name of a model is not empty"
    assert isinstance(model.settings, Settings), f"{what}: settings are a Settings object"
    assert isinstance(model.on_device, bool), f"{what}: on_device is a boolean"
    assert model.scorers, f"{what}: scorers names what it predicts"
    assert model.scorers <= BOTH, f"{what}: scorers are among {sorted(BOTH)}"
    _check_settings(model, what)
    for scorer in sorted(model.scorers):
        _check_predictions(model, LOSS_OF[scorer], f"{what}, {scorer}")


def _check_settings(model: Model, what: str) -> None:
    dumped = model.settings.model_dump()
    try:
        again = json.loads(json.dumps(dumped))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what}: settings are plain data for the key: {error}") from None
    assert again == json.loads(json.dumps(again)), f"{what}: settings survive JSON"
    copy = pickle.loads(pickle.dumps(model))
    assert copy.settings == model.settings, f"{what}: survives pickling, as worker processes need"


def _check_predictions(model: Model, loss: Loss, what: str) -> None:
    problem = make_problem(loss)
    given = replace(problem, features=problem.features.copy(), labels=problem.labels.copy())
    scores = _predict(model, given, loss)
    assert isinstance(scores, np.ndarray), f"{what}: predictions are an array"
    assert scores.shape == problem.labels.shape, (
        f"{what}: predictions have shape (rows, targets) {problem.labels.shape}, not {scores.shape}"
    )
    assert scores.dtype == np.float32, f"{what}: predictions are float32, not {scores.dtype}"
    assert np.isfinite(scores).all(), f"{what}: every row and target has a finite score"
    for name in ("features", "labels"):
        same = np.array_equal(getattr(given, name), getattr(problem, name), equal_nan=True)
        assert same, f"{what}: leaves its arguments as they are, but changed {name}"
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(_predict(copy, problem, loss), scores), (
        f"{what}: a second run and a pickled copy give the same bits"
    )
    _check_leaks(model, problem, scores, loss, what)
    rank = _concordance(problem.labels[:, 0], scores[:, 0])
    assert rank > 0.4, f"{what}: higher scores mean higher labels, but they agree in {rank:.0%}"


def _check_leaks(model: Model, problem: Problem, scores: np.ndarray, loss: Loss, what: str) -> None:
    """No prediction of a fold depends on its labels, or on the features of its other rows."""
    tested = problem.folds == FIRST
    labels = problem.labels.copy()
    labels[tested] = labels[tested][::-1] if loss != "bce" else 1 - labels[tested]
    found = _predict(model, replace(problem, labels=labels), loss)
    assert np.array_equal(found[tested], scores[tested]), (
        f"{what}: leaks: predictions of a fold change with the labels of the same fold"
    )
    features = problem.features.copy()
    changed = np.flatnonzero(tested)[0]
    features[changed] += 3
    others = tested & (np.arange(len(tested)) != changed)
    found = _predict(model, replace(problem, features=features), loss)
    assert np.array_equal(found[others], scores[others]), (
        f"{what}: leaks: predictions of a fold change with the features of its other rows"
    )


def _predict(model: Model, problem: Problem, loss: Loss) -> np.ndarray:
    return model.cross_validate(
        problem.features, problem.labels, problem.folds, problem.groups, loss, 0, "cpu"
    )


def make_problem(loss: Loss, rows: int = 72, seed: int = 0) -> Problem:
    """A small problem with all that models must bear: missing values, labels and classes."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 5)) * [1, 10, 0.1, 1, 1] + [0, 5, 0, 0, 0]
    signal = features[:, :3] / [1, 10, 0.1] @ np.array([[3, 1, 0], [0, 1, 1], [0, 0, 1]])
    levels = 5 + signal + rng.normal(size=signal.shape) * [0.1, 1, 1]
    folds = np.arange(rows) // 2 % 3
    constant = np.where(folds == FIRST, rng.integers(0, 2, size=rows), 1)
    if loss == "bce":
        levels = levels > np.median(levels, axis=0)
    labels = np.column_stack([levels, constant]).astype(np.float32)
    labels[:, 1:3][rng.random((rows, 2)) < 0.2] = np.nan
    features[rng.random(features.shape) < 0.02] = np.nan
    groups = np.array([f"g{row // 2:03d}" for row in range(rows)])
    return Problem(features.astype(np.float32), labels, folds, groups)


def _concordance(truth: np.ndarray, scores: np.ndarray) -> float:
    """Share of the pairs of rows with different labels that the scores put in order."""
    higher = truth[:, None] > truth[None, :]
    gain = scores[:, None].astype(np.float64) - scores[None, :]
    return float(((gain > 0) + 0.5 * (gain == 0))[higher].mean())
