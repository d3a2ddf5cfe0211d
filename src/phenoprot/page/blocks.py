"""What a page is made of: sections of texts, tables, figures, pictures and the explorer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from phenoprot.report.table import Table

MOST_LINES = 6
"""Lines of one figure at a time."""
DIGITS = 5
"""Significant digits of numbers in the page; the files beside it have all."""


@dataclass(frozen=True)
class Text:
    """Markdown."""

    markdown: str
    folded: str = ""
    """What a reader clicks on to see it; empty: it is open."""
    kind: str = "text"


@dataclass(frozen=True)
class TableBlock:
    """A table of the report; its title and notes go with it."""

    table: Table
    folded: bool = False
    """Whether a reader must click on the title."""
    kind: str = "table"


@dataclass(frozen=True)
class Figure:
    """A figure in Vega-Lite, drawn in the browser from data in the page."""

    name: str
    """Of its data file beside the page, ``<name>.csv``."""
    title: str
    spec: dict[str, Any]
    """Vega-Lite without data: they are called ``table``."""
    data: pd.DataFrame
    note: str = ""
    pick: str = ""
    """Column whose values are the lines; a reader chooses up to `MOST_LINES`. Empty: none."""
    picked: tuple[str, ...] = ()
    """Lines at first."""
    kind: str = "figure"

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The data, column by column, as JSON has them."""
        return columns_of(self.data)


@dataclass(frozen=True)
class Picture:
    """An image in the page."""

    source: str
    """Its data URI."""
    width: int
    """Pixels."""
    height: int
    alt: str
    caption: str


@dataclass(frozen=True)
class Pictures:
    """Images side by side."""

    title: str
    pictures: tuple[Picture, ...]
    wide: bool = False
    """Whether each takes the whole width."""
    kind: str = "pictures"


@dataclass(frozen=True)
class Explorer:
    """The table of targets of all parts, and what stands behind each target."""

    tables: dict[str, dict[str, Any]]
    """By part: title, score, rows, columns."""
    details: dict[str, Any]
    """What opens on a click."""
    specs: dict[str, dict[str, Any]]
    """Figures of a detail in Vega-Lite, without data."""
    note: str
    files: dict[str, pd.DataFrame]
    """Data for the files beside the page, by name."""
    kind: str = "explorer"


Block = Text | TableBlock | Figure | Pictures | Explorer


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading."""

    key: str
    """Its address in the page."""
    title: str
    blocks: list[Block] = field(default_factory=list)


def columns_of(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns as JSON has them: numbers of `DIGITS` significant digits, None for NaN."""
    return {str(name): values_of(table[name]) for name in table}


def values_of(column: Sequence[Any] | pd.Series) -> list[Any]:
    """One column as JSON has it."""
    return [_plain(value) for value in pd.Series(column).tolist()]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
