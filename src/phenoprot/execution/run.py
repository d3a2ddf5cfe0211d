"""Run shards: in parallel, resumable, one run at a time in a work folder.

A run that was killed computes only what is missing. A shard whose fingerprint changed is computed
beside the old one; a damaged one is computed again. The bytes of a result depend on neither the
executor nor the number of workers.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from phenoprot.core.progress import Progress
from phenoprot.execution.attempt import Job, Outcome, as_error
from phenoprot.execution.cluster import run_ray
from phenoprot.execution.local import run_local
from phenoprot.execution.lock import work_lock
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import (
    Compute,
    Shard,
    fault,
    remove,
    remove_partial,
    shard_folder,
)

Executor = Callable[[Compute, Iterator[Job], int | None], Generator[Outcome, None, None]]

EXECUTORS: dict[str, Executor] = {"local": run_local, "ray": run_ray}
"""Takes jobs while there is room, yields their ends; closing it stops what runs."""


def run_shards(
    compute: Compute,
    shards: Sequence[Shard],
    work: Path,
    title: str,
    settings: ExecutionSettings,
    finish: Callable[[list[Path]], None] | None = None,
) -> list[Path]:
    """Compute all shards that the work folder does not hold yet.

    Parameters
    ----------
    compute
        Called as ``compute(payload, folder)`` in a worker process; writes its files into `folder`.
        A top-level function that depends on nothing but its payload. Numerical libraries have one
        thread there, and the environment of :mod:`phenoprot.core.runtime`.
    shards
        What to compute.
    work
        Work folder, kept between runs; held by one run at a time.
    title
        For progress lines and errors, e.g. ``cpjump1 crops``.
    settings
        Executor and number of workers.
    finish
        Called with the folders when all shards are there, while the work folder is still held:
        what it publishes is not published by another run at the same time.

    Returns
    -------
    list of Path
        Folder of each shard, in the order of `shards`.

    Raises
    ------
    UserError
        A shard met one, or its worker process died. No further shard is started, those at work
        are finished and kept.
    ShardFailed
        Another error in a shard, with its traceback; likewise.
    ValueError
        Two shards have one name and fingerprint.
    """
    work = work.absolute()
    folders = [shard_folder(work, shard) for shard in shards]
    if twice := [folder for folder, count in Counter(folders).items() if count > 1]:
        raise ValueError(f"{title}: several shards would be written to {twice[0]}")
    if not shards:
        return []
    with _sigterm_stops(), work_lock(work, title):
        remove_partial(work)
        jobs = [Job(shard, folder) for shard, folder in zip(shards, folders, strict=True)]
        missing = [job for job in jobs if not _is_there(job, title)]
        if missing:
            try:
                _compute(compute, missing, len(shards), title, settings)
            except (KeyboardInterrupt, SystemExit):
                _say(title, "stopped; finished shards are kept")
                raise
            finally:
                remove_partial(work)
        if finish is not None:
            finish(folders)
    return folders


def _is_there(job: Job, title: str) -> bool:
    """Whether a shard is finished; a damaged one is removed."""
    if not job.folder.exists():
        return False
    reason = fault(job.folder, job.shard.fingerprint)
    if reason is not None:
        _say(title, f"shard {job.shard.name} is computed again: in {job.folder}, {reason}")
        remove(job.folder)
    return reason is None


def _compute(
    compute: Compute, missing: list[Job], total: int, title: str, settings: ExecutionSettings
) -> None:
    """Compute what is missing; after a failure only what has been started."""
    failed: list[Outcome] = []
    order = {job.folder: number for number, job in enumerate(missing)}

    def while_all_is_well() -> Iterator[Job]:
        for job in missing:
            if failed:
                return
            yield job

    outcomes = EXECUTORS[settings.executor](compute, while_all_is_well(), settings.workers)
    with Progress(title, total, done=total - len(missing)) as progress, closing(outcomes):
        for outcome in outcomes:
            if outcome.failure is None:
                progress.step(outcome.job.shard.name, outcome.seconds)
            else:
                failed.append(outcome)
                _say(title, f"shard {outcome.job.shard.name} failed; no more are started")
    if failed:
        # The first in the order of shards, whichever came first in time.
        raise as_error(min(failed, key=lambda outcome: order[outcome.job.folder]), title)


@contextmanager
def _sigterm_stops() -> Iterator[None]:
    """Let SIGTERM end the block like an exception: workers are killed, files cleared, locks freed.

    Elsewhere than in the main thread Python sets no handlers: there SIGTERM ends the process, and
    the workers with it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _say(title: str, text: str) -> None:
    sys.stderr.write(f"{title}: {text}\n")
    sys.stderr.flush()
