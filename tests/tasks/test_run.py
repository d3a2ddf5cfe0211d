"""Shards: resumed, never stale, the same for any number of workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.closure import import_closure
from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.core.settings import Settings
from phenoprot.execution.attempt import Job, Outcome, attempt
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Compute
from phenoprot.tasks import run
from phenoprot.tasks.crossvalidate import CrossValidation, predict
from phenoprot.tasks.model import Model
from phenoprot.tasks.models import find_model
from phenoprot.tasks.registry import TASKS
from phenoprot.tasks.run import cross_validate, plan, run_task, shards_of
from phenoprot.tasks.settings import RowSettings, TaskSettings
from phenoprot.tasks.task import LabelSources

from .conftest import Given, Problem

ROWS = {
    "first": RowSettings(features=["x"], model="mlp"),
    "both": RowSettings(features=["proteome", "x"], model="linear", tasks=("targets",)),
    "linear": RowSettings(features=["x"], model="linear"),
    "shuffled": RowSettings(features=["x"], model="linear", shuffled=True),
}


@pytest.fixture
def paths(problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A toy screen's profiles, levels and folds in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    paths = Paths("toy")
    compounds = [f"c{i:03d}" for i in range(len(problem.folds))]
    key = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Concentration": 1.0})
    features = pd.DataFrame(problem.features, columns=[f"f{i}" for i in range(6)])
    levels = pd.DataFrame(problem.levels, columns=["p", "q"])
    for folder in (paths.profiles, paths.labels, paths.folds.parent):
        folder.mkdir(parents=True)
    pd.concat([key, features], axis=1).to_parquet(paths.profiles / "x.parquet")
    pd.concat([key, levels], axis=1).to_parquet(paths.labels / "levels.parquet")
    one = key[["Metadata_Compound"]].assign(Metadata_Group=problem.groups, Fold=problem.folds)
    two = one.assign(Fold=(one["Fold"] + problem.groups.argsort() // 20) % 3)
    draws = [table.assign(Metadata_Repeat=repeat) for repeat, table in enumerate((one, two))]
    pd.concat(draws).assign(Metadata_Kind="compound").to_csv(paths.folds, index=False)
    return paths


@pytest.fixture
def labels(problem: Problem) -> pd.DataFrame:
    table = pd.DataFrame(problem.labels, columns=["p", "q"])
    table.insert(0, "Metadata_Compound", [f"c{i:03d}" for i in range(len(table))])
    return table


class InProcess:
    """Stands for the local executor: computes in this process, and counts."""

    def __init__(self) -> None:
        self.computed: list[str] = []

    def __call__(
        self, compute: Compute, jobs: Iterator[Job], workers: int | None
    ) -> Iterator[Outcome]:
        for job in jobs:
            self.computed.append(job.shard.name)
            yield Outcome(job, *attempt(compute, job))


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    pool = InProcess()
    monkeypatch.setitem(EXECUTORS, "local", pool)
    return pool


def classify(paths: Paths, labels: pd.DataFrame, settings: TaskSettings) -> None:
    chosen = {name: ROWS[name] for name in ("linear", "shuffled")}
    parts = {"classification/up": labels, "classification/down": labels.iloc[:, :2]}
    task = Given("classification", parts)
    run_task(task, LabelSources(paths, Path()), chosen, settings, LOCAL)


def models(rows: dict[str, RowSettings], settings: TaskSettings) -> dict[str, Model]:
    return {name: find_model(row.model, settings) for name, row in rows.items()}


def targets_runs(
    paths: Paths, labels: pd.DataFrame, settings: TaskSettings, names: tuple[str, ...] = tuple(ROWS)
) -> list[CrossValidation]:
    """Runs of the rows of this name on labels in the folder of the targets."""
    folder = paths.predictions("targets")
    folder.mkdir(parents=True, exist_ok=True)
    labels.to_parquet(folder / "labels.parquet")
    chosen = models({name: ROWS[name] for name in names}, settings)
    return plan(ROWS, chosen, "bce", folder, paths, settings)


EVERYTHING = [
    f"{part} {row} {repeat}"
    for part in ("up", "down")
    for row in ("linear", "shuffled")
    for repeat in (1, 2)
]


def test_a_second_run_computes_nothing(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    classify(paths, labels, tiny)
    assert pool.computed == EVERYTHING
    before = contents(paths.predictions("classification"))
    assert len(before) == 6
    classify(paths, labels, tiny)
    assert pool.computed == EVERYTHING
    assert contents(paths.predictions("classification")) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_killed_run_computes_only_what_is_missing(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    classify(paths, labels, tiny)
    before = contents(paths.predictions("classification"))
    shards = sorted(Path(".phenoprot/predictions").glob("*/*"))
    assert len(shards) == 8
    shutil.rmtree(shards[0])
    (shards[1] / "predictions.parquet").write_bytes(b"PAR1")
    pool.computed.clear()
    classify(paths, labels, tiny)
    assert sorted(pool.computed) == sorted(s.name.replace("+", " ") for s in shards[:2])
    assert contents(paths.predictions("classification")) == before


@pytest.mark.parametrize(
    "change", ["clip", "linear", "features", "labels", "folds", "a repeat", "code"]
)
def test_what_changed_is_computed_again(
    change: str,
    paths: Paths,
    labels: pd.DataFrame,
    tiny: TaskSettings,
    pool: InProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classify(paths, labels, tiny)
    pool.computed.clear()
    expected = EVERYTHING
    if change == "clip":
        tiny = tiny.model_copy(update={"clip": 3.0})
    elif change == "linear":
        linear = tiny.linear.model_copy(update={"components": 5})
        tiny = tiny.model_copy(update={"linear": linear})
    elif change == "features":
        table = pd.read_parquet(paths.profiles / "x.parquet")
        table.assign(f0=-table["f0"]).to_parquet(paths.profiles / "x.parquet")
    elif change == "labels":
        labels = labels.assign(q=1 - labels["q"])  # which "down" has not
        expected = EVERYTHING[:4]
    elif change == "folds":
        table = pd.read_csv(paths.folds)
        table.assign(Fold=(table["Fold"] + 1) % 3).to_csv(paths.folds, index=False)
    elif change == "a repeat":
        table = pd.read_csv(paths.folds)
        more = table[table["Metadata_Repeat"] == 0].assign(Metadata_Repeat=2)
        pd.concat([table, more]).to_csv(paths.folds, index=False)
        splits = tiny.splits.model_copy(update={"repeats": 3})
        tiny = tiny.model_copy(update={"splits": splits})
        expected = [name[:-1] + "3" for name in EVERYTHING[::2]]
    else:
        monkeypatch.setattr(run, "code_fingerprint", lambda *modules: "a changed line")
    classify(paths, labels, tiny)
    assert pool.computed == expected


def test_a_row_more_computes_that_row(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    for names in (["linear"], ["linear", "both"]):
        rows = {name: ROWS[name] for name in names}
        task = Given("targets", {"targets": labels})
        run_task(task, LabelSources(paths, Path()), rows, tiny, LOCAL)
    assert pool.computed == [f"targets {row} {i}" for row in ("linear", "both") for i in (1, 2)]
    written = sorted(p.name for p in (paths.predictions("targets") / "rows").iterdir())
    assert written == ["both.parquet", "linear.parquet"]


def test_plan_of_a_task(paths: Paths, tiny: TaskSettings) -> None:
    folder = paths.predictions("regression")
    chosen = models({name: ROWS[name] for name in ("first", "linear", "shuffled")}, tiny)
    runs = plan(ROWS, chosen, "mse", folder, paths, tiny)
    assert [(r.row, r.repeat, r.shuffled, r.model.name, r.loss) for r in runs] == [
        ("first", 0, False, "mlp", "mse"),
        ("first", 1, False, "mlp", "mse"),
        ("linear", 0, False, "linear", "mse"),
        ("linear", 1, False, "linear", "mse"),
        ("shuffled", 0, True, "linear", "mse"),
        ("shuffled", 1, True, "linear", "mse"),
    ]
    runs = plan(ROWS, models(ROWS, tiny), "bce", paths.predictions("targets"), paths, tiny)
    assert [r.loss for r in runs] == ["bce"] * 8
    assert runs[2].features == (paths.labels / "levels.parquet", paths.profiles / "x.parquet")


def test_fingerprints_tell_shards_apart(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    runs = targets_runs(paths, labels, tiny)
    shards = shards_of(runs)
    assert len({shard.fingerprint for shard in shards}) == len(runs) == 8
    assert shards == shards_of(runs)
    assert [shard.name for shard in shards][-2:] == ["targets shuffled 1", "targets shuffled 2"]


def test_predictions_of_a_shuffled_shard(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    runs = {(r.row, r.repeat): r for r in targets_runs(paths, labels, tiny)}
    one, two, plain = (
        predict(runs[key]) for key in (("shuffled", 0), ("shuffled", 1), ("linear", 0))
    )
    assert two["Metadata_Repeat"].unique().tolist() == [1]
    assert one["Metadata_LabelsOf"].tolist() != two["Metadata_LabelsOf"].tolist()
    assert plain["Metadata_LabelsOf"].tolist() == plain["Metadata_Compound"].tolist()
    assert plain.columns.tolist() == [
        "Metadata_Compound",
        "Metadata_Concentration",
        "Fold",
        "Metadata_LabelsOf",
        "Metadata_Repeat",
        "p",
        "q",
    ]
    # Ordered by treatment, scored by every fold.
    assert plain["Metadata_Compound"].is_monotonic_increasing
    assert np.isfinite(plain[["p", "q"]].to_numpy()).all()


def test_a_task_without_targets_says_what_to_do(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    task = Given("classification", {"classification/up": labels.iloc[:, :1]})
    with pytest.raises(UserError) as error:
        run_task(task, LabelSources(paths, Path()), ROWS, tiny, LOCAL)
    assert str(error.value) == (
        f"{paths.labels}: no target has enough labels for classification up. Lower the limits of "
        "tasks.classification in params.yaml, or bring more data."
    )


def test_results_do_not_depend_on_the_number_of_workers(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    """In real processes: two workers write the bytes that one writes."""
    runs = targets_runs(paths, labels, tiny, ("first", "linear"))
    one, two = (
        cross_validate(runs, Path(str(workers)), "toy", ExecutionSettings(workers=workers))
        for workers in (1, 2)
    )
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert "toy: 4/4" in capfd.readouterr().err
    here = predict(runs[2])
    pd.testing.assert_frame_equal(pd.read_parquet(one[2]), here, rtol=1e-4)


# Keys: all that a result depends on, and nothing else.


def keys(paths: Paths, labels: pd.DataFrame, settings: TaskSettings) -> dict[str, str]:
    """Fingerprints of an MLP's and a linear row by name."""
    runs = targets_runs(paths, labels, settings, ("first", "linear"))
    shards = zip(runs, shards_of(runs), strict=True)
    return {run.row: shard.fingerprint for run, shard in shards if run.repeat == 0}


@pytest.mark.parametrize(
    ("block", "value", "changed"),
    [
        # Those of tasks count by their label matrices.
        ("targets", {"min_compounds": 9}, set()),
        ("classification", {"min_positives": 9}, set()),
        ("regression", {"loss": "smape"}, set()),
        ("others", {"another": {}}, set()),
        ("mlp_poster", {"patience": 9}, set()),
        ("linear", {"components": 3}, {"linear"}),
        ("mlp", {"width": [8]}, {"first"}),
        ("mlp", {"patience": 9}, {"first"}),
        ("splits", {"repeats": 9}, set()),
        ("splits", {"seed": 9}, {"first", "linear"}),
        ("clip", 5.0, {"first", "linear"}),
    ],
)
def test_a_key_holds_the_settings_of_its_model_and_of_the_splits_only(
    block: str,
    value: object,
    changed: set[str],
    paths: Paths,
    labels: pd.DataFrame,
    tiny: TaskSettings,
) -> None:
    old = getattr(tiny, block)
    new = old.model_copy(update=value) if hasattr(old, "model_copy") else value
    before = keys(paths, labels, tiny)
    after = keys(paths, labels, tiny.model_copy(update={block: new}))
    assert {name for name in before if before[name] != after[name]} == changed


def test_variants_have_folds_and_a_folder_of_their_own(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    one = pd.read_csv(paths.folds)
    fold = one["Metadata_Group"].str[1:].astype(int) % 3
    harder = one.assign(Metadata_Kind="scaffold", Fold=fold)
    pd.concat([one, harder]).to_csv(paths.folds, index=False)
    rows = {
        "plain": ROWS["linear"],
        "harder": RowSettings(features=["x"], model="linear", splits="scaffold"),
        "fewer": RowSettings(features=["x"], model="linear", train_share=0.5),
    }
    task = Given("targets", {"targets": labels})

    def again() -> list[str]:
        pool.computed.clear()
        run_task(task, LabelSources(paths, Path()), rows, tiny, LOCAL)
        return list(pool.computed)

    assert again() == [f"targets {row} {i}" for row in rows for i in (1, 2)]
    folder = paths.predictions("targets")
    assert [p.name for p in (folder / "rows").iterdir()] == ["plain.parquet"]
    variants = {p.stem: pd.read_parquet(p) for p in (folder / "variants").iterdir()}
    plain = pd.read_parquet(folder / "rows" / "plain.parquet")
    assert set(variants) == {"harder", "fewer"}
    key = ["Metadata_Compound", "Metadata_Repeat", "Fold"]
    pd.testing.assert_frame_equal(variants["fewer"][key], plain[key])
    assert not np.allclose(variants["fewer"][["p", "q"]], plain[["p", "q"]])
    expected = harder[["Metadata_Compound", "Metadata_Repeat", "Fold"]]
    merged = variants["harder"].merge(expected, on=key)
    assert len(merged) == len(plain)
    # Only what hangs on the changed folds is computed again.
    moved = harder.assign(Fold=(harder["Fold"] + (harder["Metadata_Repeat"] == 1)) % 3)
    pd.concat([one, moved]).to_csv(paths.folds, index=False)
    assert again() == ["targets harder 2"]
    one.to_csv(paths.folds, index=False)
    with pytest.raises(UserError) as error:
        again()
    assert str(error.value).startswith(
        "params.yaml: splits of row 'harder': the screen has no folds of kind 'scaffold'; it has: "
        "compound. "
    )


def test_the_device_is_in_the_key_of_what_runs_on_it(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of a GPU are not those of the CPU; the linear model knows none."""
    monkeypatch.setattr(run, "choose_device", lambda: "cpu")
    on_cpu = keys(paths, labels, tiny)
    monkeypatch.setattr(run, "choose_device", lambda: "cuda:0")
    monkeypatch.setattr(run, "device_name", lambda device: "H100" if device != "cpu" else device)
    on_gpu = keys(paths, labels, tiny)
    assert on_cpu["first"] != on_gpu["first"]
    assert on_cpu["linear"] == on_gpu["linear"]
    runs = targets_runs(paths, labels, tiny, ("first", "linear"))
    assert [shard.payload[1] for shard in shards_of(runs)] == ["cuda:0"] * 2 + ["cpu"] * 2


def test_the_code_of_a_key_is_that_of_the_worker_and_the_model(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(run, "code_fingerprint", lambda *modules: asked.append(modules))
    keys(paths, labels, tiny)
    worker = "phenoprot.tasks.crossvalidate"
    assert asked[::2] == [(worker, "phenoprot.tasks.nested"), (worker, "phenoprot.tasks.linear")]


def test_the_code_of_a_key_is_no_more_than_it_needs() -> None:
    """An edit of a task, a table, a stage or an executor trains nothing again."""
    linear = import_closure("phenoprot.tasks.crossvalidate", "phenoprot.tasks.linear")
    packages = {name.split(".")[1] for name in linear.modules if "." in name}
    assert packages == {"core", "screens", "tasks"}
    tasks = {name.removeprefix("phenoprot.tasks.") for name in linear.modules if ".tasks." in name}
    assert tasks == {
        *("columns", "crossvalidate", "data", "fewer", "fit_settings", "folds", "linear", "model"),
        *("pairs", "predictions", "ridge", "scaling"),
    }
    assert "torch" not in linear.libraries
    mlp = import_closure("phenoprot.tasks.crossvalidate", "phenoprot.tasks.nested")
    assert "torch" in mlp.libraries
    assert "phenoprot.tasks.linear" not in mlp.modules


def test_the_executor_is_the_one_of_params_yaml(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = InProcess()
    asked: list[int | None] = []

    def ray(compute: Compute, jobs: Iterator[Job], workers: int | None) -> Iterator[Outcome]:
        asked.append(workers)
        return pool(compute, jobs, workers)

    monkeypatch.setitem(EXECUTORS, "ray", ray)
    task = Given("targets", {"targets": labels})
    rows = {"linear": ROWS["linear"]}
    execution = ExecutionSettings(executor="ray", workers=3)
    run_task(task, LabelSources(paths, Path()), rows, tiny, execution)
    assert asked == [3]
    assert pool.computed == ["targets linear 1", "targets linear 2"]


# Rows: unknown tasks and models, and models that do not fit.


def refused(paths: Paths, labels: pd.DataFrame, settings: TaskSettings, **row: object) -> str:
    rows = {"mine": RowSettings.model_validate({"features": ["x"], "model": "linear"} | row)}
    with pytest.raises(UserError) as error:
        run_task(
            Given("targets", {"targets": labels}),
            LabelSources(paths, Path()),
            rows,
            settings,
            LOCAL,
        )
    return str(error.value)


def test_unknown_tasks_are_named(paths: Paths, labels: pd.DataFrame, tiny: TaskSettings) -> None:
    message = refused(paths, labels, tiny, tasks=["targets", "toxicity", "fate"])
    assert message == (
        "params.yaml: tasks of row 'mine': 2 unknown task(s): 'toxicity', 'fate'; there are: "
        "classification, regression, targets, sensitivity. Name tasks of this list."
    )


def test_unknown_models_are_named(paths: Paths, labels: pd.DataFrame, tiny: TaskSettings) -> None:
    assert refused(paths, labels, tiny, model="mpl").startswith(
        "params.yaml: model of row 'mine': no model 'mpl'; there are: mlp, mlp_poster, linear, "
        "sklearn.<module>.<class>. "
    )


def test_our_models_take_no_parameters_in_a_row(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    model = {"estimator": "linear", "parameters": {"penalties": [1.0]}}
    assert refused(paths, labels, tiny, model=model) == (
        "params.yaml: model 'linear' takes no parameters in a row: penalties. Set tasks.linear."
    )


def test_a_classifier_in_all_tasks_is_told_to_choose(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    model = "sklearn.linear_model.LogisticRegression"
    assert refused(paths, labels, tiny, model=model) == (
        f"params.yaml: model of row 'mine': {model} predicts 1 / 0 labels only, and the row takes "
        "part in: regression. Set tasks of the row to [classification, targets]."
    )
    message = refused(paths, labels, tiny, model="sklearn.linear_model.Ridge", tasks=["targets"])
    assert message.endswith("takes part in: targets. Choose another model, or other tasks.")


def test_settings_of_a_task_of_another_package(
    tiny: TaskSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(Settings):
        share: float

    monkeypatch.setitem(TASKS.built_in, "mine", "somewhere:TASK")
    task = Given("mine", {})
    task.settings = Own

    def own(**others: object) -> Settings:
        return run.settings_of(task, tiny.model_copy(update={"others": others}))

    assert own(mine={"share": 0.5}) == Own(share=0.5)
    with pytest.raises(UserError) as error:
        own(mine={"part": 1})
    assert str(error.value).startswith("params.yaml: tasks.others.mine: ")
    assert "key 'share' is missing" in str(error.value)
    assert "unknown key 'part'" in str(error.value)
    with pytest.raises(
        UserError, match=r"^params\.yaml: tasks\.others: 1 unknown task\(s\): 'min'"
    ):
        own(mine={"share": 0.5}, min={})
