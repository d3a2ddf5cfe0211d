from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from .toy import run_toy

Start = Callable[..., multiprocessing.process.BaseProcess]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    """Starts toy runs in processes of their own, from a server that has done the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["phenoprot.mae.train", "dvclive", "tests.mae.toy"])
    started = []

    def begin(work: Path, changes: dict[str, object], *more: object) -> object:
        process = context.Process(target=run_toy, args=(work, changes, *more))
        process.start()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.join()
