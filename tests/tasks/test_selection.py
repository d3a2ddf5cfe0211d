"""Proteins chosen by the classification: inside the training part, and by all compounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import LOCAL
from phenoprot.tasks.choose import choose_proteins
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.linear import nested_linear
from phenoprot.tasks.models import find_model
from phenoprot.tasks.registry import find_task
from phenoprot.tasks.run import run_task
from phenoprot.tasks.selection import auc_within_folds, aucs_inside
from phenoprot.tasks.settings import (
    ClassificationSettings,
    ModelSettings,
    RowSettings,
    TaskSettings,
)
from phenoprot.tasks.task import LabelSources

from .conftest import SETTINGS
from .test_run import InProcess

NAN = np.nan
LIMITS = ClassificationSettings(min_positives=6, min_negatives=6)


def test_auc_is_that_of_scikit_learn_fold_by_fold() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, NAN], size=(90, 4), p=[0.5, 0.3, 0.2])
    scores = rng.normal(size=(90, 4)).round(1)  # with ties
    folds = np.arange(90) % 3
    labels[folds == 1, 2] = 0  # no positive in one fold
    labels[:, 3] = 1  # no negative at all
    found = auc_within_folds(labels, scores, folds)
    for target in range(3):
        aucs, weights = [], []
        for fold in range(3):
            rows = (folds == fold) & ~np.isnan(labels[:, target])
            if len(set(labels[rows, target])) == 2:
                aucs.append(roc_auc_score(labels[rows, target], scores[rows, target]))
                weights.append((labels[rows, target] == 1).sum())
        assert found[target] == pytest.approx(np.average(aucs, weights=weights), abs=1e-12)
    assert np.isnan(found[3])


def toy(seed: int = 0) -> TaskData:
    """60 compounds at two doses; protein a follows the features, b is noise, c is rare."""
    rng = np.random.default_rng(seed)
    features = np.repeat(rng.normal(size=(60, 5)), 2, axis=0).astype(np.float32)
    labels = np.zeros((120, 3), dtype=np.float32)
    labels[:, 0] = features[:, 0] > 0.3
    labels[:, 1] = np.repeat(rng.random(60) < 0.4, 2)
    labels[:10, 2] = 1  # five compounds
    names = [f"c{i:02d}" for i in np.repeat(range(60), 2)]
    key = pd.DataFrame({"Metadata_Compound": names, "Fold": np.repeat(np.arange(60) % 4, 2)})
    return TaskData(key, features, labels, ["a", "b", "c"], np.array(names))


def test_proteins_inside_the_training_part(tiny: TaskSettings) -> None:
    data, model = toy(), find_model(ModelSettings(estimator="linear"), tiny)
    table = aucs_inside(model, data, LIMITS, 0, "cpu")
    # Three quarters of the compounds must hold 4.5 positives; of c they hold 3 or 4.
    assert set(table["Metadata_Protein"]) == {"a", "b"}
    wide = table.pivot(index="Fold", columns="Metadata_Protein", values="inside_auc")
    assert (wide["a"] > 0.85).all()
    assert wide["b"].mean() < 0.75
    # By hand: the other three folds, cross-validated by themselves.
    train = data.folds != 1
    labels = data.labels[train][:, :2]
    scores = nested_linear(
        *(data.features[train], labels, data.folds[train], data.groups[train]),
        *(model.settings, 0),  # type: ignore[arg-type]
    )
    by_hand = auc_within_folds(labels, scores, data.folds[train])
    np.testing.assert_allclose(wide.loc[1], by_hand)


def test_the_test_compounds_have_no_say(tiny: TaskSettings) -> None:
    data, model = toy(), find_model(ModelSettings(estimator="linear"), tiny)
    before = aucs_inside(model, data, LIMITS, 0, "cpu")
    data.labels[data.folds == 2] = 1 - data.labels[data.folds == 2]
    data.features[data.folds == 2] *= -3
    after = aucs_inside(model, data, LIMITS, 0, "cpu")
    own, same = (t[t["Fold"] == 2].reset_index(drop=True) for t in (before, after))
    pd.testing.assert_frame_equal(own, same)
    others, changed = (t[t["Fold"] != 2]["inside_auc"].tolist() for t in (before, after))
    assert others != changed


def test_nothing_enters(tiny: TaskSettings) -> None:
    model = find_model(ModelSettings(estimator="linear"), tiny)
    many = ClassificationSettings(min_positives=100, min_negatives=1)
    table = aucs_inside(model, toy(), many, 0, "cpu")
    assert table.empty
    assert table["Fold"].dtype == np.int64


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """The toy as a screen: a is up, b down, c rare; d has levels and no labels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", InProcess())
    paths, data = Paths("toy"), toy()
    for folder in (paths.profiles, paths.labels, paths.folds.parent):
        folder.mkdir(parents=True)
    compounds = data.key["Metadata_Compound"]
    key = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Concentration": [1.0, 2.0] * 60})
    features = pd.DataFrame(data.features).add_prefix("f")
    pd.concat([key, features], axis=1).to_parquet(paths.profiles / "x.parquet")
    levels = pd.DataFrame(np.hstack([data.labels, data.labels[:, :1]]), columns=list("abcd"))
    pd.concat([key, levels], axis=1).to_parquet(paths.labels / "levels.parquet")
    words = [
        pd.DataFrame({"Metadata_Compound": compounds[::2], "Metadata_Protein": name,
                      "Label": np.where(data.labels[::2, i] == 1, word, "not")})
        for i, (name, word) in enumerate([("a", "up"), ("b", "down"), ("c", "up")])
    ]  # fmt: skip
    pd.concat(words).to_parquet(paths.labels / "labels.parquet")
    one = pd.DataFrame({"Metadata_Compound": compounds[::2], "Metadata_Group": compounds[::2]})
    fold = data.folds[::2]
    draws = [
        one.assign(Metadata_Repeat=i, Fold=(fold + i * (np.arange(60) // 4)) % 4) for i in range(2)
    ]
    pd.concat(draws).assign(Metadata_Kind="compound").to_csv(paths.folds, index=False)
    return paths


ROWS = {"r": RowSettings(features=["x"], model="linear")}  # type: ignore[arg-type]


def choosing(**changes: object) -> TaskSettings:
    content = SETTINGS | {
        "splits": SETTINGS["splits"] | {"folds": 4},
        "classification": {"min_positives": 6, "min_negatives": 6},
        "regression": {
            "loss": "mse", "min_treatments": 4, "selection": {"row": "r", "min_auc": 0.8},
        },
    }  # fmt: skip
    return TaskSettings.model_validate(content | changes)


def test_the_chosen_of_a_screen(screen: Paths) -> None:
    settings = choosing()
    task = find_task("classification")
    run_task(task, LabelSources(screen, Path()), ROWS, settings, LOCAL)
    choose_proteins(screen, ROWS, settings, LOCAL)
    table = pd.read_parquet(screen.chosen)
    assert list(table) == [
        *("Metadata_Repeat", "Fold", "Metadata_Protein"),
        *("inside_auc", "all_auc", "inside", "all"),
    ]
    assert len(table) == 2 * 4 * 4
    by_protein = table.groupby("Metadata_Protein")
    assert by_protein["inside"].all().to_dict() == dict(zip("abcd", (1, 0, 0, 0), strict=True))
    assert by_protein["all"].any().to_dict() == dict(zip("abcd", (1, 0, 0, 0), strict=True))
    assert by_protein["all_auc"].apply(lambda auc: auc.isna().all())[["c", "d"]].all()
    assert table[table["Metadata_Protein"] == "d"]["inside_auc"].isna().all()
    # That of all compounds is the score of the row, draw by draw.
    folder = screen.predictions("classification/down")
    made = pd.read_parquet(folder / "rows" / "r.parquet").merge(
        pd.read_parquet(folder / "labels.parquet"), on="Metadata_Compound", suffixes=("", "_true")
    )
    for repeat, own in made.groupby("Metadata_Repeat"):
        aucs = [roc_auc_score(f["b_true"], f["b"]) for _, f in own.groupby("Fold")]
        weights = own.groupby("Fold")["b_true"].sum()
        wanted = np.average(aucs, weights=weights)
        lines = table[(table["Metadata_Protein"] == "b") & (table["Metadata_Repeat"] == repeat)]
        np.testing.assert_allclose(lines["all_auc"], wanted)


@pytest.mark.parametrize("missing", ["selection", "row"])
def test_nothing_to_choose(missing: str, screen: Paths, capfd: pytest.CaptureFixture[str]) -> None:
    plain = {"loss": "mse", "min_treatments": 4}
    settings = choosing(regression=plain) if missing == "selection" else choosing()
    choose_proteins(screen, {"other": ROWS["r"]}, settings, LOCAL)
    table = pd.read_parquet(screen.chosen)
    assert table.empty
    assert table.dtypes[["inside_auc", "inside"]].tolist() == [np.float64, bool]
    said = "toy: no proteins are chosen for the regression: no row of the classification is called"
    assert (said in capfd.readouterr().err) == (missing == "row")


def test_rows_that_cannot_choose(screen: Paths) -> None:
    for changed in ({"shuffled": True}, {"train_share": 0.5}):
        rows = {"r": ROWS["r"].model_copy(update=changed)}
        with pytest.raises(UserError, match=r"selection\.row: row 'r' has shuffled .* plain row"):
            choose_proteins(screen, rows, choosing(), LOCAL)
    two = choosing(splits=SETTINGS["splits"] | {"folds": 2})
    with pytest.raises(UserError, match=r"tasks\.splits\.folds: with 2 folds"):
        choose_proteins(screen, ROWS, two, LOCAL)
