"""Tables 1 to 3: the rows of each part, with the poster's figures as a reference column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from phenoprot.evaluation.results import Estimate, RowResult, ScorerName, ThresholdCount
from phenoprot.features.registry import describe
from phenoprot.report import footnotes
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import ScreenResults, TopTarget
from phenoprot.report.table import NOTHING, Table, number
from phenoprot.tasks.task import Figures


def row_tables(results: ScreenResults) -> list[Table]:
    """The table of each part that has rows, and behind it the best predicted proteins."""
    tables = []
    for name, part in table_parts().items():
        rows = results.parts[name]
        if rows:
            table = TABLES[part.scorer](part, rows, results)
            tables.append(_noted(table, results, part))
            if part.poster_top:
                tables.append(_top_table(results.top[part.task], part))
    return tables


def is_untrained(feature: str) -> bool:
    """Whether features are those of a network with random weights."""
    method = describe(feature)
    return method is not None and bool(method.trained)


def _noted(table: Table, results: ScreenResults, part: TablePart) -> Table:
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
    return _published_auc(figures, _thresholds(results.parts[part.name]))


def _thresholds(rows: dict[str, RowResult]) -> list[float]:
    return [count.threshold for count in next(iter(rows.values())).thresholds]


def _counts(row: RowResult) -> list[str]:
    return [_count(count) for count in row.thresholds]


def _count(count: ThresholdCount) -> str:
    """``"24, 59 % (0.3)"``: number, share, and number expected by chance."""
    return f"{count.n}, {count.percent:.0f} % ({count.expected_by_chance:.1f})"


def mean_cell(mean: Estimate | None) -> str:
    """``"0.714 (0.69-0.74)"``."""
    if mean is None or mean.low is None or mean.high is None:
        return number(mean.value if mean else None, ".3f")
    return f"{mean.value:.3f} ({mean.low:.2f}-{mean.high:.2f})"


def _auc_table(part: TablePart, rows: dict[str, RowResult], results: ScreenResults) -> Table:
    thresholds = _thresholds(rows)
    lines = [
        [
            name,
            str(row.n_targets),
            mean_cell(row.means.get("auc")),
            *_counts(row),
            _published_auc(results.published(part.name, name), thresholds),
        ]
        for name, row in rows.items()
    ]
    compounds = max(row.n_compounds for row in rows.values())
    return Table(
        part.title,
        ["row", "targets", "mean AUC (95 % CI)", *(f">= {t:g}" for t in thresholds), "poster"],
        lines,
        [f"{compounds} compounds. {footnotes.AUC}"],
    )


def _published_auc(row: Figures | None, thresholds: Sequence[float]) -> str:
    """``"0.64; 71/24/2 %"``: the poster's mean AUC and shares."""
    if row is None:
        return NOTHING
    counts = [row[f"n_auc_ge_{t:g}"] for t in thresholds if f"n_auc_ge_{t:g}" in row]
    shares = "/".join(f"{100 * count / row['n_targets']:.0f}" for count in counts)
    return f"{row['mean_auc']:.2f}; {shares} %"


def _level_table(part: TablePart, rows: dict[str, RowResult], results: ScreenResults) -> Table:
    lines = [
        [
            name,
            str(row.n_targets),
            _mean(row, "r2", ".3f"),
            number(row.median, ".3f"),
            _mean(row, "pearson_r2", ".3f"),
            _mean(row, "smape", ".1f"),
            *_counts(row),
            number(row.maximum, ".2f"),
            _published_max(results.published(part.name, name)),
        ]
        for name, row in rows.items()
    ]
    return Table(
        part.title,
        [
            "row", "proteins", "mean R2", "median", "mean r2", "SMAPE %",
            *(f"R2 >= {t:g}" for t in _thresholds(rows)), "best R2", "poster",
        ],
        lines,
        [footnotes.LEVELS],
    )  # fmt: skip


def _mean(row: RowResult, score: str, form: str) -> str:
    return number(row.means[score].value if score in row.means else None, form)


def _published_max(row: Figures | None) -> str:
    return f"{row['max_r2']:.2f}" if row else NOTHING


TABLES: dict[ScorerName, Callable[[TablePart, dict[str, RowResult], ScreenResults], Table]] = {
    "auc": _auc_table,
    "levels": _level_table,
}
"""By the scorer of a task."""


def _top_table(top: list[TopTarget], part: TablePart) -> Table:
    lines = [
        [entry.protein, f"{entry.r2:.3f}", f"{entry.pearson_r2:.3f}",
         f"{entry.smape:.1f}", f"{gene} {r2:.3f} / {smape:.1f}"]
        for entry, (gene, r2, smape) in zip(top, part.poster_top, strict=False)
    ]  # fmt: skip
    row = top[0].row if top else ""
    return Table(
        f"Table 2b. Best predicted proteins of the {part.task} ({row})",
        ["protein", "R2", "r2 (Pearson)", "SMAPE %", "poster: gene R2 / SMAPE %"],
        lines,
        [footnotes.TOP],
    )
