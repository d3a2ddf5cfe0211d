"""Stages of the pipeline in this process, on a small project in the working folder."""

from __future__ import annotations

import contextlib
import os
import runpy
from collections.abc import Iterator
from pathlib import Path

from phenoprot.pipeline.run import make_job

ROOT = Path(__file__).parents[2]
SCREEN = "tiny"
ORDER = (
    "profiles",
    "curves",
    "labels",
    "splits",
    "predict classification",
    "predict regression",
    "predict targets",
    "evaluate",
    "report",
)
"""Stages of a screen without images, no row of which is in the sensitivity."""


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def shards_in_process() -> Iterator[None]:
    """Compute shards here: a test of readers needs no worker processes."""
    from tests.execution.computations import in_process

    from phenoprot.execution.run import EXECUTORS

    before = EXECUTORS["local"]
    EXECUTORS["local"] = in_process
    try:
        yield
    finally:
        EXECUTORS["local"] = before


def call_stage(stage: str, screen: str) -> None:
    """Call a stage's function, given as script and arguments; its errors stay as they are."""
    script, *arguments = stage.split()
    function = runpy.run_path(str(ROOT / "stages" / f"{script}.py"))[script]
    function(make_job(script, screen, tuple(arguments)), *arguments)


def run_stage(name: str) -> None:
    """Run a stage on the screen in this process."""
    with shards_in_process():
        call_stage(name, SCREEN)


def run_stages(folder: Path, stages: tuple[str, ...] = ORDER) -> None:
    """Run stages one after the other."""
    with inside(folder):
        for name in stages:
            run_stage(name)
