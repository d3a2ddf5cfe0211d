"""What every stage script shares: pinned numerics, one line for what a user can fix, its end."""

from __future__ import annotations

from collections.abc import Callable

from phenoprot.core import runtime
from phenoprot.core.notices import errors_in_one_line
from phenoprot.execution.parents import end_with_starter


def run_stage(stage: Callable[..., None]) -> None:
    """Run a stage function as a command; what a user can fix is one line and exit code 1.

    The stage ends when dvc does, by kill -9 too. Heavy imports belong inside `stage`: the
    environment is pinned before it runs.
    """
    runtime.pin()
    end_with_starter()
    with errors_in_one_line(stage.__name__):
        import typer

        typer.run(stage)
