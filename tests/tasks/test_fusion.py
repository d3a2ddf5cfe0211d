"""Late fusion: means and stacks of out-of-fold scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
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
    SHRINKAGE,
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


def test_weights_are_ridge_regression_towards_the_common_ones() -> None:
    rng = np.random.default_rng(0)
    scores, labels = informative(rng, (0.6, 1.2))
    labels[rng.random(labels.shape) < 0.2] = np.nan
    for fold in np.unique(FOLDS):
        scores[:, fold == FOLDS] -= scores[:, fold == FOLDS].mean(axis=1, keepdims=True)
    weights = stack_weights(scores, labels, FOLDS)
    # The same by scikit-learn, target by target: weights = common + ridge of the residuals.
    known, y = ~np.isnan(labels), labels.copy()
    for fold in np.unique(FOLDS):
        y[fold == FOLDS] -= np.nanmean(y[fold == FOLDS], axis=0)
    y /= np.sqrt(np.nanmean(y**2, axis=0))
    n = known.sum(axis=0)
    sides = [(scores[:, known[:, t], t].T / np.sqrt(n[t]), y[known[:, t], t] / np.sqrt(n[t]))
             for t in range(3)]  # fmt: skip
    common = Ridge(alpha=0, fit_intercept=False)
    common.fit(np.concatenate([x for x, _ in sides]), np.concatenate([v for _, v in sides]))
    for t, (x, v) in enumerate(sides):
        own = Ridge(alpha=SHRINKAGE, fit_intercept=False).fit(x, v - x @ common.coef_)
        assert weights[:, t] == pytest.approx(common.coef_ + own.coef_)


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
    assert np.array_equal(stack_weights(scores, labels, FOLDS), np.full((2, 3), 0.5))
    scores, labels = informative(np.random.default_rng(2), (-2.0, 2.0))
    weights = stack_weights(scores, labels, FOLDS)
    assert (weights[0] == 0).all()
    assert (weights[1] > 0).all()


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


def test_nothing_is_made_of_noise(tiny: TaskSettings) -> None:
    """A leak of the test fold's labels would lift the stack: without pairs it is at 0.525."""
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
        own = [pair_table(t.filter(regex=r"^t\d").to_numpy()) for t in tables]
        leaking.append(auc_scores(fused(tables, table, own), table).mean().value)
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


def test_a_fusion_is_compared_with_its_rows_and_with_all_features_at_once() -> None:
    rows = screen(f=fusion("b", "a", by="mean"), g=fusion("a", "c")).rows
    assert concatenation(rows, ("a", "b")) == "ab"
    pairs = [("f", "b"), ("f", "a"), ("f", "ab"), ("g", "a"), ("g", "c"), ("g", "ab")]
    assert fusion_pairs(rows) == pairs
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
