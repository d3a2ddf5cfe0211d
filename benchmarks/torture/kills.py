"""SIGKILL at random moments; the run is repeated and must give the bytes of a quiet one."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from benchmarks.torture.victims import Run, Victim, results, temporary_files

PATIENCE = 15.0
"""Seconds that the processes of a killed run have to end."""
REPEAT_EVERY = 3
"""Kills after which a run is let to its end."""

Quiet = tuple[dict[str, bytes], float]
"""Results of an undisturbed run, and how long it took (s)."""


def quiet_run(victim: Victim, folder: Path) -> tuple[Path, Quiet]:
    """Run a command undisturbed; return a fresh copy of its input, too."""
    source, done = folder / "source", folder / "quiet"
    victim.prepare(source)
    shutil.copytree(source, done)
    Run(victim, done).to_end()  # compiles what is compiled once
    shutil.rmtree(done)
    shutil.copytree(source, done)
    begin = time.monotonic()
    run = Run(victim, done)
    code = run.to_end()
    took = time.monotonic() - begin
    written = results(victim, done)
    if code or not written:
        raise RuntimeError(f"{victim.name}: {code}, {run.log.read_text()[-2000:]}")
    return source, (written, took)


def kill_often(victim: Victim, folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill a command `kills` times.

    Returns
    -------
    Counter
        ``kills``, ``after the end`` (the run had finished), ``repeats``, and the faults:
        ``processes left``, ``repeats that failed``, ``other bytes``, ``temporary files left``.
    """
    rng = random.Random(f"{victim.name} {seed}")
    source, (written, took) = quiet_run(victim, folder)
    counts: Counter[str] = Counter()
    place = folder / "killed"
    shutil.copytree(source, place)
    for number in range(1, kills + 1):
        run = Run(victim, place)
        process = run.start()
        try:
            process.wait(rng.uniform(0.02, 1.05) * took)
            counts["after the end"] += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        counts["kills"] += 1
        counts["processes left"] += not run.gone_within(PATIENCE)
        if number % REPEAT_EVERY and number != kills:
            continue
        repeat = Run(victim, place)
        counts["repeats"] += 1
        if repeat.to_end():
            counts["repeats that failed"] += 1
            print(repeat.log.read_text()[-2000:], flush=True)
        elif results(victim, place) != written:
            counts["other bytes"] += 1
        left = temporary_files(place)
        counts["temporary files left"] += len(left)
        if left:
            print(f"{victim.name}: left {left[:5]}", flush=True)
        print(f"kills, {victim.name}: {number} of {kills}", flush=True)
        shutil.rmtree(place)
        shutil.copytree(source, place)
    return counts
