"""Nested cross-validation: nothing of a test fold reaches a fitted object, and it learns."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
import torch

from phenoprot.evaluation.auc import auc_by_target
from phenoprot.evaluation.regression import r2_by_target
from phenoprot.tasks import linear, nested, training
from phenoprot.tasks.fit_settings import LinearModelSettings, MlpModelSettings
from phenoprot.tasks.linear import Linear, nested_linear
from phenoprot.tasks.mlp import predict
from phenoprot.tasks.nested import Mlp, NestedResult, PosterMlp, nested_mlp
from phenoprot.tasks.ridge import Products, best_penalty, ridge_path
from phenoprot.tasks.scaling import Scaler, common_scale, principal_components, scale_features
from phenoprot.tasks.settings import TaskSettings
from phenoprot.tasks.training import Member, Training

from .conftest import Problem

Run = Callable[[np.ndarray, np.ndarray], NestedResult]


def mean_auc(problem: Problem, labels: np.ndarray, scores: np.ndarray) -> float:
    aucs = [auc_by_target(labels[rows], scores[rows]) for rows in parts(problem)]
    return float(np.nanmean(aucs))


def mean_r2(problem: Problem, scores: np.ndarray) -> float:
    levels = problem.levels
    return float(np.mean([r2_by_target(levels[rows], scores[rows]) for rows in parts(problem)]))


def parts(problem: Problem) -> list[np.ndarray]:
    return [np.flatnonzero(problem.folds == fold) for fold in range(3)]


def poisoned(problem: Problem, rows: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels with garbage in some rows: huge values and other gaps."""
    features = problem.features.copy()
    labels = (problem.labels if loss == "bce" else problem.levels).copy()
    features[rows] = 1e6
    features[rows[::2], 1] = np.nan
    features[rows[1::2], 2] = -1e6
    garbage = 1 - problem.labels[rows] if loss == "bce" else np.full_like(labels[rows], 1e6)
    garbage[::3] = np.nan
    garbage[1::3, 0] = 1.0
    labels[rows] = garbage
    return features, labels


def mlp(problem: Problem, settings: TaskSettings, loss: str) -> Run:
    def run(features: np.ndarray, labels: np.ndarray) -> NestedResult:
        model = Mlp.make(settings, {}).settings
        return nested_mlp(features, labels, problem.folds, problem.groups, model, loss)

    return run


def ridge(settings: TaskSettings) -> LinearModelSettings:
    return Linear.make(settings, {}).settings


def same_model(one: nested.FoldModel, two: nested.FoldModel) -> bool:
    """Everything that is fitted, to the bit: grid point, epochs, weights, label scaler."""
    weights = zip(chain(*one.networks), chain(*two.networks), strict=True)
    scalers = [(s.mean, s.sd) for s in (one.labels, two.labels) if s is not None]
    return (
        one.config == two.config
        and one.epochs == two.epochs
        and all(torch.equal(p, q) for p, q in weights)
        and all(np.array_equal(first, second) for first, second in zip(*scalers, strict=True))
    )


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_no_test_value_reaches_the_mlp(problem: Problem, tiny: TaskSettings, loss: str) -> None:
    labels = problem.labels if loss == "bce" else problem.levels
    run = mlp(problem, tiny, loss)
    clean = run(problem.features, labels)
    for fold, rows in enumerate(parts(problem)):
        spoilt = run(*poisoned(problem, rows, loss))
        # The fold's own model never saw the garbage; the others, which train on it, did.
        unchanged = [
            same_model(one, two) for one, two in zip(clean.models, spoilt.models, strict=True)
        ]
        assert unchanged == [other == fold for other in range(3)]


def test_no_test_value_reaches_the_choice_of_the_grid_point(
    problem: Problem, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Curves of the inner splits, and so the choice, see the training part only."""
    seen: list[list[list[list[float]]]] = []
    judge = nested.learning_curves

    def spy(*args: object) -> list[list[float]]:
        seen[-1].append(judge(*args))
        return seen[-1][-1]

    monkeypatch.setattr(nested, "learning_curves", spy)
    run = mlp(problem, tiny, "bce")
    rows = parts(problem)[1]
    for features, labels in ((problem.features, problem.labels), poisoned(problem, rows, "bce")):
        seen.append([])
        run(features, labels)
    clean, spoilt = seen
    assert len(clean) == len(spoilt) == 2  # widths
    for one, two in zip(clean, spoilt, strict=True):  # one curve per fold
        assert one[1] == two[1]
        assert one[0] != two[0]


def test_predictions_of_clean_test_rows_do_not_depend_on_poisoned_ones(
    problem: Problem, tiny: TaskSettings
) -> None:
    test = parts(problem)[2]
    clean = mlp(problem, tiny, "bce")(problem.features, problem.labels)
    spoilt = mlp(problem, tiny, "bce")(*poisoned(problem, test[:5], "bce"))
    np.testing.assert_array_equal(spoilt.scores[test[5:]], clean.scores[test[5:]])
    assert not np.array_equal(spoilt.scores[test[:5]], clean.scores[test[:5]])


class _Spy:
    """Records what the linear model fits: components, choice of the penalty, predictions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[np.ndarray] = []

        def components(x: np.ndarray, train: np.ndarray, k: int) -> np.ndarray:
            scores = principal_components(x, train, k)
            self.calls.append(scores[train])
            return scores

        def fits(
            x: np.ndarray, y: np.ndarray, train: np.ndarray, penalties: list[float]
        ) -> np.ndarray:
            path = ridge_path(x, y, train, penalties)
            self.calls += [np.array(penalties), path[:, train]]
            return path

        def choice(products: Products, y: np.ndarray, penalties: list[float]) -> float:
            whole = products.sums(y[products.train], slice(None))
            self.calls += [*whole, products.z]
            for split in range(len(products.holdouts)):
                self.calls += products.sums(y[products.train], slice(None), split)
            best = best_penalty(products, y, penalties)
            self.calls.append(np.array(best))
            return best

        monkeypatch.setattr(linear, "principal_components", components)
        monkeypatch.setattr(linear, "ridge_path", fits)
        monkeypatch.setattr(linear, "best_penalty", choice)


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_no_test_value_reaches_the_linear_model(
    problem: Problem, tiny: TaskSettings, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(features: np.ndarray, labels: np.ndarray) -> list[list[np.ndarray]]:
        spy = _Spy(monkeypatch)
        nested_linear(features, labels, problem.folds, problem.groups, ridge(tiny))
        per_fold = len(spy.calls) // 3
        return [spy.calls[i * per_fold : (i + 1) * per_fold] for i in range(3)]

    labels = problem.labels if loss == "bce" else problem.levels
    clean = run(problem.features, labels)
    for fold, rows in enumerate(parts(problem)):
        spoilt = run(*poisoned(problem, rows, loss))
        unchanged = [
            all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, two, strict=True))
            for one, two in zip(clean, spoilt, strict=True)
        ]
        assert unchanged == [other == fold for other in range(3)]


def test_linear_predictions_of_clean_test_rows(problem: Problem, tiny: TaskSettings) -> None:
    test = parts(problem)[0]
    clean = nested_linear(
        problem.features, problem.labels, problem.folds, problem.groups, ridge(tiny)
    )
    features, labels = poisoned(problem, test[:4], "bce")
    spoilt = nested_linear(features, labels, problem.folds, problem.groups, ridge(tiny))
    np.testing.assert_allclose(spoilt[test[4:]], clean[test[4:]], rtol=1e-5, atol=1e-6)


def test_inner_splits_hold_out_whole_compounds_of_the_training_part(
    problem: Problem, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[tuple[list[Member], list[np.ndarray]]] = []
    refitted: list[Member] = []
    judge, train = nested.learning_curves, nested.train_networks

    def curves(training: Training, held_out: list[np.ndarray], *more: object) -> object:
        searched.append((list(training.members), held_out))
        # Whole blocks of labels: see BLOCK.
        assert training.labels.shape[2] == nested.BLOCK
        assert torch.isnan(training.labels[..., 2:]).all()
        return judge(training, held_out, *more)

    def networks(x: torch.Tensor, y: torch.Tensor, members: list[Member], *more: object) -> object:
        refitted.extend(members)
        return train(x, y, members, *more)

    monkeypatch.setattr(nested, "learning_curves", curves)
    monkeypatch.setattr(nested, "train_networks", networks)
    mlp(problem, tiny, "bce")(problem.features, problem.labels)
    assert len(searched) == 2  # grid points
    for members, held_out in searched:
        assert len(members) == 6  # 3 folds x 2 splits
        for member, rows in zip(members, held_out, strict=True):
            fitted, held = set(problem.groups[member.train]), set(problem.groups[rows])
            assert held
            assert not fitted & held
            assert not (fitted | held) & set(problem.groups[problem.folds == member.fold])
    assert len(refitted) == 6  # 3 folds x an ensemble of 2
    assert len({member.stream for member in refitted}) == 6
    for member in refitted:
        assert np.array_equal(member.train, np.flatnonzero(problem.folds != member.fold))


def test_the_penalty_is_chosen_on_rows_that_were_not_fitted(
    problem: Problem, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[np.ndarray, list[np.ndarray]]] = []

    def choice(products: Products, y: np.ndarray, penalties: list[float]) -> float:
        found.append((products.train, list(products.holdouts)))
        return best_penalty(products, y, penalties)

    monkeypatch.setattr(linear, "best_penalty", choice)
    nested_linear(problem.features, problem.labels, problem.folds, problem.groups, ridge(tiny))
    assert len(found) == 3
    for train, holdouts in found:
        assert len(holdouts) == 2
        for held in holdouts:
            fitted = set(problem.groups[np.setdiff1d(train, held)])
            assert len(held)
            assert set(held) < set(train)
            assert not fitted & set(problem.groups[held])


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_memory_changes_no_byte(
    problem: Problem, tiny: TaskSettings, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folds in turn, rows copied step by step and networks judged one by one, or all at once."""
    labels = problem.labels if loss == "bce" else problem.levels
    labels = labels.copy()
    labels[::7, 0] = np.nan
    # Folds of other sizes and of lower rank: what they share is that of all folds.
    features, folds = problem.features.copy(), problem.folds.copy()
    folds[:4] = 2
    features[folds != 1, 5] = 0.0
    problem.folds = folds
    run = mlp(problem, tiny, loss)
    together = run(features, labels)
    searched: list[int] = []
    judge = nested.learning_curves

    def curves(work: Training, *more: object) -> object:
        searched.append(len({member.fold for member in work.members}))
        return judge(work, *more)

    monkeypatch.setattr(nested, "learning_curves", curves)
    monkeypatch.setattr(nested, "TOGETHER", 1)
    monkeypatch.setattr(training, "GATHERED", 1)
    in_turn = run(features, labels)
    assert searched == [1] * 6  # 3 folds x 2 grid points
    assert in_turn.scores.tobytes() == together.scores.tobytes()
    assert all(same_model(*pair) for pair in zip(in_turn.models, together.models, strict=True))


# It learns what is there, and nothing else.


def test_a_planted_signal_is_learned(large_problem: Problem, tiny: TaskSettings) -> None:
    task = large_problem
    result = mlp(task, tiny, "bce")(task.features, task.labels)
    assert mean_auc(task, task.labels, result.scores) > 0.9
    scores = nested_linear(task.features, task.labels, task.folds, task.groups, ridge(tiny))
    assert mean_auc(task, task.labels, scores) > 0.9


def test_planted_levels_are_learned_in_their_own_units(
    large_problem: Problem, tiny: TaskSettings
) -> None:
    task = large_problem
    scores = nested_linear(task.features, task.levels, task.folds, task.groups, ridge(tiny))
    assert mean_r2(task, scores) > 0.8
    result = mlp(task, tiny, "mse")(task.features, task.levels)
    assert mean_r2(task, result.scores) > 0.6
    assert all(model.labels is not None for model in result.models)


def test_shuffled_labels_are_not_learned(large_problem: Problem, tiny: TaskSettings) -> None:
    task = large_problem
    rng = np.random.default_rng(0)
    many = np.concatenate([task.labels[rng.permutation(len(task.labels))] for _ in range(12)], 1)
    scores = nested_linear(task.features, many, task.folds, task.groups, ridge(tiny))
    # 36 targets x 3 folds of 80 rows: standard error about 0.065 / sqrt(108), or 0.01 if the 3
    # targets of one permutation went together.
    assert mean_auc(task, many, scores) == pytest.approx(0.5, abs=0.03)
    result = mlp(task, tiny, "bce")(task.features, many)
    assert mean_auc(task, many, result.scores) == pytest.approx(0.5, abs=0.03)


def test_two_runs_give_the_same_bytes(problem: Problem, tiny: TaskSettings) -> None:
    for loss, labels in (("bce", problem.labels), ("smape", problem.levels)):
        run = mlp(problem, tiny, loss)
        one, two = run(problem.features, labels), run(problem.features, labels)
        assert one.scores.tobytes() == two.scores.tobytes()
        assert not np.isnan(one.scores).any()
        assert one.scores.dtype == np.float32
    task = (problem.features, problem.labels, problem.folds, problem.groups, ridge(tiny))
    assert nested_linear(*task).tobytes() == nested_linear(*task).tobytes()


def test_targets_without_labels_in_training_do_no_harm(
    problem: Problem, tiny: TaskSettings
) -> None:
    labels = problem.labels.copy()
    labels[problem.folds != 1, 1] = np.nan
    run = mlp(problem, tiny, "bce")(problem.features, labels)
    assert np.isfinite(run.scores).all()
    task = (problem.features, labels, problem.folds, problem.groups, ridge(tiny))
    assert np.isfinite(nested_linear(*task)).all()


# The settings of a network


def network(settings: TaskSettings, **changes: object) -> MlpModelSettings:
    model = Mlp.make(settings, {}).settings
    return model.model_copy(update={"network": model.network.model_copy(update=changes)})


def test_an_ensemble_is_the_mean_of_its_networks(problem: Problem, tiny: TaskSettings) -> None:
    task = (problem.features, problem.labels, problem.folds, problem.groups)
    result = nested_mlp(*task, network(tiny, components=None), "bce")
    for fold, model in enumerate(result.models):
        assert len(model.networks) == 2
        train = np.flatnonzero(problem.folds != fold)
        x = torch.from_numpy(scale_features(problem.features, train, tiny.clip))
        logits = [predict(weights, x, model.config)[:, :2].numpy() for weights in model.networks]
        assert not np.allclose(logits[0], logits[1])
        test = problem.folds == fold
        np.testing.assert_allclose(result.scores[test], np.mean(logits, 0)[test], atol=1e-6)


def test_repeats_have_other_random_numbers(problem: Problem, tiny: TaskSettings) -> None:
    task = (problem.features, problem.labels, problem.folds, problem.groups)
    first, second = (nested_mlp(*task, network(tiny), "bce", repeat).scores for repeat in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("components", [4, 8, None])
def test_one_fold_alone_is_the_fold_of_a_whole_run(
    problem: Problem, tiny: TaskSettings, components: int | None
) -> None:
    """Also one of lower rank than another: its inputs are as wide as theirs."""
    features = problem.features.copy()
    features[problem.folds != 1, 5] = 0.0  # constant for the model of the second fold
    task = (features, problem.labels, problem.folds, problem.groups)
    settings = network(tiny, components=components)
    whole = nested_mlp(*task, settings, "bce", 1)
    for fold in (1, 2):
        alone = nested_mlp(*task, settings, "bce", 1, tested=[fold])
        inside = problem.folds == fold
        np.testing.assert_array_equal(alone.scores[inside], whole.scores[inside])
        assert np.isnan(alone.scores[~inside]).all()
        (model,) = alone.models
        assert same_model(model, whole.models[fold])


def test_bfloat16_learns_what_float32_does(large_problem: Problem, tiny: TaskSettings) -> None:
    problem = large_problem
    assert Mlp.make(tiny, {}).settings.network.precision == "float32"
    task = (problem.features, problem.labels, problem.folds, problem.groups)
    # Without the ridge regression that networks may stay: all is learned in the products' type.
    plain, mixed = (
        nested_mlp(*task, network(tiny, precision=p, ridge=None, width=[32]), "bce").scores
        for p in ("float32", "bfloat16")
    )
    assert mixed.dtype == np.float32
    assert np.isfinite(mixed).all()
    assert not np.array_equal(plain, mixed)
    aucs = [mean_auc(problem, problem.labels, scores) for scores in (plain, mixed)]
    assert aucs[0] > 0.9
    assert aucs[1] == pytest.approx(aucs[0], abs=0.01)


def test_the_posters_network_is_a_model_of_its_own(tiny: TaskSettings) -> None:
    model = PosterMlp.make(tiny, {})
    assert model.name == "mlp_poster"
    assert model.settings.network == tiny.mlp_poster != tiny.mlp


def test_folds_may_have_features_of_different_rank(problem: Problem, tiny: TaskSettings) -> None:
    features = problem.features.copy()
    features[problem.folds != 1, 5] = 0.0  # constant for the model of the second fold
    run = mlp(problem, tiny, "bce")(features, problem.labels)
    assert np.isfinite(run.scores).all()
    alone = nested._stacked([np.ones((3, 2)), np.ones((3, 4))], 4)
    assert alone[0].tolist() == [[1, 1, 0, 0]] * 3


# Scaling


def test_components_have_one_common_scale() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5)) * [5, 3, 1, 1, 1]
    train = np.arange(30)
    x -= x[train].mean(axis=0)
    components = principal_components(x, train, 3)
    scaled = common_scale(components, train)
    assert (scaled[train] ** 2).mean() == pytest.approx(1)
    ratio = scaled / components
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)
    assert not common_scale(np.zeros((3, 2)), np.arange(2)).any()


def test_scaler_by_hand() -> None:
    values = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]])
    scaler = Scaler.fit(values)
    np.testing.assert_array_equal(scaler.mean, [2, 5, 0])
    np.testing.assert_array_equal(scaler.sd, [1, 1, 1])  # ddof 0; constant and empty keep 1
    np.testing.assert_array_equal(scaler.scale(values)[:, 0], [-1, 1, np.nan])
    np.testing.assert_array_equal(scaler.restore(scaler.scale(values)), values)


def test_features_are_scaled_and_clipped_by_the_training_rows() -> None:
    features = np.array([[0.0], [2.0], [1.0], [100.0], [-100.0], [np.nan]], dtype=np.float32)
    scaled = scale_features(features, np.array([0, 1]), clip=10)
    # Mean 1, standard deviation 1; a missing value is the mean.
    assert scaled.ravel().tolist() == [-1, 1, 0, 10, -10, 0]
    assert scaled.dtype == np.float32


def test_a_holdout_without_a_known_label_decides_nothing(
    problem: Problem, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would make every error NaN, and the weakest penalty win."""
    task = (problem.features, problem.labels, problem.folds, problem.groups)
    settings = ridge(tiny)
    empty = np.empty(0, dtype=np.int64)
    found = linear.inner_holdouts

    def with_an_empty_one(*given: object) -> list[np.ndarray]:
        return [*found(*given), empty]

    expected = nested_linear(*task, settings)
    monkeypatch.setattr(linear, "inner_holdouts", with_an_empty_one)
    np.testing.assert_array_equal(nested_linear(*task, settings), expected)
