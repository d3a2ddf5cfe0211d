"""Tables 1 to 3: the rows of each part, with the poster's figures as a reference column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from phenoprot.evaluation.results import Estimate, RowResult, ScorerName
from phenoprot.features.registry import describe
from phenoprot.report import footnotes
from phenoprot.report.ceilings import ceiling_cell, highest
from phenoprot.report.counts import count_cells, thresholds_of
from phenoprot.report.level_tables import level_table, top_table
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import NOTHING, OF_CEILING, POSTER, Table, number
from phenoprot.tasks.task import Figures


def row_tables(results: ScreenResults) -> list[Table]:
    """The table of each part that has rows, and behind it the best predicted proteins."""
    tables = []
    for name, part in table_parts().items():
        rows = results.parts[name]
        if rows:
            table = TABLES[part.scorer](part, rows, results)
            tables.append(noted(table, results, part))
            tables.append(marked(_count_table(part, rows), results))
            if part.poster_top:
                tables.append(top_table(results.top[part.task], part))
    return tables


def is_untrained(feature: str) -> bool:
    """Whether features are those of a network with random weights."""
    method = describe(feature)
    return method is not None and bool(method.trained)


def untrained_rows(results: ScreenResults) -> list[str]:
    """Rows with features of untrained networks."""
    methods = results.provenance.methods
    rows = results.provenance.rows
    return [row for row in rows if any(is_untrained(name) for name in methods[row].features)]


def marked(table: Table, results: ScreenResults) -> Table:
    """Name under a further table the rows of untrained networks."""
    named = {cell for line in table.rows for cell in line[:3]}
    rows = [row for row in untrained_rows(results) if row in named]
    note = f"Networks with random weights: {', '.join(rows)}."
    return replace(table, notes=[*table.notes, note]) if rows else table


def noted(table: Table, results: ScreenResults, part: TablePart) -> Table:
    """Say under the table which of its rows have an untrained network, and what would train it."""
    screen, notes = results.provenance.screen, []
    for line in table.rows:
        row = line[0]
        for feature in results.provenance.methods[row].features:
            method = describe(feature)
            if method is not None and method.trained:
                published = _published_trained(method.trained, results, part)
                notes.append(footnotes.untrained_note(screen, row, method, published))
            elif method is not None and method.caveat and line[-1] != NOTHING:
                notes.append(f"{row}: {method.caveat}")
    # Items of a list: each stands on a line of its own.
    return replace(table, notes=[*table.notes, *(f"- {note}" for note in notes)])


def _published_trained(method: str, results: ScreenResults, part: TablePart) -> str | None:
    """The poster's figures of a trained network, if it has a mean AUC for it."""
    figures = part.poster.get(method)
    if figures is None or "mean_auc" not in figures:
        return None
    return published_auc(figures, thresholds_of(results.parts[part.name]))


def mean_cell(mean: Estimate | None) -> str:
    """``"0.714 (0.69-0.74)"``."""
    if mean is None or mean.low is None or mean.high is None:
        return number(mean.value if mean else None, ".3f")
    return f"{mean.value:.3f} ({mean.low:.2f}-{mean.high:.2f})"


def _auc_table(part: TablePart, rows: dict[str, RowResult], results: ScreenResults) -> Table:
    lines = []
    for name, row in rows.items():
        mean = row.means.get("auc")
        lines.append(
            [
                name,
                str(row.n_targets),
                mean_cell(mean),
                number(mean.repeat_sd if mean else None, ".3f"),
                number(row.mean_p, ".2g"),
                number(row.mean_chance_sd, ".3f"),
                ceiling_cell(row),
                published_auc(results.published(part.name, name), thresholds_of(rows)),
            ]
        )
    compounds = max(row.n_compounds for row in rows.values())
    seen = footnotes.smallest_difference(typical_difference(results, part.name))
    return Table(
        part.title,
        ["row", "targets", "mean AUC (95 % CI)", "sd", "p", "chance sd", OF_CEILING, POSTER],
        lines,
        [f"{compounds} compounds.{seen}{footnotes.ceiling(highest(rows), 'mean AUC')}"],
    )


def _count_table(part: TablePart, rows: dict[str, RowResult]) -> Table:
    """Targets above chance and at or above each threshold, and what chance gives."""
    score = "" if part.scorer == "auc" else "R2 "
    tested = any(row.n_above_chance is not None for row in rows.values())
    return Table(
        f"{part.title}, counts",
        [
            "row",
            *(["above chance"] if tested else []),
            *(f"{score}>= {t:g}" for t in thresholds_of(rows)),
        ],
        [
            [name, *([number(row.n_above_chance, ".0f")] if tested else []), *count_cells(row)]
            for name, row in rows.items()
        ],
    )


def typical_difference(results: ScreenResults, part: str) -> float | None:
    """Median over a part's comparisons of the smallest difference that they can show."""
    found = [
        one.smallest_difference
        for one in results.comparisons.get(part, [])
        if one.smallest_difference is not None
    ]
    return median(found) if found else None


def published_auc(row: Figures | None, thresholds: Sequence[float]) -> str:
    """``"0.64; 71/24/2 %"``: the poster's mean AUC and shares."""
    if row is None:
        return NOTHING
    counts = [row[f"n_auc_ge_{t:g}"] for t in thresholds if f"n_auc_ge_{t:g}" in row]
    shares = "/".join(f"{100 * count / row['n_targets']:.0f}" for count in counts)
    return f"{row['mean_auc']:.2f}; {shares} %"


TABLES: dict[ScorerName, Callable[[TablePart, dict[str, RowResult], ScreenResults], Table]] = {
    "auc": _auc_table,
    "levels": level_table,
}
"""By the scorer of a task."""
