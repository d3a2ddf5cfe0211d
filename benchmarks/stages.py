"""Where the time of the default run goes: ``python -m benchmarks.stages`` in a fresh clone.

Runs ``dvc repro``, keeps its output, each line behind the seconds since the start, and prints a
table of the stages, with their processor time and the memory of their largest process; those that
tell their progress are followed by their parts. ``--log FILE`` reads a log that is there instead of
running anything.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psutil
import typer

from phenoprot.core.errors import UserError
from phenoprot.core.files import read_text
from phenoprot.core.notices import errors_in_one_line

STAGE = re.compile(r"Running stage '([^']+)'")
PART = re.compile(r"(.+): (\d+)/\2 .*; (\d+) s in all\)$")
"""The last progress line of a part."""
COST = re.compile(r"cost of the stage: (\d+\.\d) s of CPU, (\d+) bytes in its largest process$")
"""The line that follows a stage."""
LOOKS = 0.2
"""Seconds between two looks at the memory of the processes."""
BEFORE = "dvc, before the first stage"
END = "end of the run"
LOG = Path(".phenoprot/stages.log")

Line = tuple[float, str]
"""Seconds since the start, and what was printed then."""


@dataclass
class Stage:
    """A stage that ran."""

    name: str
    seconds: float = 0.0
    """From its line to that of the next stage, or to the end."""
    parts: dict[str, int] = field(default_factory=dict)
    """Seconds of its parts, as they say."""
    cpu_seconds: float | None = None
    """Processor time of all its processes."""
    peak_bytes: int | None = None
    """Most memory that one of them held."""


def times(lines: Iterable[Line]) -> list[Stage]:
    """Time the stages of a run.

    Parameters
    ----------
    lines
        In the order of time; the last one is the end of the run.

    Returns
    -------
    list of Stage
        In the order in which they ran, what came before them first.
    """
    stages, before = [Stage(BEFORE)], 0.0
    for at, text in lines:
        stages[-1].seconds += at - before
        before = at
        if found := COST.match(text):
            stages[-1].cpu_seconds, stages[-1].peak_bytes = float(found[1]), int(found[2])
        elif found := STAGE.search(text):
            stages.append(Stage(found[1]))
        elif found := PART.match(text):
            stages[-1].parts[found[1]] = int(found[3])
    return stages


def read_log(path: Path) -> list[Line]:
    """Read a log that this command has written.

    Raises
    ------
    UserError
        A line does not begin with seconds and a tab, or there is no line.
    """
    lines: list[Line] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        seconds, tab, text = line.partition("\t")
        if not tab or not re.fullmatch(r"\d+\.\d", seconds):
            raise UserError(
                f"line {number} does not begin with the seconds since the start and a tab",
                where=str(path),
                remedy="Give the log of a run of this command: .phenoprot/stages.log of its clone.",
            )
        lines.append((float(seconds), text))
    if not lines:
        raise UserError("is empty", where=str(path), remedy="Run python -m benchmarks.stages.")
    return lines


class Watch:
    """What the processes that a process starts take."""

    def __init__(self, process: int) -> None:
        self.top = psutil.Process(process)
        self.peak = 0
        self._before = 0.0

    def look(self) -> float:
        """Note their memory; returns the processor time of all until now, ended ones included."""
        seconds = 0.0
        with suppress(psutil.Error):
            seconds = sum(self.top.cpu_times()[2:4])  # of those that have ended
            for child in self.top.children(recursive=True):
                with suppress(psutil.Error):
                    seconds += sum(child.cpu_times()[:4])
                    self.peak = max(self.peak, child.memory_info().rss)
        return seconds

    def take(self) -> str:
        """The line of what was taken since the line before."""
        now = max(self.look(), self._before)
        seconds, peak = now - self._before, self.peak
        self._before, self.peak = now, 0
        return f"cost of the stage: {seconds:.1f} s of CPU, {peak} bytes in its largest process"


@contextmanager
def watching(process: int) -> Iterator[Watch]:
    """Look at the processes of a process every :data:`LOOKS` seconds while the block runs."""
    watch, done = Watch(process), threading.Event()

    def look() -> None:
        while not done.wait(LOOKS):
            watch.look()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()


def run(log: Path) -> list[Line]:
    """Run ``dvc repro`` in this folder and write `log`.

    Raises
    ------
    UserError
        It did not end well.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    lines: list[Line] = []
    with log.open("w", encoding="utf-8") as file:

        def note(text: str) -> None:
            lines.append((round(time.monotonic() - start, 1), text))
            file.write(f"{lines[-1][0]:.1f}\t{text}\n")
            file.flush()
            sys.stderr.write(f"{text}\n")

        command = [sys.executable, "-u", "-m", "dvc", "repro"]
        with (
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
            ) as dvc,
            watching(dvc.pid) as watch,
        ):
            for line in dvc.stdout or ():
                if STAGE.search(line):
                    note(watch.take())
                note(line.rstrip("\n"))
            note(watch.take())
        note(END)
    if dvc.returncode:
        raise UserError(
            f"dvc repro ended with exit code {dvc.returncode}",
            where=str(log),
            remedy="Its last words stand above and in the log.",
        )
    return lines


def table(stages: list[Stage]) -> str:
    """Format times, in seconds: one line per stage, those of its parts indented below."""
    total = sum(stage.seconds for stage in stages)
    rows = [f"{'s':>8}  {'share':>6}  {'s of CPU':>8}  {'GiB':>5}  stage"]
    for stage in stages:
        cpu = "-" if stage.cpu_seconds is None else f"{stage.cpu_seconds:.1f}"
        peak = "-" if stage.peak_bytes is None else f"{stage.peak_bytes / 2**30:.2f}"
        share = stage.seconds / max(total, 0.1)
        rows.append(f"{stage.seconds:8.1f}  {share:6.1%}  {cpu:>8}  {peak:>5}  {stage.name}")
        rows += [f"{seconds:8d}  {'':25}{name}" for name, seconds in stage.parts.items()]
    return "\n".join([*rows, f"{total:8.1f}  {1:6.1%}  {'':17}in all"])


def main(
    log: Annotated[
        Path | None, typer.Option(help="Read this log of an earlier run; nothing runs.")
    ] = None,
) -> None:
    """Print how long each stage of the default run takes."""
    with errors_in_one_line("stages"):
        print(table(times(read_log(log) if log else run(LOG))))


if __name__ == "__main__":
    typer.run(main)
