"""What every stage script shares: pinned numerics, one line for a user's mistake."""

from __future__ import annotations

import sys
from collections.abc import Callable

from phenoprot import runtime
from phenoprot.errors import UserError


def run_stage(stage: Callable[..., None]) -> None:
    """Run a stage function as a command; a :class:`UserError` is one line and exit code 1.

    Heavy imports belong inside `stage`: the environment is pinned before it runs.
    """
    runtime.pin()
    import typer

    try:
        typer.run(stage)
    except UserError as error:
        sys.exit(f"{stage.__name__}: {error}")
