"""All tasks and models that come with the package, against the checks that it ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.screens.mini import INFO

from phenoprot.core.paths import Paths
from phenoprot.core.settings import Settings
from phenoprot.tasks.models import MODELS, find_model
from phenoprot.tasks.registry import TASKS, all_parts, all_tasks, find_task
from phenoprot.tasks.run import settings_of
from phenoprot.tasks.settings import ModelSettings, RowSettings, TaskSettings
from phenoprot.tasks.task import LabelSources, Part, Task
from phenoprot.testing import check_model, check_task
from phenoprot.testing.models import make_problem

ESTIMATORS = (
    "sklearn.linear_model.LogisticRegression",
    "sklearn.linear_model.Ridge",
    "sklearn.ensemble.RandomForestClassifier",
    "sklearn.neighbors.KNeighborsRegressor",
    "sklearn.dummy.DummyClassifier",
)


@pytest.mark.parametrize("name", [*MODELS.built_in, *ESTIMATORS])
def test_models(name: str, tiny: TaskSettings) -> None:
    parameters = {"n_estimators": 10} if "Forest" in name else {}
    check_model(find_model(ModelSettings(estimator=name, parameters=parameters), tiny))


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabelSources:
    """Labels, levels, folds and annotations of eight compounds."""
    monkeypatch.chdir(tmp_path)
    paths, folder = Paths("mini"), Path("mini")
    for made in (paths.labels, paths.folds.parent, folder):
        made.mkdir(parents=True)
    rng = np.random.default_rng(0)
    compounds = [f"c{i}" for i in range(8)]
    labels = pd.MultiIndex.from_product([compounds, ["p", "q"]]).to_frame(index=False)
    labels.columns = ["Metadata_Compound", "Metadata_Protein"]
    labels = labels.assign(Label=(["up", "not", "down"] * 6)[: len(labels)])
    labels.to_parquet(paths.labels / "labels.parquet")
    levels = pd.DataFrame(rng.normal(size=(8, 2)).astype(np.float32), columns=["p", "q"])
    levels.insert(0, "Metadata_Compound", compounds)
    levels.insert(1, "Metadata_Concentration", 1.0)
    levels.to_parquet(paths.labels / "levels.parquet")
    folds = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Group": compounds, "Fold": 0})
    folds.insert(0, "Metadata_Repeat", 0)
    folds.assign(Metadata_Kind="compound").to_csv(paths.folds, index=False)
    info = INFO | {"tables": {"wells": "wells.csv", "targets": "targets.csv"}}
    (folder / "screen.yaml").write_text(yaml.safe_dump(info))
    pd.DataFrame({"Metadata_Compound": compounds[:4], "Metadata_Target": ["T", "T", "U", "U"],
                  "Metadata_Source": "s"}).to_csv(folder / "targets.csv", index=False)  # fmt: skip
    return LabelSources(paths, folder)


@pytest.mark.parametrize("name", TASKS.built_in)
def test_tasks(name: str, sources: LabelSources, tiny: TaskSettings) -> None:
    task = find_task(name)
    check_task(task, settings_of(task, tiny), sources)


def test_parts_in_the_order_of_the_tables() -> None:
    assert list(all_parts()) == [
        "classification/up",
        "classification/down",
        "regression",
        "targets",
        "sensitivity/up_opposite",
        "sensitivity/down_opposite",
        "sensitivity/up_unclassified",
        "sensitivity/down_unclassified",
    ]
    shorts = [part.short for task in all_tasks().values() for part in task.parts]
    assert shorts[:4] == ["UP", "DOWN", "regression", "targets"]
    assert shorts[4::2] == ["UP, opposite", "UP, unclassified"]
    assert [part.title.partition(".")[0] for t in all_tasks().values() for part in t.parts] == [
        "Table 1a",
        "Table 1b",
        "Table 2a",
        "Table 3",
        *(f"Table 1{letter}" for letter in "cdef"),
    ]


def test_a_row_is_in_all_tasks_unless_it_names_some() -> None:
    row = RowSettings(features=["x"], model="mlp")
    assert all(row.takes_part(name) for name in (*all_tasks(), "one of another package"))
    row = RowSettings(features=["x"], model="mlp", tasks=("targets",))
    assert [name for name in all_tasks() if row.takes_part(name)] == ["targets"]


def test_a_model_is_a_name_or_a_name_with_parameters() -> None:
    assert RowSettings(features=["x"], model="mlp").model == ModelSettings(estimator="mlp")
    model = {"estimator": "sklearn.svm.SVC", "parameters": {"C": 2.0}}
    row = RowSettings.model_validate({"features": ["x"], "model": model})
    assert row.model == ModelSettings(estimator="sklearn.svm.SVC", parameters={"C": 2.0})


# The checks find what is wrong.


class Labelled(Task):
    """A right task, to be spoiled."""

    name = "mine"
    parts = (Part("mine", "mine", "Mine"),)
    settings = Settings
    scorer = "auc"

    def labels(self, sources: LabelSources, settings: Settings) -> dict[str, pd.DataFrame]:
        table = pd.DataFrame({"Metadata_Compound": ["a", "b"], "t": np.float32([0, 1])})
        return {"mine": table}


def spoil_parts(task: Task) -> None:
    task.parts = (Part("other", "mine", "Mine"),)


def spoil_scorer(task: Task) -> None:
    task.scorer = "levels"


def spoil_poster(task: Task) -> None:
    task.poster = {"his": {}}


def spoil_labels(**columns: object) -> Callable[[Task], None]:
    def spoil(task: Task) -> None:
        table = task.labels(None, None)["mine"].assign(**columns)
        task.labels = lambda sources, settings: {"mine": table}

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda task: None, ""),
        (spoil_parts, "part 'other' is the task's name, or a folder below it"),
        (spoil_scorer, "loss bce does not fit scorer levels"),
        (spoil_poster, "figures are by the names of its parts"),
        (spoil_labels(Metadata_Compound="a"), "each compound or treatment has one row"),
        (spoil_labels(t=[0.0, 1.0]), "labels are float32"),
        (spoil_labels(t=np.float32([0, 2])), "labels are 1, 0 or NaN"),
        (spoil_labels(Metadata_Plate="P"), "no further columns"),
    ],
)
def test_faulty_tasks(spoil: Callable[[Task], None], message: str) -> None:
    task = Labelled()
    spoil(task)
    sources = LabelSources(Paths("mini"), Path())
    if not message:
        check_task(task, Settings(), sources)
        return
    with pytest.raises(AssertionError) as error:
        check_task(task, Settings(), sources)
    assert "task 'mine'" in str(error.value)
    assert message in str(error.value)


class Mean:
    """A right model: the mean label of the training rows, and the first feature; to be spoiled."""

    name = "mean"
    settings = Settings()
    scorers = frozenset({"auc"})
    on_device = False

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.calls = 0

    def cross_validate(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        folds: np.ndarray,
        groups: np.ndarray,
        loss: str,
        repeat: int,
        device: str,
    ) -> np.ndarray:
        scores = np.zeros(labels.shape, dtype=np.float32)
        for fold in np.unique(folds):
            rows = np.full(len(folds), True) if self.fault == "labels" else folds != fold
            scores[folds == fold] = np.nanmean(labels[rows], axis=0)
        x = np.nan_to_num(features[:, :1])
        if self.fault == "features":
            x = x - x.mean()
        scores += -x if self.fault == "order" else x
        self.calls += 1
        if self.fault == "random":
            scores += self.calls
        if self.fault == "in place":
            labels[0] = 0
        if self.fault == "finite":
            scores[3, 1] = np.nan
        return scores.astype(np.float64) if self.fault == "type" else scores


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("labels", "change with the labels of the same fold"),
        ("features", "change with the features of its other rows"),
        ("order", "higher scores mean higher labels"),
        ("random", "give the same bits"),
        ("in place", "changed labels"),
        ("finite", "finite score"),
        ("type", "float32, not float64"),
    ],
)
def test_faulty_models(fault: str, message: str) -> None:
    check_model(Mean())
    with pytest.raises(AssertionError) as error:
        check_model(Mean(fault))
    assert "model 'mean', auc" in str(error.value)
    assert message in str(error.value)


def test_the_problem_has_what_models_must_bear() -> None:
    problem = make_problem("bce")
    outside = problem.labels[problem.folds != 0, 3]
    assert np.unique(outside).tolist() == [1]
    assert np.isnan(problem.labels[:, 1:3]).any()
    assert np.isnan(problem.features).any()
    assert set(np.unique(problem.labels[:, 0])) == {0, 1}
