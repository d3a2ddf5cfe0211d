"""Shards: resumed, never stale, the same for any number of workers, whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.errors import UserError
from phenoprot.layout import Layout
from phenoprot.tasks import run
from phenoprot.tasks.run import Shard, plan, run_shard, run_shards, run_task, shard_fingerprint
from phenoprot.tasks.settings import RowSettings, TaskSettings

from .conftest import Problem

ROWS = {
    "first": RowSettings(features=["x"], model="mlp"),
    "both": RowSettings(features=["proteome", "x"], model="linear", tasks=("targets",)),
    "linear": RowSettings(features=["x"], model="linear"),
    "shuffled": RowSettings(features=["x"], model="linear", shuffled=True),
}


@pytest.fixture
def layout(problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A toy screen's profiles, levels and folds in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    layout = Layout("toy")
    compounds = [f"c{i:03d}" for i in range(len(problem.folds))]
    key = pd.DataFrame({"Metadata_Compound": compounds, "Metadata_Concentration": 1.0})
    features = pd.DataFrame(problem.features, columns=[f"f{i}" for i in range(6)])
    levels = pd.DataFrame(problem.levels, columns=["p", "q"])
    for folder in (layout.profiles, layout.labels, layout.folds.parent):
        folder.mkdir(parents=True)
    pd.concat([key, features], axis=1).to_parquet(layout.profiles / "x.parquet")
    pd.concat([key, levels], axis=1).to_parquet(layout.labels / "levels.parquet")
    key[["Metadata_Compound"]].assign(Metadata_Group=problem.groups, Fold=problem.folds).to_csv(
        layout.folds, index=False
    )
    return layout


@pytest.fixture
def labels(problem: Problem) -> pd.DataFrame:
    table = pd.DataFrame(problem.labels, columns=["p", "q"])
    table.insert(0, "Metadata_Compound", [f"c{i:03d}" for i in range(len(table))])
    return table


class InProcess:
    """Stands for the pool: runs shards at once, in this process, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.computed: list[str] = []
        monkeypatch.setattr(run, "ProcessPoolExecutor", lambda *args, **kwargs: self)
        monkeypatch.setattr(run, "as_completed", list)

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, work: object, shard: Shard, *args: object) -> object:
        self.computed.append(shard.name)
        seconds = work(shard, *args)
        return type("Done", (), {"result": lambda self: seconds})()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess(monkeypatch)


def classify(layout: Layout, labels: pd.DataFrame, settings: TaskSettings) -> None:
    chosen = {name: ROWS[name] for name in ("linear", "shuffled")}
    parts = {"up": labels, "down": labels.iloc[:, :2]}
    run_task("classification", parts, chosen, layout, settings)


EVERYTHING = ["up linear", "up shuffled 1", "up shuffled 2", "down linear", "down shuffled 1",
              "down shuffled 2"]  # fmt: skip


def test_a_second_run_computes_nothing(
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    classify(layout, labels, tiny)
    assert pool.computed == EVERYTHING
    before = contents(layout.predictions("classification"))
    assert len(before) == 6
    classify(layout, labels, tiny)
    assert pool.computed == EVERYTHING
    assert contents(layout.predictions("classification")) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_killed_run_computes_only_what_is_missing(
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    classify(layout, labels, tiny)
    before = contents(layout.predictions("classification"))
    shards = sorted(Path(".phenoprot/predictions").glob("*.parquet"))
    assert len(shards) == 6
    for shard in shards[:2]:
        shard.unlink()
    # what a killed worker leaves: a hidden file under another name
    (shards[0].parent / f".{shards[0].name}.abc.parquet").write_bytes(b"half")
    pool.computed.clear()
    classify(layout, labels, tiny)
    assert len(pool.computed) == 2
    assert contents(layout.predictions("classification")) == before


@pytest.mark.parametrize("change", ["settings", "features", "labels", "folds", "code"])
def test_what_changed_is_computed_again(
    change: str,
    layout: Layout,
    labels: pd.DataFrame,
    tiny: TaskSettings,
    pool: InProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classify(layout, labels, tiny)
    pool.computed.clear()
    expected = EVERYTHING
    if change == "settings":
        tiny = tiny.model_copy(update={"clip": 3.0})
    elif change == "features":
        table = pd.read_parquet(layout.profiles / "x.parquet")
        table.assign(f0=-table["f0"]).to_parquet(layout.profiles / "x.parquet")
    elif change == "labels":
        labels = labels.assign(q=1 - labels["q"])  # which "down" has not
        expected = EVERYTHING[:3]
    elif change == "folds":
        table = pd.read_csv(layout.folds)
        table.assign(Fold=(table["Fold"] + 1) % 3).to_csv(layout.folds, index=False)
    else:
        monkeypatch.setattr(run, "CODE", (*run.CODE, "errors.py"))
    classify(layout, labels, tiny)
    assert pool.computed == expected


def test_a_row_more_computes_that_row(
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings, pool: InProcess
) -> None:
    for names in (["linear"], ["linear", "both"]):
        rows = {name: ROWS[name] for name in names}
        run_task("targets", {"": labels}, rows, layout, tiny)
    assert pool.computed == ["targets linear", "targets both"]
    written = sorted(p.name for p in (layout.predictions("targets") / "rows").iterdir())
    assert written == ["both.parquet", "linear.parquet"]


def test_plan_of_a_task(layout: Layout, tiny: TaskSettings) -> None:
    folder = layout.predictions("regression")
    shards = plan(ROWS, "regression", folder, layout, tiny)
    assert [(s.row, s.repeat, s.model, s.loss) for s in shards] == [
        ("first", 0, "mlp", "mse"),
        ("linear", 0, "linear", "mse"),
        ("shuffled", 1, "linear", "mse"),
        ("shuffled", 2, "linear", "mse"),
    ]
    shards = plan(ROWS, "targets", layout.predictions("targets"), layout, tiny)
    assert [s.loss for s in shards] == ["bce"] * 5
    assert shards[1].features == (layout.labels / "levels.parquet", layout.profiles / "x.parquet")


def test_fingerprints_tell_shards_apart(
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    folder = layout.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    shards = plan(ROWS, "targets", folder, layout, tiny)
    names = [shard_fingerprint(shard, tiny) for shard in shards]
    assert len(set(names)) == len(shards) == 5
    assert names == [shard_fingerprint(shard, tiny) for shard in shards]


def test_predictions_of_a_shuffled_shard(
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    folder = layout.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    shards = {(s.row, s.repeat): s for s in plan(ROWS, "targets", folder, layout, tiny)}
    one, two, plain = (
        run_shard(shards[key], tiny) for key in (("shuffled", 1), ("shuffled", 2), ("linear", 0))
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
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings
) -> None:
    with pytest.raises(UserError) as error:
        run_task("classification", {"up": labels.iloc[:, :1]}, ROWS, layout, tiny)
    assert str(error.value) == (
        f"{layout.labels}: no target has enough labels for classification up. Lower the limits in "
        "params.yaml under tasks.classification, or bring more data."
    )


def test_a_worker_that_fails_leaves_no_result(
    layout: Layout,
    labels: pd.DataFrame,
    tiny: TaskSettings,
    pool: InProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dies_while_writing(self: pd.DataFrame, path: Path, **options: object) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    folder = layout.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    shards = plan({"linear": ROWS["linear"]}, "targets", folder, layout, tiny)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", dies_while_writing)
    with pytest.raises(KeyboardInterrupt):
        run_shards(shards, tiny, Path("work"), "toy")
    assert list(Path("work").iterdir()) == []


def test_results_do_not_depend_on_the_number_of_workers(
    layout: Layout, labels: pd.DataFrame, tiny: TaskSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    """In real processes: two workers write the bytes that one writes."""
    folder = layout.predictions("targets")
    folder.mkdir(parents=True)
    labels.to_parquet(folder / "labels.parquet")
    rows = {name: ROWS[name] for name in ("first", "linear")}
    shards = plan(rows, "targets", folder, layout, tiny)
    one = run_shards(shards, tiny, Path("one"), "toy", workers=1)
    two = run_shards(shards, tiny, Path("two"), "toy", workers=2)
    assert [path.name for path in one] == [path.name for path in two]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert "toy: 2/2" in capfd.readouterr().err
    here = run_shard(shards[1], tiny)
    pd.testing.assert_frame_equal(pd.read_parquet(one[1]), here, rtol=1e-4)
