"""Output folders that several runs publish at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.folders import MARKER, replaced_folder
from phenoprot.execution.publish import published
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings

from .computations import compute, shards

ONE = ExecutionSettings(workers=1)


def content(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {MARKER}


@pytest.mark.usefixtures("here")
def test_runs_that_publish_at_once(work: Path, counts: Path) -> None:
    """Under the lock of the work folder: one after the other, none fails."""
    output = work.parent / "output"

    def run(number: int) -> None:
        some = shards(counts, "P1/A P1/B")

        def finish(folders: list[Path]) -> None:
            files = {
                f"{shard.name}.npy": folder / "table.npy"
                for shard, folder in zip(some, folders, strict=True)
            }
            with published(output, "toy", files) as new:
                (new / "number.txt").write_text(str(number))

        run_shards(compute, some, work, f"run {number}", ONE, finish)

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(run, range(40)))) == 40
    assert content(output) == {"P1", "number.txt"}
    assert content(output / "P1") == {"A.npy", "B.npy"}
    assert not list(work.parent.glob(".output*"))


def publish_often(output: Path, name: str, times: int) -> None:
    for number in range(times):
        with replaced_folder(output, "toy") as new:
            (new / "name.txt").write_text(name * 1000)
            (new / f"{name}{number}").mkdir()
            (new / f"{name}{number}" / "more.txt").write_text(name)


def test_processes_that_share_nothing_but_the_folder(tmp_path: Path) -> None:
    """With work folders of their own there is no common lock, and none fails all the same."""
    output = tmp_path / "output"
    context = multiprocessing.get_context("fork")
    names = "abcdefgh"
    crew = [context.Process(target=publish_often, args=(output, name, 30)) for name in names]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0] * len(names)
    assert (output / "name.txt").read_text() in {name * 1000 for name in names}
    assert len(content(output)) == 2
    assert not list(tmp_path.glob(".output*"))


def half_published(output: Path) -> None:
    with replaced_folder(output, "toy") as new:
        (new / "large.bin").write_bytes(bytes(100_000))
        print("written", flush=True)
        time.sleep(60)


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    output = tmp_path / "output"
    publish_often(output, "a", 1)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=half_published, args=(output,))
    process.start()
    end = time.monotonic() + 30
    while not list(tmp_path.glob(".output.*/large.bin")) and time.monotonic() < end:
        time.sleep(0.01)
    publish_often(output, "b", 1)  # the folder of one that lives stays
    assert list(tmp_path.glob(".output.*/large.bin"))
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert (output / "name.txt").read_text() == "b" * 1000
    publish_often(output, "c", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["output"]


def test_names_that_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("x")
    for name in ("../keep", "P1/../../keep", "/keep", "P1//A", "."):
        with (
            pytest.raises(UserError, match="cannot be used as file names"),
            published(tmp_path / "out", "toy", {name: tmp_path / "source"}),
        ):
            pass
    assert {path.name for path in tmp_path.iterdir()} == {"source"}


@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux' file of all mounts")
def test_a_mount_is_not_replaced() -> None:
    with (
        pytest.raises(UserError, match=r"is mounted|holds it"),
        replaced_folder(Path("/proc"), "toy"),
    ):
        pass
