"""What each screen has, and whether its block of params.yaml asks for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file
from phenoprot.pipeline.stages import SIMULATED, stages_of
from phenoprot.screens.contents import EVERYTHING, Contents
from phenoprot.screens.loader import load_screen
from phenoprot.tasks.registry import all_tasks, tasks_of
from phenoprot.wells.names import POSITION, PROTEOME

if TYPE_CHECKING:
    from phenoprot.pipeline.params import ScreenParams
    from phenoprot.pipeline.stage import Stage
    from phenoprot.tasks.settings import RowSettings


def contents_of(name: str, folder: Path) -> Contents:
    """What a screen has; the simulated one, which need not be there yet, has everything.

    Raises
    ------
    UserError
        There is no ``screen.yaml``, or it breaks the contract.
    """
    return EVERYTHING if name == SIMULATED else Contents.of(load_screen(folder).info)


def require_stage(stage: Stage, name: str, block: ScreenParams, has: Contents) -> None:
    """Stop if a screen has no such stage.

    Raises
    ------
    UserError
        Says what the stage needs and the screen has not: a part, or a row in its task.
    """
    remedy = (
        f"Leave the stage out: `phenoprot pipeline write` and `dvc repro report-{name}` "
        "run those that there are."
    )
    if reason := has.reason(stage.requires):
        raise UserError(
            f"the screen has no {reason}, and hence no stage {stage.name}",
            where=str(block.folder / "screen.yaml"),
            remedy=remedy,
        )
    if stage.name not in {own.name for own in stages_of(name, has, block.rows.values())}:
        raise UserError(
            f"no row asks for the stage {stage.name} or is in its task, and hence there is none",
            where=f"params.yaml, screens.{name}.rows",
            remedy=remedy,
        )


def require_rows(name: str, block: ScreenParams, has: Contents) -> None:
    """Stop if the screen's block asks for what the screen does not have.

    A row of several tasks takes part in those that there are; one that is left with none, or whose
    features could never be made, is at fault.

    Parameters
    ----------
    name, block
        The screen's name and its block of params.yaml.
    has
        What it has.

    Raises
    ------
    UserError
        Names every row, and what is missing.
    """
    faults = [
        f"{quoted(row)} {fault}"
        for row, settings in block.rows.items()
        for fault in _faults(settings, has)
    ]
    if faults:
        raise UserError(
            f"{len(faults)} row(s) ask for what the screen does not have: {listed(faults)}",
            where=f"params.yaml, screens.{name}.rows",
            remedy=f"Remove them, or add the tables to {block.folder / 'screen.yaml'}.",
        )
    if block.extracted and not has.images:
        raise UserError(
            f"names {len(block.extracted)} feature method(s), and the screen has no images: "
            f"{listed(block.extracted)}",
            where=f"params.yaml, screens.{name}.extracted",
            remedy="Remove the key: tables of the screen's folder are found without it.",
        )


def require_predictions(name: str, block: ScreenParams) -> None:
    """Stop if a file of predictions that a row names is not there.

    Raises
    ------
    UserError
        Names the first, and its row.
    """
    for row, settings in block.rows.items():
        if settings.predictions is not None:
            key = f"screens.{name}.rows.{row}.predictions"
            require_file(settings.predictions, f"Make it, or change {key} in params.yaml.")


def _faults(row: RowSettings, has: Contents) -> Iterator[str]:
    tasks = all_tasks()
    asked = [task for task in row.tasks or () if task in tasks]
    if asked and len(asked) == len(row.tasks or ()) and not tasks_of(has).keys() & set(asked):
        requires = [part for task in asked for part in tasks[task].requires]
        yield f"is in {listed(asked)} only (no {has.reason(requires)})"
    elif PROTEOME in row.features and not has.levels:
        yield f"has the features {PROTEOME} (no {has.reason(['levels'])})"
    elif POSITION in row.features and not has.wells:
        yield f"has the features {POSITION} (no {has.reason(['wells'])})"
