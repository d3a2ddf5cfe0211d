"""The ceiling in the tables of rows."""

from __future__ import annotations

from phenoprot.evaluation.results import Ceiling, RowResult
from phenoprot.report.table import NOTHING


def highest(rows: dict[str, RowResult]) -> Ceiling | None:
    """The ceiling over the most targets; None: the rows have none."""
    known = [row.ceiling for row in rows.values() if row.ceiling is not None]
    return max(known, key=lambda ceiling: ceiling.n, default=None)


def ceiling_cell(row: RowResult) -> str:
    """``"62 %"``: share of the way from chance to the ceiling."""
    if row.ceiling is None or row.ceiling.share is None:
        return NOTHING
    return f"{100 * row.ceiling.share:.0f} %"
