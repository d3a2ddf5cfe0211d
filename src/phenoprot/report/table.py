"""A printed table, and how its cells show a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from phenoprot.evaluation.results import Estimate

NOTHING = "-"
"""A cell without a figure."""
OF_CEILING, POSTER = "of ceiling", "poster"
"""Columns that stand only where something is known."""


@dataclass(frozen=True)
class Table:
    """A printed table."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def without_empty(table: Table) -> Table:
    """The same without the columns of ceilings and of the poster that hold no figure."""
    kept = [
        i
        for i, column in enumerate(table.columns)
        if column not in (OF_CEILING, POSTER) or any(row[i] != NOTHING for row in table.rows)
    ]
    rows = [[row[i] for i in kept] for row in table.rows]
    return replace(table, columns=[table.columns[i] for i in kept], rows=rows)


def score_cell(score: Estimate | None) -> str:
    """``"0.831 (0.75 to 0.89)"``, or a dash where there is none."""
    if score is None:
        return NOTHING
    if score.low is None or score.high is None:
        return f"{score.value:z.3f}"
    return f"{score.value:z.3f} ({score.low:z.2f} to {score.high:z.2f})"


def gain_cell(gain: Estimate | None) -> str:
    """``"-0.025 (-0.041 to -0.004)"``, or a dash where there is no difference."""
    if gain is None or gain.low is None or gain.high is None:
        return NOTHING
    return f"{gain.value:+z.3f} ({gain.low:+z.3f} to {gain.high:+z.3f})"


def number(value: float | None, form: str) -> str:
    """`value` in a format such as ``.3f``, or a dash where there is none; a zero has no minus."""
    sign = form[: form.startswith("+")]
    return NOTHING if value is None else format(float(value), f"{sign}z{form[len(sign) :]}")


def p_cell(p: float | None) -> str:
    """Two digits of a p or q; results are kept to six decimals, below which it is no number."""
    return "<1e-06" if p is not None and p < 1e-6 else number(p, ".2g")


def to_markdown(table: Table) -> str:
    """A GitHub table with its title and notes."""
    lines = [f"### {table.title}", "", _markdown_row(table.columns)]
    lines.append("|" + "---|" * len(table.columns))
    lines += [_markdown_row(row) for row in table.rows]
    return "\n".join([*lines, "", *table.notes]) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    """One line; a name such as ``sp|P02768|ALBU`` stays in its cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
