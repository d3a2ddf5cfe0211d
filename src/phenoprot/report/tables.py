"""The benchmark tables of a screen."""

from __future__ import annotations

from dataclasses import replace

from phenoprot.report.further_tables import comparison_tables, dose_tables, leak_tables
from phenoprot.report.results import ScreenResults
from phenoprot.report.row_tables import is_untrained, row_tables
from phenoprot.report.table import Table
from phenoprot.report.truth_tables import truth_tables


def build_tables(results: ScreenResults) -> list[Table]:
    """All tables; those of the rows have the poster's figures as a reference column."""
    further = [
        *dose_tables(results),
        *comparison_tables(results),
        *leak_tables(results),
        *truth_tables(results),
    ]
    return [*row_tables(results), *(_marked(table, results) for table in further)]


def _marked(table: Table, results: ScreenResults) -> Table:
    """Name under a further table the rows of untrained networks."""
    named = {cell for line in table.rows for cell in line[:3]}
    rows = [
        row
        for row in results.provenance.rows
        if row in named
        and any(is_untrained(feature) for feature in results.provenance.methods[row].features)
    ]
    note = f"Networks with random weights: {', '.join(rows)}; see the notes under Tables 1 to 3."
    return replace(table, notes=[*table.notes, note]) if rows else table
