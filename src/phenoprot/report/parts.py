"""The parts of the benchmark as the report needs them, in the order of the tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from phenoprot.evaluation.results import SCORE_NAMES, ScoreNames, ScorerName
from phenoprot.screens.contents import Content, Contents
from phenoprot.tasks.registry import all_tasks
from phenoprot.tasks.task import Figures


@dataclass(frozen=True)
class TablePart:
    """One part: one table of results."""

    name: str
    """Folder below metrics and scores, e.g. ``classification/up``."""
    short: str
    """Name in narrow tables, e.g. ``UP``."""
    title: str
    """Title of its table."""
    task: str
    """The task that it is a part of."""
    scorer: ScorerName
    requires: tuple[Content, ...]
    """What a screen must have for it."""
    asked: bool
    """Whether only rows that name its task are in it: a variation on another part."""
    poster: Mapping[str, Figures]
    """The poster's figures by features."""
    poster_top: tuple[tuple[str, float, float], ...]
    """Best predicted genes of the poster: gene, R2, SMAPE in percent."""

    @property
    def scores(self) -> ScoreNames:
        """Names of its scores."""
        return SCORE_NAMES[self.scorer]


@lru_cache(maxsize=1)
def table_parts() -> dict[str, TablePart]:
    """All parts by name."""
    return {
        part.name: TablePart(
            part.name,
            part.short,
            part.title,
            task.name,
            task.scorer,
            task.requires,
            task.asked,
            task.poster.get(part.name, {}),
            task.poster_top,
        )
        for task in all_tasks().values()
        for part in task.parts
    }


def parts_of(has: Contents, without_rows: Collection[str] = ()) -> dict[str, TablePart]:
    """Parts of a screen by name: those that ask for nothing that it lacks.

    Parameters
    ----------
    has
        What the screen has.
    without_rows
        Tasks that no row takes part in.
    """
    return {
        name: part
        for name, part in table_parts().items()
        if not has.lacking(part.requires) and part.task not in without_rows
    }
