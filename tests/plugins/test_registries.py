"""Tasks, models and methods of another package: found, checked, run; broken ones are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.tasks.conftest import SETTINGS

from phenoprot.core.closure import import_closure
from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.features.registry import find_method, method_names
from phenoprot.features.settings import FeatureSettings
from phenoprot.tasks.models import find_model
from phenoprot.tasks.registry import TASKS, all_parts, all_tasks, find_task
from phenoprot.tasks.run import run_task
from phenoprot.tasks.settings import ModelSettings, RowSettings, TaskSettings
from phenoprot.tasks.task import LabelSources
from phenoprot.testing import check_feature_method, check_model, check_task

from .conftest import Install

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabelSources:
    """Levels, profiles and folds of 24 compounds; the profile tells the spread of the levels."""
    monkeypatch.chdir(tmp_path)
    paths = Paths("mini")
    for folder in (paths.profiles, paths.labels, paths.folds.parent):
        folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    compounds = [f"c{i:02d}" for i in range(24)]
    key = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Concentration": 1.0})
    spread = rng.uniform(0.1, 3, size=(24, 1))
    levels = pd.DataFrame((spread * rng.normal(size=(24, 30))).astype(np.float32)).add_prefix("p")
    profile = np.hstack([spread, rng.normal(size=(24, 2))]).astype(np.float32)
    pd.concat([key, levels], axis=1).to_parquet(paths.labels / "levels.parquet")
    pd.concat([key, pd.DataFrame(profile).add_prefix("f")], axis=1).to_parquet(
        paths.profiles / "x.parquet"
    )
    folds = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Group": compounds})
    repeats = [
        folds.assign(Metadata_Repeat=repeat, Fold=rng.permutation(24) % 3)
        for repeat in range(SETTINGS["splits"]["repeats"])
    ]
    pd.concat(repeats).assign(Metadata_Kind="compound").to_csv(paths.folds, index=False)
    return LabelSources(paths, Path("mini"))


@pytest.fixture
def settings() -> TaskSettings:
    return TaskSettings.model_validate(SETTINGS | {"others": {"spread": {"quantile": 0.6}}})


def test_its_tasks_follow_ours() -> None:
    assert list(all_tasks()) == [
        "classification", "regression", "targets", "sensitivity", "spread",
    ]  # fmt: skip
    assert list(all_parts())[-1] == "spread"


def test_they_keep_the_contracts(sources: LabelSources, settings: TaskSettings) -> None:
    task = find_task("spread")
    check_task(task, task.settings(), sources)
    check_model(find_model(ModelSettings(estimator="centroid"), settings))


def test_its_task_and_model_run_with_ours(sources: LabelSources, settings: TaskSettings) -> None:
    """In real worker processes; settings of both come from params.yaml."""
    model = {"estimator": "centroid", "parameters": {"power": 1.0}}
    tasks = ("classification", "targets", "spread")
    rows = {
        "centroid": RowSettings(features=["x"], model=model, tasks=tasks),
        "linear": RowSettings(features=["x"], model="linear"),
        "elsewhere": RowSettings(features=["x"], model="linear", tasks=("targets",)),
    }
    run_task(find_task("spread"), sources, rows, settings, ExecutionSettings(workers=1))
    folder = sources.paths.predictions("spread")
    labels = pd.read_parquet(folder / "labels.parquet")
    assert labels["wide"].sum() == 10  # above the quantile 0.6 of 24
    assert sorted(path.name for path in (folder / "rows").iterdir()) == [
        "centroid.parquet",
        "linear.parquet",
    ]
    for row in ("centroid", "linear"):
        table = pd.read_parquet(folder / "rows" / f"{row}.parquet")
        assert len(table) == 24 * 2
        for _, repeat in table.groupby("Metadata_Repeat"):
            scores = repeat.set_index("Metadata_Compound")["wide"]
            assert sorted(scores.index) == sorted(labels["Metadata_Compound"])
            wide = labels.set_index("Metadata_Compound")["wide"].loc[scores.index] == 1
            assert (scores[wide].to_numpy()[:, None] > scores[~wide].to_numpy()).mean() > 0.75


def test_its_model_refuses_wrong_parameters(settings: TaskSettings) -> None:
    chosen = ModelSettings(estimator="centroid", parameters={"power": -1.0})
    with pytest.raises(UserError, match=r"params\.yaml: model centroid: 'power': .*greater than 0"):
        find_model(chosen, settings)


def test_its_code_is_in_the_key() -> None:
    closure = import_closure("phenoprot.tasks.crossvalidate", "toy.models")
    assert {"toy", "toy.models", "phenoprot.tasks.scaling"} <= set(closure.modules)
    assert "toy.tasks" not in closure.modules


def test_a_name_of_ours_is_taken(install: Install) -> None:
    install("rival", {TASKS.group: {"targets": "rival:TASK"}})
    with pytest.raises(UserError) as error:
        all_tasks()
    assert str(error.value) == (
        "distribution rival, group phenoprot.tasks: entry point 'targets' is taken: phenoprot has "
        "one of this name. Uninstall the package, or rename the entry."
    )


def test_a_name_that_two_packages_have(install: Install) -> None:
    install("rival", {TASKS.group: {"spread": "rival:TASK"}})
    assert find_task("classification").name == "classification"
    with pytest.raises(UserError) as error:
        find_task("spread")
    assert str(error.value) == (
        "distribution rival, toy, group phenoprot.tasks: entry point 'spread' is taken: 2 packages "
        "have one of this name. Uninstall the package, or rename the entry."
    )


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("nowhere:TASK", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("toy.tasks:TUSK", "cannot be imported: AttributeError: module 'toy.tasks' has no attri"),
        ("toy.tasks:Spread", "is a ABCMeta, not a phenoprot.tasks.task.Task"),
        ("toy.tasks:TASK", "is a task of another name: 'spread'"),
    ],
)
def test_a_broken_entry_names_its_package(install: Install, value: str, fault: str) -> None:
    install("broken", {TASKS.group: {"wrong": value}})
    assert find_task("spread").name == "spread"
    with pytest.raises(UserError) as error:
        all_tasks()
    message = str(error.value)
    assert message.startswith(
        f"distribution broken, group phenoprot.tasks: entry point 'wrong' = '{value}' {fault}"
    )
    assert message.endswith(". Repair or uninstall this package.")


def test_a_model_that_cannot_be_made(install: Install, settings: TaskSettings) -> None:
    install("broken", {"phenoprot.models": {"wrong": "toy.tasks:TASK"}})
    with pytest.raises(UserError) as error:
        find_model(ModelSettings(estimator="wrong"), settings)
    assert "distribution broken, group phenoprot.models" in str(error.value)
    assert "has no class method make(settings, parameters)" in str(error.value)


def test_its_feature_method_is_one_of_all() -> None:
    assert method_names()[-1] == "toy_light"
    settings = FeatureSettings(others={"toy_light": {"statistic": "max"}})
    mean, largest = (find_method("toy_light", each) for each in (FeatureSettings(), settings))
    check_feature_method(mean, others=[largest])
