"""Run the function of a stage script, with pinned numerics and the declared parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from phenoprot.core import runtime
from phenoprot.core.errors import UserError
from phenoprot.core.notices import errors_in_one_line
from phenoprot.execution.parents import end_with_starter
from phenoprot.pipeline.stage import Job


def run_stage(function: Callable[..., None]) -> None:
    """Run a stage as a command, ``stages/<name>.py SCREEN [ARGUMENT ...]``.

    The stage ends when dvc does, by kill -9 too. What a user can fix is one line and exit code 1.

    Parameters
    ----------
    function
        Called with the :class:`phenoprot.pipeline.stage.Job` and the further arguments. Heavy
        imports belong inside: the environment is pinned before it runs.
    """
    runtime.pin()
    end_with_starter()
    script = Path(sys.argv[0]).stem
    with errors_in_one_line(script):
        screen, *arguments = sys.argv[1:] or [""]
        if not screen or screen.startswith("-"):
            raise UserError(
                "names no screen", where=script, remedy=f"python stages/{script}.py SCREEN"
            )
        function(make_job(script, screen, tuple(arguments)), *arguments)


def make_job(script: str, screen: str, arguments: tuple[str, ...] = ()) -> Job:
    """What a stage's function gets, from params.yaml of the working folder.

    Raises
    ------
    UserError
        params.yaml is at fault, has no such screen, or no stage has this script and arguments.
    """
    from phenoprot.pipeline.declared import DeclaredParams
    from phenoprot.pipeline.params import load_params
    from phenoprot.pipeline.presence import contents_of, require_stage
    from phenoprot.pipeline.stages import find_stage

    stage = find_stage(script, arguments)
    params = load_params()
    block = params.screen(screen)
    if stage.requires or stage.arguments:
        require_stage(stage, screen, block, contents_of(screen, block.folder))
    view = DeclaredParams(_Root(params.of_screen(screen), block), stage.params, stage.name)
    sources = None
    if stage.provenance:
        from phenoprot.pipeline.provenance import sources_of

        sources = sources_of(screen, params)
    return Job(screen, block.folder, view, params.execution, sources)


class _Root:
    """All blocks, and the screen's own as `screen`."""

    def __init__(self, params: object, screen: object) -> None:
        self._params = params
        self.screen = screen

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._params, name)
