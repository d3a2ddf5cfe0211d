"""Late fusion: means and stacks of out-of-fold scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.core.settings import parse_settings
from phenoprot.evaluation.plan import pairs_of
from phenoprot.evaluation.score import auc_scores
from phenoprot.pipeline.params import ScreenParams, load_params
from phenoprot.tasks.columns import PREDICTION_COLUMNS, REPEAT, WITHOUT
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.fusion import (
    concatenation,
    fused,
    fusion_pairs,
    fusions_of,
    stack_weights,
    stacked_rows,
    write_fusions,
)
from phenoprot.tasks.models import find_model
from phenoprot.tasks.pairs import cross_validate_pairs
from phenoprot.tasks.registry import find_task
from phenoprot.tasks.settings import ModelSettings, RowSettings, TaskSettings

FOLDS = np.repeat(np.arange(4), 30)


def informative(
    rng: np.random.Generator, strength: tuple[float, float], targets: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which two rows of scores know more or less."""
    labels = (rng.random((len(FOLDS), targets)) < 0.3).astype(float)
    noise = rng.standard_normal((2, len(FOLDS), targets))
    return np.stack([s * labels + n for s, n in zip(strength, noise, strict=True)]), labels


def predictions(scores: np.ndarray, repeat: int = 0) -> pd.DataFrame:
    n = len(scores)
    table = pd.DataFrame(
        scores.astype(np.float32), columns=[f"t{i}" for i in range(scores.shape[1])]
    )
    names = [f"c{i:03d}" for i in range(n)]
    key = {"Metadata_Compound": names, "Metadata_Concentration": 1.0, "Fold": FOLDS[:n]}
    key |= {"Metadata_LabelsOf": names, "Metadata_Repeat": repeat}
    return pd.concat([pd.DataFrame(key), table], axis=1)


def pair_table(scores: np.ndarray, repeat: int = 0) -> pd.DataFrame:
    """As if models without two folds said the same as those without one."""
    table = predictions(scores, repeat)
    tables = [table[table["Fold"] != w].assign(**{WITHOUT: w}) for w in np.unique(FOLDS)]
    return pd.concat(tables, ignore_index=True)


def stacked(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    tables, pairs = [[of(row) for row in scores] for of in (predictions, pair_table)]
    return (
        fused(tables, label_table(labels), pairs).filter(regex=r"^t\d").to_numpy(dtype=np.float64)
    )


def label_table(labels: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(
        labels.astype(np.float32), columns=[f"t{i}" for i in range(labels.shape[1])]
    )
    table.insert(0, "Metadata_Compound", [f"c{i:03d}" for i in range(len(labels))])
    return table


def test_a_mean_is_a_mean_of_the_treatments_that_all_have() -> None:
    one, two = (
        predictions(np.array([[1.0], [2.0], [4.0]])),
        predictions(np.array([[3.0], [5.0], [0]])),
    )
    found = fused([one.iloc[1:], two], label_table(np.array([[1.0], [0.0], [1.0]])))
    assert list(found["Metadata_Compound"]) == ["c001", "c002"]
    assert list(found["t0"]) == [3.5, 2.0]
    assert list(found.columns) == list(one.columns)
    assert found["t0"].dtype == np.float32


def test_no_treatment_in_common() -> None:
    one = predictions(np.ones((3, 1)))
    with pytest.raises(UserError, match=r"^here: the rows have no treatment in common"):
        fused([one.iloc[:1], one.iloc[1:]], label_table(np.ones((3, 1))), where="here")


def test_weights_are_of_candidates_by_their_likelihood() -> None:
    rng = np.random.default_rng(0)
    scores, labels = informative(rng, (0.6, 1.2))
    labels[rng.random(labels.shape) < 0.2] = np.nan
    for fold in np.unique(FOLDS):
        scores[:, fold == FOLDS] -= scores[:, fold == FOLDS].mean(axis=1, keepdims=True)
    weights = stack_weights(scores, labels, FOLDS, np.arange(len(FOLDS)))
    # The same by scipy: a common mix by nnls, and normal densities about each candidate's own fit.
    known, y = ~np.isnan(labels), labels.copy()
    for fold in np.unique(FOLDS):
        y[fold == FOLDS] -= np.nanmean(y[fold == FOLDS], axis=0)
    y /= np.sqrt(np.nanmean(y**2, axis=0))
    n = known.sum(axis=0)
    sides = [(scores[:, known[:, t], t].T / np.sqrt(n[t]), y[known[:, t], t] / np.sqrt(n[t]))
             for t in range(3)]  # fmt: skip
    mix, _ = nnls(np.concatenate([x for x, _ in sides]), np.concatenate([v for _, v in sides]))
    candidates = np.array([[1, 0], [0, 1], mix / mix.sum()])
    for t in range(3):
        x, truth = scores[:, known[:, t], t].T @ candidates.T, y[known[:, t], t]
        fits = [nnls(one[:, None], truth)[0][0] * one for one in x.T]
        errors = [truth - fit for fit in fits]
        likelihood = [np.prod(norm.pdf(e, scale=np.sqrt(np.mean(e**2)))) for e in errors]
        expected = np.array(likelihood) / np.sum(likelihood) @ candidates
        assert weights[:, t] == pytest.approx(expected)


def test_doses_of_a_compound_count_once() -> None:
    scores, labels = informative(np.random.default_rng(8), (0.5, 1.0))
    once = stack_weights(scores, labels, FOLDS, np.arange(len(FOLDS)))
    twice = [np.repeat(values, 2, axis=-2) for values in (scores, labels)]
    owners = np.repeat(np.arange(len(FOLDS)), 2)
    assert stack_weights(*twice, np.repeat(FOLDS, 2), owners) == pytest.approx(once)
    apart = stack_weights(*twice, np.repeat(FOLDS, 2), np.arange(len(owners)))
    assert not np.allclose(apart, once)


def test_a_row_stands_alone_for_the_target_that_it_alone_knows() -> None:
    """Nine targets of the first row, and one of the second, which the common mix has little of."""
    scores, labels = informative(np.random.default_rng(9), (2.0, 0.0), targets=10)
    scores[:, :, 9] = scores[::-1, :, 9]
    weights = stack_weights(scores, labels, FOLDS, np.arange(len(FOLDS)))
    assert (weights[0, :9] > 0.7).all()
    assert weights[1, 9] > 0.9


def test_a_row_that_knows_nothing_hardly_counts() -> None:
    scores, labels = informative(np.random.default_rng(1), (0.0, 2.0), targets=20)
    found = stacked(scores, labels)
    auc = [
        np.mean([roc_auc_score(labels[:, t], of[:, t]) for t in range(20)])
        for of in (scores.mean(axis=0), found, scores[1])
    ]
    assert auc[0] < auc[1] - 0.04
    assert auc[1] == pytest.approx(auc[2], abs=0.01)


def test_no_weight_is_negative_and_equal_ones_stand_where_nothing_is_of_use() -> None:
    scores, labels = informative(np.random.default_rng(2), (-2.0, -2.0))
    owners = np.arange(len(FOLDS))
    assert stack_weights(scores, labels, FOLDS, owners) == pytest.approx(np.full((2, 3), 0.5))
    scores, labels = informative(np.random.default_rng(2), (-2.0, 2.0))
    weights = stack_weights(scores, labels, FOLDS, owners)
    assert weights[0] == pytest.approx(0, abs=1e-6)
    assert weights[1] == pytest.approx(1)


def test_labels_of_a_test_fold_do_not_weigh_it() -> None:
    scores, labels = informative(np.random.default_rng(3), (0.5, 1.0))
    other = labels.copy()
    other[FOLDS == 2] = 1 - other[FOLDS == 2]
    before, after = stacked(scores, labels), stacked(scores, other)
    assert np.array_equal(before[FOLDS == 2], after[FOLDS == 2])
    assert not np.array_equal(before[FOLDS == 1], after[FOLDS == 1])


def test_a_constant_score_and_an_empty_target_are_no_trouble() -> None:
    scores, labels = informative(np.random.default_rng(4), (0.0, 1.0))
    scores[0], labels[:, 1] = 3.0, np.nan
    assert np.isfinite(stacked(scores, labels)).all()


def noise(rng: np.random.Generator, targets: int) -> tuple[np.ndarray, list[TaskData]]:
    """Labels, and two sets of features that say nothing of them."""
    n = len(FOLDS)
    labels = (rng.random((n, targets)) < 0.15).astype(np.float32)
    key = predictions(labels)[PREDICTION_COLUMNS].drop(columns=[REPEAT])
    names = [f"t{i}" for i in range(targets)]
    return labels, [
        TaskData(key, rng.standard_normal((n, 10)).astype(np.float32), labels, names, np.arange(n))
        for _ in range(2)
    ]


def least_squares(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A stack that learns from out-of-fold scores whose models have seen the test fold."""
    found = np.empty(labels.shape)
    for fold in np.unique(FOLDS):
        test = fold == FOLDS
        for t, y in enumerate(labels.T):
            x = scores[:, :, t].T - scores[:, ~test, t].mean(axis=1)
            weights = np.linalg.lstsq(x[~test], y[~test] - y[~test].mean(), rcond=None)[0]
            found[test, t] = x[test] @ weights
    return found


def test_nothing_is_made_of_noise(tiny: TaskSettings) -> None:
    """A leak of the test fold's labels lifts a stack: least squares without pairs to 0.56."""
    model = find_model(ModelSettings(estimator="linear"), tiny)
    rng, means, leaking, covered = np.random.default_rng(5), [], [], 0
    for _ in range(20):
        labels, rows = noise(rng, 12)
        tables, pairs = [], []
        for data in rows:
            arrays = data.features, data.labels, data.folds, data.groups
            tables.append(predictions(model.cross_validate(*arrays, "bce", 0, "cpu")))
            pairs.append(cross_validate_pairs(model, data, "bce", 0, "cpu").assign(**{REPEAT: 0}))
        table = label_table(labels)
        mean = auc_scores(fused(tables, table, pairs), table).mean()
        low, high = mean.uncertainty.interval(mean.value)
        means.append(mean.value)
        covered += bool(low <= 0.5 <= high)
        own = np.stack([t.filter(regex=r"^t\d").to_numpy() for t in tables])
        leaking.append(auc_scores(predictions(least_squares(own, labels)), table).mean().value)
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert abs(np.mean(means) - 0.5) < 3 * error
    assert error < 0.006
    assert covered >= 17
    assert np.mean(leaking) > 0.5 + 3 * error


def test_models_of_pairs_see_neither_fold(tiny: TaskSettings) -> None:
    model, rng = find_model(ModelSettings(estimator="linear"), tiny), np.random.default_rng(7)
    labels, (data, _) = noise(rng, 2)
    found = cross_validate_pairs(model, data, "bce", 0, "cpu")
    assert len(found) == 3 * len(FOLDS)
    assert (found["Fold"] != found[WITHOUT]).all()
    assert not found.duplicated(["Metadata_Compound", WITHOUT]).any()
    changed = labels.copy()
    changed[np.isin(FOLDS, [1, 3])] = 1 - changed[np.isin(FOLDS, [1, 3])]
    again = cross_validate_pairs(model, replace(data, labels=changed), "bce", 0, "cpu")
    same = found["Fold"].isin([1, 3]) & found[WITHOUT].isin([1, 3])
    assert same.sum() == 60
    columns = ["t0", "t1"]
    assert np.array_equal(found.loc[same, columns], again.loc[same, columns])
    assert not np.array_equal(found.loc[~same, columns], again.loc[~same, columns])


@pytest.mark.parametrize(
    "estimator", ["linear", "mlp", "mlp_poster", "sklearn.linear_model.LogisticRegression"]
)
def test_rows_of_a_fold_below_0_are_learned_from_only(tiny: TaskSettings, estimator: str) -> None:
    """Bytes of the other fold are those of two folds, each predicted from the other."""
    model = find_model(ModelSettings(estimator=estimator), tiny)
    labels, (data, _) = noise(np.random.default_rng(10), 2)
    both, tested = (FOLDS < 2).astype(np.int64), FOLDS < 2
    whole, alone = (
        model.cross_validate(data.features, labels, folds, data.groups, "bce", 0, "cpu")
        for folds in (both, np.where(tested, 1, -1))
    )
    assert np.array_equal(alone[tested], whole[tested])
    assert np.isnan(alone[~tested]).all()


ROWS = {
    "a": {"features": ["x"], "model": "linear"},
    "b": {"features": ["y"], "model": "linear", "tasks": ["targets"]},
    "ab": {"features": ["y", "x"], "model": "linear", "tasks": ["targets"]},
    "c": {"features": ["y"], "model": "mlp"},
    "noise": {"features": ["x"], "model": "linear", "shuffled": True},
    "given": {"predictions": "p.csv"},
}


def screen(**fusions: Mapping[str, Any]) -> ScreenParams:
    return parse_settings(ScreenParams, {"folder": "x", "rows": ROWS | fusions}, "params.yaml")


def fusion(*of: str, by: str = "stack", tasks: object = ("targets",)) -> dict[str, Any]:
    return {"fusion": {"of": list(of), "by": by}, "tasks": None if tasks is None else list(tasks)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (fusion("a", "nine"), "'f': no row nine; there are: a, b, ab, c, noise and 2 more"),
        (fusion("a", "f"), "f is a fusion itself; name the rows that it is of"),
        (fusion("a", "noise"), "noise has shuffled labels, other folds or fewer compounds"),
        (fusion("a", "b", tasks=("classification", "targets")),
         "row 'b' takes part in targets alone; set tasks to some that all of them have"),
        (fusion("a", "b", tasks=None), "row 'b' takes part in targets alone"),
        (fusion("a", "c", by="mean"), "scores of unlike models have no common unit"),
        (fusion("a", "given"), "given is a file of predictions, whose model is not here"),
        (fusion("a"), "at least 2"),
        (fusion("a", "a"), "names a row twice"),
        (fusion("a", "b", by="product"), "mean.*stack"),
        ({**fusion("a", "b"), "features": ["x"], "shuffled": True},
         "a fusion goes with tasks alone, not with features, shuffled"),
    ],
)  # fmt: skip
def test_what_cannot_be_fused_is_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        screen(f=row)


def test_a_fusion_its_rows_and_all_features_at_once_are_compared_two_by_two() -> None:
    rows = screen(f=fusion("b", "a", by="mean"), g=fusion("a", "c")).rows
    assert concatenation(rows, ("a", "b")) == "ab"
    of_f = [("f", "ab"), ("f", "b"), ("f", "a"), ("ab", "b"), ("ab", "a"), ("b", "a")]
    of_g = [("g", "ab"), ("g", "a"), ("g", "c"), ("ab", "c"), ("a", "c")]
    assert sorted(map(sorted, fusion_pairs(rows))) == sorted(map(sorted, of_f + of_g))
    assert fusion_pairs(screen(f=fusion("b", "a", by="mean")).rows) == of_f
    assert stacked_rows(rows) == {"a", "c"}


def test_pairs_that_are_compared_anyway_stand_once() -> None:
    settings = load_params().evaluation
    also = [("f", "a"), ("f", "b"), ("f", "not predicted")]
    assert pairs_of(["a", "b", "f"], settings, also) == [("a", "b"), ("a", "f"), ("f", "b")]


def test_levels_are_not_fused() -> None:
    rows = {"f": RowSettings(fusion={"of": ("a", "b"), "by": "stack"})}
    assert list(fusions_of(find_task("targets"), rows)) == ["f"]
    with pytest.raises(
        UserError, match=r"1 / 0 labels only, and 1 row\(s\) take part in regression"
    ):
        fusions_of(find_task("regression"), rows)


def test_fused_predictions_lie_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths, task = Paths("toy"), find_task("targets")
    scores, labels = informative(np.random.default_rng(6), (0.5, 1.0))
    folder = paths.predictions("targets")
    label_table(labels).to_parquet(_in(folder / "labels.parquet"))
    for kind, of in (("rows", predictions), ("pairs", pair_table)):
        for name, own in zip("ab", scores, strict=True):
            table = pd.concat([of(own, 0), of(own + 1, 1)])
            table.to_parquet(_in(folder / kind / f"{name}.parquet"))
    write_fusions(fusions_of(task, screen(f=fusion("a", "b")).rows), task, paths)
    found = pd.read_parquet(folder / "rows" / "f.parquet")
    assert found.groupby("Metadata_Repeat").size().to_dict() == {0: len(FOLDS), 1: len(FOLDS)}
    alone, columns = stacked(scores, labels), ["t0", "t1", "t2"]
    for repeat in (0, 1):  # what a repeat is above another is of no account
        own = found[found["Metadata_Repeat"] == repeat][columns].to_numpy()
        assert own == pytest.approx(alone, abs=1e-6)


def _in(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
