"""The benchmark tables of a screen."""

from __future__ import annotations

from phenoprot.report.further_tables import (
    comparison_tables,
    dose_tables,
    leak_tables,
    strata_tables,
)
from phenoprot.report.results import ScreenResults
from phenoprot.report.row_tables import marked, row_tables
from phenoprot.report.table import Table
from phenoprot.report.truth_tables import truth_tables


def build_tables(results: ScreenResults) -> list[Table]:
    """All tables; those of the rows have the poster's figures as a reference column."""
    further = [
        *dose_tables(results),
        *comparison_tables(results),
        *leak_tables(results),
        *truth_tables(results),
        *strata_tables(results),
    ]
    return [*row_tables(results), *(marked(table, results) for table in further)]
