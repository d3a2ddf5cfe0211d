"""The prediction tasks there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.plugins import Registry
from phenoprot.screens.contents import Contents
from phenoprot.tasks.task import Task

if TYPE_CHECKING:
    from phenoprot.tasks.settings import RowSettings

TASKS = Registry(
    "task",
    "phenoprot.tasks",
    {
        "classification": "phenoprot.tasks.classification:TASK",
        "regression": "phenoprot.tasks.regression:TASK",
        "targets": "phenoprot.tasks.targets:TASK",
        "sensitivity": "phenoprot.tasks.sensitivity:TASK",
    },
)
"""In the order of the tables; those of other packages follow by name."""


def find_task(name: str, where: str = "tasks") -> Task:
    """A task by its name.

    Parameters
    ----------
    name
        E.g. ``classification``.
    where
        Key that holds the name, for the message.

    Raises
    ------
    UserError
        There is no such task; or the package that offers it is broken.
    """
    task = TASKS.load(name, where)
    if not isinstance(task, Task):
        raise TASKS.fault(name, f"is a {type(task).__name__}, not a phenoprot.tasks.task.Task")
    if task.name != name:
        raise TASKS.fault(name, f"is a task of another name: {quoted(task.name)}")
    if wrong := [p.name for p in task.parts if p.name.partition("/")[0] != name]:
        raise TASKS.fault(name, f"has part(s) outside its folder: {listed(wrong)}")
    return task


def all_tasks() -> dict[str, Task]:
    """All tasks by name, in the order of the tables."""
    return {name: find_task(name) for name in TASKS.names()}


def all_parts() -> dict[str, Task]:
    """Task of each part by the part's name, in the order of the tables."""
    return {part.name: task for task in all_tasks().values() for part in task.parts}


def tasks_of(has: Contents, rows: Iterable[RowSettings] | None = None) -> dict[str, Task]:
    """Tasks of a screen by name: those that ask for nothing that it lacks.

    Parameters
    ----------
    has
        What the screen has.
    rows
        Of its tables: a task that none of them takes part in is left out. None: no task is.
    """
    tasks = {name: task for name, task in all_tasks().items() if not has.lacking(task.requires)}
    if rows is None:
        return tasks
    asking = list(rows)
    return {
        name: task
        for name, task in tasks.items()
        if any(row.takes_part(name, task.asked) for row in asking)
    }


def parts_of(has: Contents) -> dict[str, Task]:
    """Task of each part of a screen by the part's name, in the order of the tables."""
    return {part.name: task for task in tasks_of(has).values() for part in task.parts}


def require_tasks(names: Iterable[str], where: str) -> None:
    """Stop unless there is a task of each name.

    Raises
    ------
    UserError
        Counts and names the unknown ones, and says which there are.
    """
    known = TASKS.names()
    unknown = [quoted(name) for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise UserError(
            f"{len(unknown)} unknown task(s): {listed(unknown)}; there are: {', '.join(known)}",
            where=where,
            remedy="Name tasks of this list.",
        )
