"""Executor ``local``: processes on this machine, which never outlive the one that started them.

A pool of its own and not :class:`concurrent.futures.ProcessPoolExecutor`, which does not say of
which signal a worker died and at which piece of work.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Protocol

from phenoprot.execution.attempt import Job, Outcome, worker_environment
from phenoprot.execution.failure import Failure
from phenoprot.execution.serve import serve
from phenoprot.execution.settings import cores
from phenoprot.execution.shards import Compute


class _Process(Protocol):
    """What is used of a spawned process."""

    @property
    def pid(self) -> int | None: ...
    @property
    def exitcode(self) -> int | None: ...
    def start(self) -> None: ...
    def join(self) -> None: ...
    def kill(self) -> None: ...


class _Worker:
    """A process that computes one job at a time."""

    def __init__(self, compute: Compute) -> None:
        # spawn, not fork: threads of numpy and torch do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.connection, self._theirs = context.Pipe()
        self.process: _Process = context.Process(
            target=serve, args=(pickle.dumps(compute), self._theirs, os.getpid())
        )
        self.job: Job | None = None
        self.since = 0.0

    def start(self) -> None:
        """Start the process."""
        # Held back until the child has its handler: Ctrl-C goes to all processes of a terminal.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with worker_environment():
                self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._theirs.close()  # the end of the process is then an end of file here

    def give(self, job: Job) -> None:
        """Start a job."""
        self.job, self.since = job, time.monotonic()
        with suppress(BrokenPipeError):  # dead: `take` says so
            self.connection.send(job)

    def take(self) -> Outcome:
        """The end of the job, after `connection` has become ready."""
        if self.job is None:
            raise RuntimeError("the worker has no job")
        try:
            seconds, failure = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            seconds, failure = time.monotonic() - self.since, _death(self.process)
        outcome = Outcome(self.job, seconds, failure)
        self.job = None
        return outcome

    def stop(self) -> None:
        """End the process: at once if it is at work."""
        self.connection.close()
        if self.process.pid is None:  # stopped before it has started
            return
        if self.job is not None:
            self.process.kill()
        self.process.join()


def run_local(
    compute: Compute, jobs: Iterator[Job], workers: int | None
) -> Generator[Outcome, None, None]:
    """Compute jobs in processes of this machine.

    Parameters
    ----------
    compute
        The computation.
    jobs
        Taken one by one, when a worker is free.
    workers
        Number of processes; None: one per core.

    Yields
    ------
    Outcome
        In the order in which jobs end. Closing the generator kills the workers.
    """
    limit = workers or cores()
    crew: dict[Connection, _Worker] = {}
    idle: list[_Worker] = []
    try:
        while True:
            while idle or len(crew) < limit:
                job = next(jobs, None)
                if job is None:
                    break
                if idle:
                    worker = idle.pop()
                else:
                    worker = _Worker(compute)
                    crew[worker.connection] = worker
                    worker.start()
                worker.give(job)
            busy = [connection for connection, worker in crew.items() if worker.job]
            if not busy:
                return
            for connection in wait(busy):
                worker = crew[connection]  # type: ignore[index]
                outcome = worker.take()
                if worker.process.exitcode is None:
                    idle.append(worker)
                else:
                    crew.pop(worker.connection).stop()
                yield outcome
    finally:
        for worker in crew.values():
            worker.stop()


def _death(process: _Process) -> Failure:
    """Say of what a worker died, and what helps."""
    code = process.exitcode or 0
    again = "Finished shards are kept: run again"
    if code == -signal.SIGKILL:
        return Failure(
            "its worker process was killed (SIGKILL), as the system does when memory runs out",
            remedy=f"{again}, with fewer workers (execution.workers in params.yaml).",
        )
    if code < 0:
        return Failure(
            f"its worker process died of {signal.Signals(-code).name}",
            remedy=f"{again}; if it dies of the same, the fault is in a compiled library.",
        )
    return Failure(
        f"its worker process ended with exit code {code} before the result was there",
        remedy=f"Its last words stand above. {again}.",
    )
