"""Runs that are killed, interrupted, or started twice, in processes of their own."""

from __future__ import annotations

import fnmatch
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from phenoprot.execution.lock import work_lock
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings

from .computations import compute, computed, contents, shards

DRIVER = Path(__file__).with_name("driver.py")
ROOT = Path(__file__).parents[2]
ONE = ExecutionSettings(workers=1)


def start(work: Path, counts: Path, *fates: str) -> subprocess.Popen[str]:
    """Run the four shards with two workers in a session of its own."""
    command = [sys.executable, str(DRIVER), str(work), str(counts), *fates]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end, "waited for a minute"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a dead one that nobody has waited for yet
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def workers_of(counts: Path) -> set[int]:
    return {int(line) for path in counts.glob("*") for line in path.read_text().splitlines()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run writes that nothing has happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_shards(compute, shards(folder / "counts"), folder / "work", "toy", ONE)
    return contents(folder / "work")


def found(folder: Path, pattern: str) -> list[str]:
    """Names below a folder in which processes work: what vanishes meanwhile is passed over."""
    names = [name for _, folders, files in os.walk(folder) for name in (*folders, *files)]
    return fnmatch.filter(names, pattern)


def half_done(work: Path, counts: Path) -> subprocess.Popen[str]:
    """A run that has finished P1/A and P1/C, and sits in P1/B with a file half written."""
    process = start(work, counts, "P1B=half", "P2A=half")
    until(lambda: len(found(work, "shard.json")) == 2 and "P2/A" in computed(counts))
    until(lambda: len(found(work, ".*.partial")) == 2)
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 1)],
    ids=["kill", "term", "int"],
)
def test_a_run_that_is_ended_goes_on(
    number: signal.Signals,
    code: int,
    work: Path,
    counts: Path,
    undisturbed: dict[str, bytes],
) -> None:
    process = half_done(work, counts)
    workers = workers_of(counts)
    finished = contents(work / ("ab" * 8) / "P1~A")
    begun = time.monotonic()
    process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode in {code, -number}
    until(lambda: not any(map(alive, workers)))
    assert time.monotonic() - begun < 10  # the shards at work would take a minute
    if number == signal.SIGKILL:
        assert len(list(work.rglob(".*.partial"))) == 2
    else:
        assert "toy: stopped; finished shards are kept\n" in said
        assert not list(work.rglob(".*.partial"))
    run_shards(compute, shards(counts), work, "toy", ONE)
    assert computed(counts) == {"P1/A": 1, "P1/B": 2, "P1/C": 1, "P2/A": 2}
    assert contents(work / ("ab" * 8) / "P1~A") == finished
    assert contents(work) == undisturbed


def test_ctrl_c_in_a_terminal_prints_nothing_of_the_workers(work: Path, counts: Path) -> None:
    process = half_done(work, counts)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[1]
    assert said.count("Traceback") == 1
    until(lambda: not any(map(alive, workers_of(counts))))


def test_a_second_run_waits(work: Path, counts: Path) -> None:
    first = start(work, counts, "P1B=waits")
    until(lambda: "P1/B" in computed(counts))
    second = start(work, counts)
    line = second.stderr.readline()
    assert line.startswith(f"toy: waiting for process {first.pid} on ")
    assert line.endswith(f" (toy) to leave {work}\n")
    (counts.parent / "go").touch()
    first.communicate()
    assert second.communicate()[1] == ""
    assert (first.returncode, second.returncode) == (0, 0)
    assert computed(counts) == {"P1/A": 1, "P1/B": 1, "P1/C": 1, "P2/A": 1}


def test_the_lock_of_a_killed_run_is_free(work: Path, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib\n"
            "from phenoprot.execution.lock import work_lock\n"
            "with work_lock(pathlib.Path(sys.argv[1]), 'toy'):\n"
            "    print('held', flush=True)\n"
            "    time.sleep(60)\n",
            str(work),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    with work_lock(work, "toy"):
        assert f'"pid": {os.getpid()}' in (work / ".lock").read_text()
