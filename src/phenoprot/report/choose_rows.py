"""Which rows the short tables and the summary are about."""

from __future__ import annotations

from phenoprot.report.findings import first_row
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import ScreenResults

BASELINES = frozenset(
    (
        *("cell_count", "cell_count_readout", "plate_position", "structure", "concentration"),
        "highest_concentration",
    )
)
"""Features that need no picture of a cell, or nothing of it but the number."""
ORACLE = "oracle"


def shown_parts(results: ScreenResults) -> list[TablePart]:
    """Parts with rows, without the variations on another part."""
    return [part for part in table_parts().values() if results.parts[part.name] and not part.asked]


def best_baseline(results: ScreenResults, part: str) -> str | None:
    """The baseline with the highest mean AUC; None without one."""
    scores = {
        row: result.means["auc"].value
        for row, result in results.parts[part].items()
        if "auc" in result.means and _is_baseline(results, row)
    }
    return max(scores, key=lambda row: scores[row], default=None)


def _is_baseline(results: ScreenResults, row: str) -> bool:
    method = results.provenance.methods[row]
    known = bool(method.features) and set(method.features) <= BASELINES
    return known and not method.shuffled


def main_rows(results: ScreenResults, part: str) -> list[str]:
    """The first row, the best baseline, the planted truth as features, and shuffled labels."""
    first, methods = first_row(results), results.provenance.methods
    of_kind = [
        *(row for row in results.provenance.rows if methods[row].features == [ORACLE]),
        *(row for row in results.provenance.rows if methods[row].shuffled),
    ]
    oracle = [row for row in of_kind if not methods[row].shuffled][:1]
    shuffled = [row for row in of_kind if methods[row].shuffled][:1]
    wanted = [first, best_baseline(results, part), *oracle, *shuffled]
    there = results.parts[part]
    return list(dict.fromkeys(row for row in wanted if row is not None and row in there))
