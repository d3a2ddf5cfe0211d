from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch

from .toy import run_toy

Start = Callable[..., multiprocessing.process.BaseProcess]
Launch = Callable[..., multiprocessing.process.BaseProcess]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Calls functions in processes of their own, from a server that has done the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["phenoprot.features.mae.train", "dvclive", "tests.mae.toy"])
    started = []

    def begin(function: Callable[..., None], *arguments: object) -> object:
        process = context.Process(target=function, args=arguments)
        process.start()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.join()


@pytest.fixture(scope="session")
def start(launch: Launch) -> Start:
    """Starts toy runs: takes the arguments of `run_toy`."""
    return partial(launch, run_toy)
