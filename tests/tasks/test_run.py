"""Shards: resumed, never stale, the same for any number of workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.execution.attempt import Job, Outcome, attempt
from phenoprot.execution.run import EXECUTORS
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import Compute
from phenoprot.tasks import run
from phenoprot.tasks.run import cross_validate, plan, predict, run_task, shards_of
from phenoprot.tasks.settings import RowSettings, TaskSettings

from .conftest import Problem

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
    key[["Metadata_Compound"]].assign(Metadata_Group=problem.groups, Fold=problem.folds).to_csv(
        paths.folds, index=False
    )
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
    parts = {"up": labels, "down": labels.iloc[:, :2]}
    run_task("classification", parts, chosen, paths, settings)


EVERYTHING = ["up linear", "up shuffled 1", "up shuffled 2", "down linear", "down shuffled 1",
              "down shuffled 2"]  # fmt: skip


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
    assert len(shards) == 6
    shutil.rmtree(shards[0])
    (shards[1] / "predictions.parquet").write_bytes(b"PAR1")
    pool.computed.clear()
    classify(paths, labels, tiny)
    assert sorted(pool.computed) == sorted(s.name.replace("+", " ") for s in shards[:2])
    assert contents(paths.predictions("classification")) == before


@pytest.mark.parametrize("change", ["settings", "features", "labels", "folds", "code"])
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
    if change == "settings":
        tiny = tiny.model_copy(update={"clip": 3.0})
    elif change == "features":
        table = pd.read_parquet(paths.profiles / "x.parquet")
        table.assign(f0=-table["f0"]).to_parquet(paths.profiles / "x.parquet")
    elif change == "labels":
        labels = labels.assign(q=1 - labels["q"])  # which "down" has not
        expected = EVERYTHING[:3]
    elif change == "folds":
        table = pd.read_csv(paths.folds)
        table.assign(Fold=(table["Fold"] + 1) % 3).to_csv(paths.folds, index=False)
    else:
        monkeypatch.setattr(run, "CODE", (*run.CODE, "phenoprot.core.errors"))
    classify(paths, labels, tiny)
    assert pool.computed == expected


def test_a_row_more_computes_that_row(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    for names in (["linear"], ["linear", "both"]):
        rows = {name: ROWS[name] for name in names}
        run_task("targets", {"": labels}, rows, paths, tiny)
    assert pool.computed == ["targets linear", "targets both"]
    written = sorted(p.name for p in (paths.predictions("targets") / "rows").iterdir())
    assert written == ["both.parquet", "linear.parquet"]


def test_plan_of_a_task(paths: Paths, tiny: TaskSettings) -> None:
    folder = paths.predictions("regression")
    runs = plan(ROWS, "regression", folder, paths, tiny)
    assert [(r.row, r.repeat, r.model, r.loss) for r in runs] == [
        ("first", 0, "mlp", "mse"),
        ("linear", 0, "linear", "mse"),
        ("shuffled", 1, "linear", "mse"),
        ("shuffled", 2, "linear", "mse"),
    ]
    runs = plan(ROWS, "targets", paths.predictions("targets"), paths, tiny)
    assert [r.loss for r in runs] == ["bce"] * 5
    assert runs[1].features == (paths.labels / "levels.parquet", paths.profiles / "x.parquet")


def test_fingerprints_tell_shards_apart(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    folder = paths.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    runs = plan(ROWS, "targets", folder, paths, tiny)
    shards = shards_of(runs, tiny)
    assert len({shard.fingerprint for shard in shards}) == len(runs) == 5
    assert shards == shards_of(runs, tiny)
    assert [shard.name for shard in shards][-2:] == ["targets shuffled 1", "targets shuffled 2"]


def test_predictions_of_a_shuffled_shard(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    folder = paths.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    runs = {(r.row, r.repeat): r for r in plan(ROWS, "targets", folder, paths, tiny)}
    one, two, plain = (
        predict(runs[key], tiny) for key in (("shuffled", 1), ("shuffled", 2), ("linear", 0))
    )
    assert one["Metadata_Repeat"].unique().tolist() == [1]
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
    with pytest.raises(UserError) as error:
        run_task("classification", {"up": labels.iloc[:, :1]}, ROWS, paths, tiny)
    assert str(error.value) == (
        f"{paths.labels}: no target has enough labels for classification up. Lower the limits in "
        "params.yaml under tasks.classification, or bring more data."
    )


def test_results_do_not_depend_on_the_number_of_workers(
    paths: Paths, labels: pd.DataFrame, tiny: TaskSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    """In real processes: two workers write the bytes that one writes."""
    folder = paths.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    rows = {name: ROWS[name] for name in ("first", "linear")}
    runs = plan(rows, "targets", folder, paths, tiny)
    one, two = (
        cross_validate(runs, tiny, Path(str(workers)), "toy", ExecutionSettings(workers=workers))
        for workers in (1, 2)
    )
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert "toy: 2/2" in capfd.readouterr().err
    here = predict(runs[1], tiny)
    pd.testing.assert_frame_equal(pd.read_parquet(one[1]), here, rtol=1e-4)
