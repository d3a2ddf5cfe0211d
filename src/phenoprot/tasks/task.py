"""What a prediction task is: its parts, labels, loss and score, in one object.

A task is declared in one module and found by its name in :mod:`phenoprot.tasks.registry`; a task of
another package stands in its entry points, group ``phenoprot.tasks``. Everything that differs from
task to task is asked of the object.

Who reads what: the stage of the task and :func:`phenoprot.tasks.run.run_task` ask for `labels` and
`loss`; the evaluation asks for `parts`, `scorer` and `planted_groups` (names of groups stand in
:mod:`phenoprot.tasks.planted`); the report asks for titles, `poster` and `poster_top`. A row of the
tables says by ``RowSettings.takes_part(task.name, task.asked)`` whether it is in the task. Columns
and folders of the predictions stand in :mod:`phenoprot.tasks.columns`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.paths import Paths
from phenoprot.core.settings import Settings
from phenoprot.screens.contents import Content
from phenoprot.screens.contract import Table
from phenoprot.tasks.fit_settings import Loss, Scorer

__all__ = ["Figures", "LabelSources", "Loss", "Part", "Scorer", "Task"]

Figures = Mapping[str, float | int]
"""Published figures of one row, under the names that our metrics have."""


@dataclass(frozen=True)
class Part:
    """One label matrix of a task: one table of the report."""

    name: str
    """Folder below predictions, scores and metrics: the task's name, or ``<task>/<part>``."""
    short: str
    """Name in narrow tables, e.g. ``UP``."""
    title: str
    """Title of its table."""
    ceiling: str | None = None
    """``Kind`` of the lines of ``ceiling.parquet`` (labels folder) that hold what a repeat of the
    assay would score for its targets; None: nothing is known."""


@dataclass(frozen=True)
class LabelSources:
    """What label matrices are made from. Nothing is read before a task asks for it."""

    paths: Paths
    """Artefacts of the earlier stages: labels, levels, folds."""
    folder: Path
    """The screen folder."""


class Task(ABC):
    """A prediction task. A subclass sets the attributes and makes the labels; it has no state."""

    name: str
    """Name in params.yaml (``tasks.<name>``) and of its folders."""
    parts: tuple[Part, ...]
    """In the order of the tables."""
    settings: type[Settings]
    """Model of its block in params.yaml."""
    scorer: Scorer
    """How its predictions are scored."""
    block: str | None = None
    """Name of its block in params.yaml, if it shares that of another task; None: its own name."""
    asked: bool = False
    """Whether only those rows take part that name it."""
    reads: tuple[Table, ...] = ()
    """Parts of the screen folder that its labels are made from, besides the earlier stages'."""
    requires: tuple[Content, ...] = ("labels",)
    """What a screen must have: the task is left out for one that has not."""
    may_be_empty: bool = False
    """Whether a screen may have no target with enough labels: its rows are left out, and the
    report says so. For other tasks that is an error."""
    poster: Mapping[str, Mapping[str, Figures]] = {}
    """The poster's figures by part and features (joined by ``+``)."""
    poster_top: tuple[tuple[str, float, float], ...] = ()
    """Best predicted genes of the poster, for scorer ``levels``: gene, R2, SMAPE in percent."""

    def loss(self, settings: Any) -> Loss:
        """Objective of the models: cross-entropy unless a task says otherwise.

        Parameters
        ----------
        settings
            The task's block of params.yaml, an instance of `settings`.
        """
        del settings
        return "bce"

    @abstractmethod
    def labels(self, sources: LabelSources, settings: Any) -> dict[str, pd.DataFrame]:
        """Make the label matrices.

        Parameters
        ----------
        sources
            Where labels, levels and annotations lie.
        settings
            The task's block of params.yaml, an instance of `settings`.

        Returns
        -------
        dict
            For each part by name: ``Metadata_Compound``, for labels of treatments also
            ``Metadata_Concentration``, and one float32 column per target (1 / 0 for scorer
            ``auc``; NaN: masked). Each key once.

        Raises
        ------
        UserError
            A file is missing or damaged.
        """

    def planted_groups(self, truth: Path, part: str) -> pd.Series | None:
        """Group the targets of a part by what was planted in a simulated screen.

        Parameters
        ----------
        truth
            Folder ``truth`` of the screen.
        part
            Name of the part.

        Returns
        -------
        pandas.Series or None
            Group by target; None: nothing was planted that the task knows of.
        """
        del truth, part
        return None
