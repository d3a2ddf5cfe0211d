"""One try at one shard: what goes to a worker process and what comes back, for any executor."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from phenoprot.core import runtime
from phenoprot.core.errors import UserError
from phenoprot.execution.failure import Failure, as_failure
from phenoprot.execution.shards import Compute, Shard, produce

WORKER_ENVIRONMENT = {
    **runtime.PINNED,
    "NUMBA_NUM_THREADS": "1",
    # The order of a set of strings is then the same in every worker.
    "PYTHONHASHSEED": "0",
}
"""Environment of every worker process, from its start."""


@dataclass(frozen=True)
class Job:
    """A shard and the folder for its result."""

    shard: Shard
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    job: Job
    seconds: float
    """Wall time of the computation."""
    failure: Failure | None = None
    """None: the result lies in the job's folder."""


class ShardFailed(RuntimeError):
    """A computation raised what the user cannot fix; holds the worker's traceback."""


def attempt(compute: Compute, job: Job) -> tuple[float, Failure | None]:
    """Compute a job in this process; return seconds and failure of its :class:`Outcome`."""
    start = time.monotonic()
    failure = None
    try:
        produce(compute, job.shard, job.folder)
    except Exception as error:
        failure = as_failure(error)
    return time.monotonic() - start, failure


def as_error(outcome: Outcome, title: str) -> Exception:
    """The exception for a failed job; it names the shard."""
    failure, where = outcome.failure, f"{title}, shard {outcome.job.shard.name}"
    if failure is None:
        raise ValueError(f"{where} has not failed")
    if failure.bug:
        return ShardFailed(f"{where}:\n{failure.what}")
    where = f"{where}: {failure.where}" if failure.where else where
    return UserError(failure.what, where=where, remedy=failure.remedy)


@contextmanager
def worker_environment() -> Iterator[None]:
    """Have processes that start in the block get the workers' environment."""
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
