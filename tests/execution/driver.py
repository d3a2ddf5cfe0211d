"""A run of two workers in a process of its own: driver.py WORK COUNTS [shard=fate ...]."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.execution.computations import compute, shards

from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings

if __name__ == "__main__":
    # Tests may run in the background of a shell, which has its children ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    work, counts, *fates = sys.argv[1:]
    some = shards(Path(counts), **dict(fate.split("=") for fate in fates))
    run_shards(compute, some, Path(work), "toy", ExecutionSettings(workers=2))
