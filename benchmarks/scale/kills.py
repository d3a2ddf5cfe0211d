"""The curves stage of a large screen, killed at random moments and resumed each time.

``python -m benchmarks.scale.kills measure SCREEN WORK`` fits the curves of a screen folder once
undisturbed and once with ``kill -9`` of the whole process group at 20 random moments, in two new
folders below WORK. It says whether all files are equal byte by byte, and how often each shard was
begun: once, and once more for each kill that found it at work. There are two for each block of
proteins, the effect of the position and the curves. What it found is printed, and kept in
``benchmarks/scale/kills.json``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import typer  # noqa: E402

from phenoprot.core.errors import UserError  # noqa: E402
from phenoprot.core.files import file_sha256, write_json  # noqa: E402
from phenoprot.core.notices import errors_in_one_line  # noqa: E402
from phenoprot.core.paths import WORK, Paths  # noqa: E402
from phenoprot.execution.shards import MANIFEST, Compute  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
RESULTS = Path(__file__).with_name("kills.json")
BEGUN = "begun.txt"
"""File of a working folder with a line for each time that a shard was begun."""
STEP = (sys.executable, "-m", "benchmarks.scale.kills", "step")
"""Command that runs the stage."""
LATEST = 0.8
"""Share of the undisturbed course in which kills fall: another run may be faster."""
LOOK = 0.02
"""Seconds between two looks at what is finished."""


def shard_name(folder: Path) -> str:
    """Name of a shard by its folder, or by that in which it is being written."""
    name = folder.name
    return name[1:].rsplit(".", 2)[0] if name.startswith(".") else name


def begin(compute: Compute, begun: Path, payload: Any, folder: Path) -> None:
    """In a worker process: write down that a shard is begun, and compute it."""
    handle = os.open(begun, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{shard_name(folder)}\n".encode())
    finally:
        os.close(handle)
    compute(payload, folder)


@app.command()
def step(screen: Path, block: int = 0) -> None:
    """Run the stage in the working folder; each shard that is begun is written down."""
    from stages.curves import curves

    from phenoprot.curves import streamed
    from phenoprot.pipeline.params import load_params
    from phenoprot.pipeline.stage import Job
    from phenoprot.screens import readout

    if block:
        readout.LARGEST_IN_MEMORY, readout.VALUES_OF_BLOCK = 0, block
    run_shards = streamed.run_shards

    def counted(compute: Compute, *rest: Any) -> list[Path]:
        return run_shards(partial(begin, compute, Path(BEGUN).absolute()), *rest)

    streamed.run_shards = counted
    params = load_params(ROOT / "params.yaml")
    view = SimpleNamespace(curves=params.curves, labels=params.labels)
    with errors_in_one_line("curves"):
        curves(Job(screen.name, screen, view, params.execution))


@dataclass
class Run:
    """A process group that runs the stage in a folder."""

    folder: Path
    process: subprocess.Popen[bytes]
    start: float
    before: int
    """Shards begun in the folder when it started."""

    @classmethod
    def of(cls, screen: Path, folder: Path, block: int) -> Run:
        """Start one, see `measure`."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [*STEP, str(screen), "--block", str(block)],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return cls(folder, process, time.monotonic(), len(begun(folder)))

    @property
    def seconds(self) -> float:
        """Since its start."""
        return time.monotonic() - self.start

    @property
    def computes(self) -> bool:
        """Whether it has begun a shard."""
        return len(begun(self.folder)) > self.before

    def wait(self, there: Callable[[], bool]) -> bool:
        """Wait until something is there; False: the process ended before."""
        while not there():
            if self.process.poll() is not None:
                return False
            time.sleep(LOOK)
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL to all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish(self) -> None:
        """Let it end.

        Raises
        ------
        UserError
            It did not end well.
        """
        if code := self.process.wait():
            raise UserError(f"the stage ended with exit code {code}",
                            where=str(self.folder / "log.txt"))  # fmt: skip


def begun(folder: Path) -> list[str]:
    """Name of each shard that was begun, in the order of time."""
    path = folder / BEGUN
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def finished(folder: Path) -> set[str]:
    """Name of each shard that is finished.

    The stage renames and removes folders meanwhile: `os.walk` passes over one that is gone.
    """
    places = [Path(place) for place, _, files in os.walk(folder / WORK) if MANIFEST in files]
    return {p.name for p in places if not p.name.startswith(".")}


@dataclass(frozen=True)
class Course:
    """When what happened in the undisturbed run (s)."""

    first: float
    """When the first shard was begun."""
    ends: tuple[float, ...]
    """When each shard had ended, in their order."""
    end: float
    """When all had ended."""


def undisturbed(screen: Path, folder: Path, block: int) -> Course:
    """Run the stage to its end and note its course."""
    run = Run.of(screen, folder, block)
    run.wait(lambda: run.computes)
    first, ends = run.seconds, []
    while run.process.poll() is None:
        ends += [run.seconds] * (len(finished(folder)) - len(ends))
        time.sleep(LOOK)
    run.finish()
    ends += [run.seconds] * (len(finished(folder)) - len(ends))
    return Course(first, tuple(ends), run.seconds)


def kill_at(moment: float, course: Course, screen: Path, folder: Path, block: int) -> list[str]:
    """Run the stage until it is as far as the undisturbed run was at a moment, and kill it.

    Returns
    -------
    list of str
        Blocks that were at work, by their first protein.

    Raises
    ------
    UserError
        The stage ended before.
    """
    run = Run.of(screen, folder, block)
    shards = sum(end <= moment for end in course.ends)
    if moment < course.first:
        alive = run.wait(lambda: run.seconds >= moment)
    else:
        # Blocks that are finished are found; a run that has any left to fit begins one.
        since = course.ends[shards - 1] if shards else course.first
        fits = shards < len(course.ends)
        alive = run.wait(lambda: run.computes if fits else run.seconds >= course.first)
        alive = alive and run.wait(lambda: len(finished(folder)) >= shards)
        reached = run.seconds
        alive = alive and run.wait(lambda: run.seconds >= reached + moment - since)
    if not alive:
        raise UserError(
            f"the stage ended before the moment at {moment:.1f} s of {course.end:.1f}",
            where=str(folder / "log.txt"),
            remedy="Run again with nothing else on the machine.",
        )
    run.kill()
    return sorted(set(begun(folder)[run.before :]) - finished(folder))


def hashes(folder: Path, screen: str) -> dict[str, str]:
    """SHA-256 of each file that the stage made."""
    made = folder / Paths(screen).curves
    return {path.name: file_sha256(path) for path in sorted(made.iterdir())}


def verdict(begun: Sequence[str], at_work: Sequence[Sequence[str]]) -> dict[str, Any]:
    """How often shards were begun, against how often a kill found them at work."""
    times = Counter(begun)
    due = Counter(shard for shards in at_work for shard in shards)
    twice = sorted(shard for shard, count in times.items() if count > 1 + due[shard])
    return {
        "shards": len(times),
        "shards_begun": len(begun),
        "shards_at_work_when_killed": sum(due.values()),
        "most_at_work_at_a_kill": max((len(shards) for shards in at_work), default=0),
        "fitted_again_for_no_reason": twice,
    }


@app.command()
def measure(
    screen: Annotated[Path, typer.Argument(help="Screen folder.")],
    work: Annotated[Path, typer.Argument(help="New folder for both runs.")],
    kills: Annotated[int, typer.Option(min=1, help="Number of kills.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the moments.")] = 0,
    block: Annotated[
        int, typer.Option(min=0, help="Values of a block, to try a small screen. 0: as always.")
    ] = 0,
    keep: Annotated[bool, typer.Option(help="Keep what was found.")] = True,
) -> None:
    """Kill the stage at random moments of its course, resume it, and compare."""

    def moments(course: Course) -> list[float]:
        drawn = np.random.default_rng(seed).uniform(0, LATEST * course.end, kills)
        return sorted(drawn.tolist())

    with errors_in_one_line("kills"):
        record = {"seed": seed, **trial(screen.absolute(), work, moments, block)}
        print(json.dumps(record, indent=2))
        if keep:
            write_json(RESULTS, record)
        if not record["same_bytes"] or record["fitted_again_for_no_reason"]:
            raise UserError("kills have left their mark", where=str(work / "killed"))


def trial(
    screen: Path, work: Path, choose: Callable[[Course], Sequence[float]], block: int
) -> dict[str, Any]:
    """Run the stage undisturbed, and once more with kills.

    Parameters
    ----------
    screen
        Screen folder, absolute.
    work
        New folder for both runs.
    choose
        Gives the moments of the kills (s of the undisturbed course).
    block
        Values of a block; 0: as always.

    Returns
    -------
    dict
        What was found.
    """
    work.mkdir(parents=True, exist_ok=False)
    course = undisturbed(screen, work / "undisturbed", block)
    print(f"undisturbed: {course.end:.0f} s, {len(course.ends)} shards", flush=True)
    moments = choose(course)
    at_work: list[list[str]] = []
    start, folder = time.monotonic(), work / "killed"
    for number, moment in enumerate(moments, start=1):
        at_work.append(kill_at(moment, course, screen, folder, block))
        print(f"kill {number} at {moment:.0f} s of the course: {len(at_work[-1])} shard(s) at "
              f"work, {len(finished(folder))} finished", flush=True)  # fmt: skip
    Run.of(screen, folder, block).finish()
    plain, killed = (hashes(work / name, screen.name) for name in ("undisturbed", "killed"))
    return {
        "screen": _sizes(screen),
        "kills": len(moments),
        "moments": [round(moment, 1) for moment in moments],
        "seconds_undisturbed": round(course.end, 1),
        "seconds_until_the_first_shard": round(course.first, 1),
        "seconds_with_kills": round(time.monotonic() - start, 1),
        **verdict(begun(folder), at_work),
        "files": plain,
        "same_bytes": plain == killed,
    }


def _sizes(screen: Path) -> dict[str, int]:
    """Sizes of the screen."""
    from phenoprot.costs.sizes import sizes_of

    sizes = sizes_of(screen.name, screen)
    names = ("compounds", "treatments", "wells", "proteins")
    return {name: getattr(sizes, name) for name in names} | {
        "curves": sizes.compounds * sizes.proteins
    }


if __name__ == "__main__":
    app()
