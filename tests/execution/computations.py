"""Computations that worker processes of the tests import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phenoprot.core.errors import UserError
from phenoprot.execution.attempt import Job, Outcome, attempt
from phenoprot.execution.shards import Compute, Shard


@dataclass(frozen=True)
class Payload:
    """What a test's shard does."""

    name: str
    counts: Path
    """Folder with a file per shard: one line, the worker's id, per time it was begun."""
    fate: str = "result"


def compute(payload: Payload, folder: Path) -> None:
    """Write a table; its numbers come out of sums that threads would split."""
    payload.counts.mkdir(exist_ok=True, parents=True)
    with (payload.counts / payload.name.replace("/", "~")).open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    if payload.fate == "half":
        (folder / "table.npy").write_bytes(b"\x93NUMPY")
        time.sleep(60)
    while payload.fate == "waits" and not (payload.counts.parent / "go").exists():
        time.sleep(0.02)
    if payload.fate == "user":
        raise UserError(
            "2 files are missing", where="images.csv", remedy="Fetch them with dvc pull."
        )
    if payload.fate == "full":
        with open("/dev/full", "w") as stream:  # noqa: PTH123
            stream.write("x" * 100_000)
    if payload.fate == "memory":
        raise MemoryError
    if payload.fate == "bug":
        raise ZeroDivisionError("by nothing")
    if payload.fate in {"SIGKILL", "SIGSEGV"}:
        os.kill(os.getpid(), getattr(signal, payload.fate))
    if payload.fate == "exit":
        os._exit(3)
    if payload.fate == "nothing":
        return
    rng = np.random.default_rng(list(payload.name.encode()))
    x = rng.normal(size=(200, 300)).astype(np.float32)
    np.save(folder / "table.npy", x @ x.T)
    (folder / "parts").mkdir()
    (folder / "parts" / "environment.txt").write_text(
        "".join(f"{name}={os.environ.get(name)}\n" for name in ENVIRONMENT)
    )


ENVIRONMENT = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_CORETYPE", "PYTHONHASHSEED")


def in_process(compute: Compute, jobs: Iterator[Job], workers: int | None) -> Iterator[Outcome]:
    """Stands for the local executor where a test is about something else than processes."""
    for job in jobs:
        yield Outcome(job, *attempt(compute, job))


def shards(
    counts: Path,
    names: str = "P1/A P1/B P1/C P2/A",
    fingerprint: str = "ab" * 32,
    **fates: str,
) -> list[Shard]:
    """Shards by name; `fates` by name without the slash, e.g. ``P1A="bug"``."""
    return [
        Shard(
            name,
            fingerprint,
            Payload(name, counts, fates.get(name.replace("/", ""), "result")),
        )
        for name in names.split()
    ]


def computed(counts: Path) -> dict[str, int]:
    """How often each shard was begun."""
    return {
        path.name.replace("~", "/"): len(path.read_text().splitlines())
        for path in sorted(counts.glob("*"))
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, locks aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
