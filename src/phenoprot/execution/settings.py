"""Settings of parallel work."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field

from phenoprot.core.settings import Settings


class ExecutionSettings(Settings):
    """Where shards are computed, and by how many processes. No result depends on either."""

    executor: Literal["local", "ray"] = "local"
    """``local``: processes on this machine. ``ray``: the Ray cluster at RAY_ADDRESS, which shares
    this machine's file system, or one that is started here for the run."""
    workers: int | None = Field(default=None, ge=1)
    """Shards computed at a time, each by one process of one thread. None: one per core (``ray``:
    per core of the cluster). Lower it where memory is short."""


LOCAL = ExecutionSettings()
"""One process per core of this machine."""


def cores() -> int:
    """Cores that this process may use: fewer than the machine has in a batch job or container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
