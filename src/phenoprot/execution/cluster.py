"""Executor ``ray``: tasks on a Ray cluster, the one at RAY_ADDRESS or one started for the run.

Workers write results straight into the work folder: every machine of the cluster must see it, the
inputs and the code under the same paths (NFS or the like). A shard whose machine is lost is begun
anew on another one.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from phenoprot.core.errors import UserError
from phenoprot.core.notices import warn
from phenoprot.execution.attempt import WORKER_ENVIRONMENT, Job, Outcome, attempt
from phenoprot.execution.failure import Failure
from phenoprot.execution.shards import MANIFEST, Compute

CLUSTER_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # A task of no GPU sees those there are, as processes of the local executor do.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Environment of a cluster started here, and of tasks."""
ON_THIS_MACHINE = {
    # Ray's own switch, by which it stays on 127.0.0.1 on macOS and Windows.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
}
"""Further environment of a cluster started here: nobody reaches it from another machine, nobody
without its token from this one."""
SHARED = (
    "Run in a folder that all machines of the cluster see under the same path, or set "
    "execution.executor to local."
)
LOSSES = 3
"""Machines that may be lost while they compute one and the same shard; then it has failed."""
LOST = Failure(
    f"{LOSSES + 1} machines of the cluster were lost while they computed it",
    remedy="Finished shards are kept: look why they end (`ray status`, memory), and run again.",
)
"""Of a shard that took too many machines with it."""
PATIENCE = 30.0
"""Seconds until a file that another machine wrote must be seen here; NFS caches folders."""


def run_ray(
    compute: Compute, jobs: Iterator[Job], workers: int | None
) -> Generator[Outcome, None, None]:
    """Compute jobs as Ray tasks of one core each.

    Parameters
    ----------
    compute
        The computation.
    jobs
        Taken one by one, when there is room.
    workers
        Tasks at a time; None: as many as the cluster has cores.

    Yields
    ------
    Outcome
        In the order in which jobs end. Closing the generator stops the tasks.

    Raises
    ------
    UserError
        Ray is not installed, the cluster cannot be reached, or it has another file system.
    """
    for name, value in CLUSTER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError(
            "Ray is not installed",
            where="execution.executor = ray",
            remedy="Install it with: pip install 'phenoprot[ray]', or set it to local.",
        ) from None
    if ray.is_initialized():  # by whoever called
        yield from _outcomes(ray, compute, jobs, workers)
        return
    address = os.environ.get("RAY_ADDRESS")
    with nullcontext() if address else _for_this_machine_alone():
        try:
            _connect(ray, address, workers)
            yield from _outcomes(ray, compute, jobs, workers)
        finally:
            ray.shutdown()


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    """Join the cluster at `address`, with whatever settings its user has, or start one."""
    own: dict[str, Any] = {}
    if not address:
        own = {
            "num_cpus": workers,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
        }
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", logging_level=logging.WARNING, **own)
    except Exception as error:  # Ray raises all kinds, of none in particular
        raise UserError(
            f"cannot {'join' if address else 'start'} the Ray cluster: {_first_line(error)}",
            where=f"RAY_ADDRESS = {address}" if address else "execution.executor = ray",
            remedy="Check `ray status`, or set execution.executor to local.",
        ) from None
    finally:
        signal.signal(signal.SIGTERM, terminate)  # ray.init puts its own in place


@contextmanager
def _for_this_machine_alone() -> Iterator[None]:
    """Have a cluster that is started in the block listen on 127.0.0.1, and ask for a token."""
    from ray._private import ray_constants
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    def renew() -> None:
        Config.initialize("")  # Ray reads the environment once, when it is imported
        AuthenticationTokenLoader.instance().reset_cache()

    names = [*ON_THIS_MACHINE, "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"]
    before = {name: os.environ.pop(name, None) for name in names}
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    os.environ.update(ON_THIS_MACHINE, RAY_AUTH_TOKEN=secrets.token_hex(32))
    ray_constants.ENABLE_RAY_CLUSTER = False
    renew()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        renew()


def _outcomes(
    ray: Any, compute: Compute, jobs: Iterator[Job], workers: int | None
) -> Generator[Outcome, None, None]:
    task = ray.remote(
        num_cpus=1,
        max_retries=0,
        runtime_env={"env_vars": {**WORKER_ENVIRONMENT, **CLUSTER_ENVIRONMENT}},
    )(_task)
    running: dict[Any, tuple[Job, float]] = {}
    again: deque[Job] = deque()
    losses: Counter[Path] = Counter()
    try:
        while True:
            limit = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(running) < limit:
                job = again.popleft() if again else next(jobs, None)
                if job is None:
                    break
                data = ray.cloudpickle.dumps((compute, job))
                reference = task.remote(data, str(Path.cwd()), sys.path)
                running[reference] = (job, time.monotonic())
            if not running:
                return
            done, _ = ray.wait(list(running))
            for reference in done:
                job, since = running.pop(reference)
                outcome = _result(ray, reference, job, time.monotonic() - since)
                if outcome is None and losses[job.folder] < LOSSES:
                    losses[job.folder] += 1
                    again.append(job)
                    warn(f"a machine of the cluster was lost: shard {job.shard.name} is begun anew")
                    continue
                yield outcome or Outcome(job, time.monotonic() - since, LOST)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _task(data: bytes, folder: str, path: list[str]) -> tuple[float, Failure | None]:
    """In a Ray worker: compute a job as a process of the driver, in its folder, would."""
    from ray import cloudpickle

    try:
        os.chdir(folder)
    except OSError as error:
        return 0.0, Failure(
            f"a machine of the cluster cannot enter the working folder: {error}", remedy=SHARED
        )
    sys.path.extend(entry for entry in path if entry not in sys.path)
    compute, job = cloudpickle.loads(data)
    return attempt(compute, job)


def _result(ray: Any, reference: Any, job: Job, seconds: float) -> Outcome | None:
    """The end of a task: its own word, or Ray's where it had none; None: its machine was lost."""
    try:
        seconds, failure = ray.get(reference)
    except ray.exceptions.NodeDiedError:
        return None
    except ray.exceptions.RayError as error:
        failure = Failure(
            f"its Ray worker died: {_first_line(error)}",
            remedy="Finished shards are kept: run again, with fewer workers (execution.workers in "
            "params.yaml) if memory ran out.",
        )
    else:
        if failure is None and not _seen(job.folder / MANIFEST):
            failure = Failure(
                f"a machine of the cluster has written {job.folder}, and this one does not see it",
                remedy=SHARED,
            )
    return Outcome(job, seconds, failure)


def _seen(path: Path) -> bool:
    """Whether a file is there, or comes within :data:`PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not path.is_file():
        if time.monotonic() > end:
            return False
        os.scandir(path.parent.parent).close()  # has NFS look again
        time.sleep(0.2)
    return True


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
