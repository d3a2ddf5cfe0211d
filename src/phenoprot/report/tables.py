"""The benchmark tables of a screen."""

from __future__ import annotations

from phenoprot.report.compact import compact_tables
from phenoprot.report.contribution_tables import contribution_tables, fusion_tables
from phenoprot.report.further_tables import (
    activity_tables,
    comparison_tables,
    dose_tables,
    leak_tables,
    strata_tables,
)
from phenoprot.report.results import ScreenResults
from phenoprot.report.row_tables import marked, row_tables
from phenoprot.report.table import Table, without_empty
from phenoprot.report.truth_tables import truth_tables
from phenoprot.report.variant_tables import choice_table


def build_tables(results: ScreenResults) -> list[Table]:
    """The tables of the account: the rows as in the poster, and what gives them their meaning."""
    return [without_empty(table) for table in compact_tables(results)]


def detail_tables(results: ScreenResults) -> list[Table]:
    """All rows in full; those of the rows have the poster's figures as a reference column."""
    further = [
        *dose_tables(results),
        *comparison_tables(results),
        *leak_tables(results),
        *truth_tables(results),
        *strata_tables(results),
        *activity_tables(results),
        *(t for t in choice_table(results, results.provenance.rows) if t.rows),
        *contribution_tables(results),
        *fusion_tables(results),
    ]
    tables = [*row_tables(results), *(marked(table, results) for table in further)]
    return [without_empty(table) for table in tables]
