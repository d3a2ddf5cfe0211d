"""What every task must do, on a screen of the caller's."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from phenoprot.core.names import name_fault
from phenoprot.core.settings import Settings
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns
from phenoprot.tasks.fit_settings import Loss, Scorer
from phenoprot.tasks.task import LabelSources, Part, Task


def check_task(
    task: Task, settings: Settings, sources: LabelSources, truth: Path | None = None
) -> None:
    """Check a task against the contract of :class:`phenoprot.tasks.task.Task`.

    Parameters
    ----------
    task
        The task.
    settings
        Its block of params.yaml, loose enough that each part has a target.
    sources
        A small screen with all that the labels are made from.
    truth
        Folder ``truth`` of a simulated screen; without it planted groups are not checked.

    Raises
    ------
    AssertionError
        Says what the task does wrong.
    """
    what = f"task {task.name!r}"
    _check_names(task, what)
    assert task.scorer in get_args(Scorer), f"{what}: scorer is one of {get_args(Scorer)}"
    assert issubclass(task.settings, Settings), f"{what}: settings is a class of Settings"
    assert isinstance(settings, task.settings), f"{what}: takes {task.settings.__name__}"
    loss = task.loss(settings)
    assert loss in get_args(Loss), f"{what}: loss is one of {get_args(Loss)}, not {loss!r}"
    assert (loss == "bce") == (task.scorer == "auc"), (
        f"{what}: loss {loss} does not fit scorer {task.scorer}: bce goes with auc"
    )
    parts = {part.name for part in task.parts}
    assert set(task.poster) <= parts, f"{what}: the poster's figures are by the names of its parts"
    tables = task.labels(sources, settings)
    assert set(tables) == parts, f"{what}: makes labels of its parts {parts}, not {set(tables)}"
    for part, table in tables.items():
        _check_labels(table, task, f"{what}, part {part!r}")
        again = task.labels(sources, settings)[part]
        assert table.equals(again), f"{what}: the same sources give the same labels"
        groups = task.planted_groups(truth, part) if truth else None
        if groups is not None:
            assert groups.index.is_unique, f"{what}: each target has one planted group"
            assert groups.map(type).eq(str).all(), f"{what}: planted groups have names"


def _check_names(task: Task, what: str) -> None:
    assert name_fault(task.name) is None, f"{what}: the name {name_fault(task.name)}"
    assert task.parts, f"{what}: has at least one part"
    for part in task.parts:
        assert isinstance(part, Part), f"{what}: parts are Part objects"
        folders = part.name.split("/")
        assert folders[0] == task.name and not any(map(name_fault, folders)), (  # noqa: PT018
            f"{what}: part {part.name!r} is the task's name, or a folder below it"
        )
        assert part.short, f"{what}: part {part.name!r} has a short name"
        assert part.title, f"{what}: part {part.name!r} has a title"
    names = [part.name for part in task.parts]
    assert len(set(names)) == len(names), f"{what}: each part has a name of its own"
    nested = len(names) > 1 and task.name in names
    assert not nested, f"{what}: no part lies in the folder of another"


def _check_labels(table: pd.DataFrame, task: Task, what: str) -> None:
    key = [column for column in TREATMENT_KEY if column in table]
    assert COMPOUND in key, f"{what}: labels have a column {COMPOUND}"
    assert not table.duplicated(key).any(), f"{what}: each compound or treatment has one row"
    targets = feature_columns(table)
    assert targets, f"{what}: has a target on the given screen"
    others = [column for column in table.columns if column not in {*key, *targets}]
    assert not others, f"{what}: labels have no further columns, but {others}"
    assert len(set(targets)) == len(targets), f"{what}: each target has one column"
    values = table[targets]
    assert values.dtypes.eq(np.float32).all(), f"{what}: labels are float32"
    if task.scorer == "auc":
        plain = values.isna() | values.isin([0, 1])
        assert plain.all(axis=None), f"{what}: labels are 1, 0 or NaN"
