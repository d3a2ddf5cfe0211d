"""A printed table, and how its cells show a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from phenoprot.evaluation.results import Estimate

NOTHING = "-"
"""A cell without a figure."""


@dataclass(frozen=True)
class Table:
    """A printed table."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def score_cell(score: Estimate | None) -> str:
    """``"0.831 (0.75 to 0.89)"``, or a dash where there is none."""
    if score is None:
        return NOTHING
    if score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} ({score.low:.2f} to {score.high:.2f})"


def number(value: float | None, form: str) -> str:
    """`value` in a format such as ``.3f``, or a dash where there is none."""
    return NOTHING if value is None else format(value, form)


def to_markdown(table: Table) -> str:
    """A GitHub table with its title and notes."""
    lines = [f"### {table.title}", "", _markdown_row(table.columns)]
    lines.append("|" + "---|" * len(table.columns))
    lines += [_markdown_row(row) for row in table.rows]
    return "\n".join([*lines, "", *table.notes]) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    """One line; a name such as ``sp|P02768|ALBU`` stays in its cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
