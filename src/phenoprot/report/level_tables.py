"""Table 2: rows of a part of levels, and its best predicted proteins."""

from __future__ import annotations

from phenoprot.evaluation.results import Estimate, RowResult
from phenoprot.report import footnotes
from phenoprot.report.ceilings import ceiling_cell, highest
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults, TopTarget
from phenoprot.report.table import NOTHING, OF_CEILING, POSTER, Table, number, score_cell
from phenoprot.tasks.task import Figures

OVER_DOSES = "mean over doses"
"""Name of R2 at each concentration, averaged; the poster's way."""


def level_table(part: TablePart, rows: dict[str, RowResult], results: ScreenResults) -> Table:
    """Scores of each row; R2 over all rows of a fold and, in a dose series, averaged over doses."""
    series = any(row.median_over_doses is not None for row in rows.values())
    lines = [
        [
            name,
            str(row.n_targets),
            score_cell(row.means.get("skill")),
            number(row.median, ".3f"),
            *([number(row.median_over_doses, ".3f")] if series else []),
            _value(row.means.get("rmse"), ".2f"),
            _value(row.means.get("smape"), ".1f"),
            score_cell(row.means.get("concordance")),
            ceiling_cell(row),
            number(row.maximum, ".2f"),
            *([number(row.maximum_over_doses, ".2f")] if series else []),
            _published_max(results.published(part.name, name)),
        ]
        for name, row in rows.items()
    ]
    columns = [
        "row", "proteins", "pooled skill (95 % CI)", *_r2("median R2", series), "RMSE (sd)",
        "SMAPE %", "concordance (95 % CI)", OF_CEILING, *_r2("best R2", series), POSTER,
    ]  # fmt: skip
    notes = [f"{_way(series)}{footnotes.ceiling(highest(rows), 'median R2')}"]
    return Table(part.title, columns, lines, notes)


def _r2(name: str, series: bool) -> list[str]:
    """Titles of the columns of one summary of R2."""
    return [name, f"{name}, {OVER_DOSES}"] if series else [name]


def _way(series: bool) -> str:
    """Which way of averaging is the poster's."""
    return footnotes.LEVELS_OVER_DOSES if series else footnotes.LEVELS_OF_ONE_DOSE


def _value(mean: Estimate | None, form: str) -> str:
    return number(mean.value if mean else None, form)


def _published_max(row: Figures | None) -> str:
    return f"{row['max_r2']:.2f}" if row else NOTHING


def top_table(top: list[TopTarget], part: TablePart) -> Table:
    """The best predicted proteins beside the poster's."""
    series = any(entry.r2_over_doses is not None for entry in top)
    lines = [
        [
            entry.protein,
            f"{entry.r2:.3f}",
            *([number(entry.r2_over_doses, ".3f")] if series else []),
            f"{entry.pearson_r2:.3f}",
            f"{entry.smape:.1f}",
            f"{gene} {r2:.3f} / {smape:.1f}",
        ]
        for entry, (gene, r2, smape) in zip(top, part.poster_top, strict=False)
    ]
    row = top[0].row if top else ""
    return Table(
        f"Table 2b. Best predicted proteins of the {part.task} ({row})",
        ["protein", *_r2("R2", series), "r2 (Pearson)", "SMAPE %", "poster: gene R2 / SMAPE %"],
        lines,
        [footnotes.TOP],
    )
