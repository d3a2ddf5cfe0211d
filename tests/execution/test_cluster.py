"""Every stage that has shards on a Ray cluster of two machines, one of which is lost."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.evaluation.test_contributions import SETTINGS, in_process, toy_screen
from tests.pipeline.test_whole_run import content, made
from tests.whole import SCREEN, run_stage, stages
from tests.wild.stages import call_stage, inside

from phenoprot.core.errors import UserError
from phenoprot.core.paths import WORK
from phenoprot.evaluation.contribution_run import write_contributions
from phenoprot.execution import cluster
from phenoprot.execution.attempt import Outcome
from phenoprot.execution.run import EXECUTORS, run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import complete
from phenoprot.pipeline.params import load_params
from phenoprot.pipeline.stage import Stage
from phenoprot.screens import readout
from phenoprot.tasks.settings import RowSettings

from .computations import compute, computed, contents, shards

pytestmark = pytest.mark.slow
RAY = ExecutionSettings(executor="ray", workers=2)
SHARDED = (
    *("simulate", "images", "segment", "crops", "features"),
    *("predict-classification", "predict-regression", "predict-targets", "predict-sensitivity"),
    *("choose", "evaluate"),
)
"""Stages with shards; those of curves and labels have them where the readout is large, and those of
contributions in a test of their own: no row of the tiny run asks for any."""
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 2,
}
"""A lost machine is found in a second."""


class Machines:
    """Two machines of one core each; this process is on the first."""

    def __init__(self, ray: Any) -> None:
        from ray.cluster_utils import Cluster

        self.here = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
        first = {**self.here, "_system_config": QUICK}
        self.cluster = Cluster(initialize_head=True, head_node_args=first)
        self.second = self.cluster.add_node(**self.here)
        self.ray = ray
        ray.init(address=self.cluster.address, logging_level="ERROR")

    def lose(self) -> None:
        """End the second machine at once."""
        self.cluster.remove_node(self.second, allow_graceful=False)

    def replace(self) -> None:
        """Have a second machine again."""
        self.second = self.cluster.add_node(**self.here)
        self.cluster.wait_for_nodes()

    def close(self) -> None:
        """End all."""
        self.ray.shutdown()
        self.cluster.shutdown()


@pytest.fixture(scope="module")
def two() -> Iterator[Machines]:
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch, cluster._for_this_machine_alone():
        for name, value in cluster.CLUSTER_ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        machines = Machines(ray)
        try:
            yield machines
        finally:
            machines.close()


@pytest.fixture
def on_ray(whole_run: Path, tmp_path: Path) -> Path:
    """A copy of the run without its finished shards, to be worked on by Ray."""
    folder = tmp_path / "run"
    shutil.copytree(
        whole_run, folder, symlinks=True, ignore=lambda _, names: {WORK.name} & {*names}
    )
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["execution"] = {"executor": "ray", "workers": 2}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return folder


def run_on_ray(stage: Stage, folder: Path) -> None:
    """Run a stage whose results are taken away first, but for what a simulation replaces."""
    with inside(folder):
        for place in made(stage):
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        call_stage(" ".join([stage.script or stage.name, *stage.arguments]), SCREEN)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the shards that Ray computed."""
    names: list[str] = []

    def counted(*arguments: Any) -> Iterator[Outcome]:
        for outcome in cluster.run_ray(*arguments):
            names.append(outcome.job.shard.name)
            yield outcome

    monkeypatch.setitem(EXECUTORS, "ray", counted)
    return names


@pytest.mark.parametrize("stage", [s for s in stages() if s.name in SHARDED], ids=lambda s: s.name)
@pytest.mark.usefixtures("two")
def test_a_stage_gives_the_same_bytes(
    stage: Stage, whole_run: Path, on_ray: Path, sent: list[str]
) -> None:
    run_on_ray(stage, on_ray)
    assert len(sent) > 1
    places = made(stage) or [Path("data/screens") / SCREEN]
    assert content(on_ray, places) == content(whole_run, places)


@pytest.mark.usefixtures("two")
def test_a_large_readout_in_blocks(
    whole_run: Path,
    on_ray: Path,
    tmp_path: Path,
    sent: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Curves and the ceiling of labels: of each block first the position, then the numbers."""
    monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", 10)
    monkeypatch.setattr(readout, "VALUES_OF_BLOCK", 1000)
    local = tmp_path / "local"
    shutil.copytree(whole_run, local, symlinks=True)
    for stage in [stage for stage in stages() if stage.name in {"curves", "labels"}]:
        with inside(local):
            run_stage(stage)
        run_on_ray(stage, on_ray)
        assert content(on_ray, made(stage)) == content(local, made(stage)) != {}
    assert len(sent) == 2 * 2 * 3


@pytest.mark.usefixtures("two")
def test_contributions(tmp_path: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of made-up features: the tiny run has none of CellProfiler's."""
    tasks = load_params().tasks
    rows = {
        name: RowSettings(features=["cellprofiler"], model=name, contributions=True)
        for name in ("linear", "mlp")
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXECUTORS, "local", in_process)
    paths, found = toy_screen(), []
    for execution in (ExecutionSettings(), RAY):
        write_contributions(paths, Path("screen"), rows, tasks, SETTINGS, execution)
        found.append(content(tmp_path, [paths.contributions]))
        shutil.rmtree(paths.contributions)
        shutil.rmtree(WORK)
    assert sorted(sent) == ["classification/up linear", "classification/up mlp"]
    assert len(found[0]) == 4
    assert found[0] == found[1]


def until(there: Callable[[], bool]) -> None:
    """Wait, a minute at most."""
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def when(there: Callable[[], bool], do: Callable[[], object]) -> Callable[[], None]:
    """Do something as soon as something is there, beside the test.

    Returns
    -------
    callable
        Waits until it is done; raises what it raised.
    """
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            until(there)
            do()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()

    def done() -> None:
        thread.join()
        if failed:
            raise failed[0]

    return done


def test_the_shard_of_a_lost_machine_is_begun_anew(
    two: Machines, tmp_path: Path, counts: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_shards(compute, shards(tmp_path / "before"), tmp_path / "local", "toy", ExecutionSettings())

    def lose() -> None:
        workers = [int(path.read_text()) for path in counts.iterdir()]
        two.lose()
        # A worker ends soon after its machine's daemon.
        until(lambda: not all(Path(f"/proc/{worker}/cmdline").exists() for worker in workers))
        (tmp_path / "go").touch()

    lost = when(lambda: len(computed(counts)) == 2, lose)
    waiting = shards(counts, P1A="waits", P1B="waits")
    run_shards(compute, waiting, tmp_path / "ray", "toy", RAY)
    lost()
    two.replace()
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    # The one that was on the machine that stayed was begun once, and so were those that followed.
    times = computed(counts)
    assert sorted([times.pop("P1/A"), times.pop("P1/B")]) == [1, 2]
    assert times == {"P1/C": 1, "P2/A": 1}
    said = capfd.readouterr().err
    assert "a machine of the cluster was lost: shard P1/" in said


def test_a_stage_loses_a_machine(
    two: Machines, whole_run: Path, on_ray: Path, sent: list[str]
) -> None:
    """The same bytes, whether or not a shard was at work there just then."""
    stage = next(stage for stage in stages() if stage.name == "predict-classification")
    lost = when(lambda: len(sent) > 1, two.lose)
    run_on_ray(stage, on_ray)
    lost()
    two.replace()
    assert content(on_ray, made(stage)) == content(whole_run, made(stage))


def test_a_shard_that_takes_machines_with_it_fails(
    work: Path, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as :data:`cluster.LOSSES` are made up for, not one more."""
    ray = pytest.importorskip("ray")
    begun: list[str] = []

    class Task:
        def remote(self, *_: object) -> str:
            begun.append("P1/A")
            return f"reference {len(begun)}"

    def lost(_: object) -> None:
        raise ray.exceptions.NodeDiedError("the node has died")

    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "remote", lambda **_: lambda _task: Task())
    monkeypatch.setattr(ray, "wait", lambda references: (references[:1], references[1:]))
    monkeypatch.setattr(ray, "get", lost)
    with pytest.raises(UserError) as error:
        run_shards(compute, shards(counts, "P1/A"), work, "toy", RAY)
    assert len(begun) == cluster.LOSSES + 1
    assert str(error.value) == (
        "toy, shard P1/A: 4 machines of the cluster were lost while they computed it. Finished "
        "shards are kept: look why they end (`ray status`, memory), and run again."
    )


def test_failures_on_a_cluster_that_is_there(
    two: Machines, work: Path, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"toy, shard P1/B: images.csv: 2 files are missing"):
        run_shards(compute, shards(counts, P1B="user"), work, "toy", RAY)
    assert complete(work / ("ab" * 8) / "P1~A", "ab" * 32)
    with pytest.raises(UserError, match=r"shard P3/A: its Ray worker died: .*fewer workers"):
        run_shards(compute, shards(counts, "P3/A", P3A="SIGKILL"), work, "toy", RAY)
    monkeypatch.setattr(cluster, "PATIENCE", 0.3)
    monkeypatch.setattr(cluster, "MANIFEST", "not_there.json")
    with pytest.raises(UserError, match=r"and this one does not see it. Run in a folder that"):
        run_shards(compute, shards(counts, "P4/A"), work, "toy", RAY)
    assert two.ray.is_initialized()


@pytest.mark.usefixtures("two")
def test_both_machines_compute(work: Path, counts: Path) -> None:
    """Two shards wait for each other: they are on two machines of one core."""
    go = when(lambda: len(computed(counts)) == 2, (counts.parent / "go").touch)
    run_shards(compute, shards(counts, "P1/A P1/B", P1A="waits", P1B="waits"), work, "toy", RAY)
    go()
    workers = {(counts / name).read_text().strip() for name in ("P1~A", "P1~B")}
    assert len(workers) == 2
    assert str(os.getpid()) not in workers
