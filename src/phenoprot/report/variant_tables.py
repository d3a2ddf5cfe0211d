"""Tables 11 to 13: other folds, fewer training compounds, proteins that are chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

from phenoprot.evaluation.results import ChosenScores, RowResult
from phenoprot.report import footnotes
from phenoprot.report.choose_rows import shown_parts
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import NOTHING, Table, gain_cell, number, score_cell
from phenoprot.tasks.fit_settings import SplitKind


def _lines(
    results: ScreenResults, names: Mapping[str, str]
) -> tuple[list[TablePart], list[list[str]]]:
    """One line for each plain row and its variants, by their names in the first column."""
    of = results.provenance.variants
    parts = [part for part in shown_parts(results) if results.variants.get(part.name)]
    lines: list[list[str]] = []
    if not parts:
        return parts, lines
    for plain in dict.fromkeys(of[row].of for row in names):
        rows = [row for row in names if of[row].of == plain]
        for row in [*([plain] if plain else []), *rows]:
            source = results.parts if row == plain else results.variants
            cells = [_cell(source.get(part.name, {}).get(row), part) for part in parts]
            lines.append([plain or row, names.get(row, ""), *cells])
    return parts, lines


def _cell(result: RowResult | None, part: TablePart) -> str:
    return score_cell(result.means.get(part.scores.main) if result else None)


def splits_table(results: ScreenResults) -> list[Table]:
    """Table 11: the same row under folds of other kinds."""
    of, order = results.provenance.variants, get_args(SplitKind)
    known = {row: one.splits for row, one in of.items() if one.splits and one.train_share == 1}
    names = dict(sorted(known.items(), key=lambda item: (order.index(item[1]), item[0])))
    parts, lines = _lines(results, names)
    filled = [[row, kind or "as in the tables above", *cells] for row, kind, *cells in lines]
    columns = ["row", "folds of", *(part.short for part in parts)]
    families = [footnotes.FAMILIES] if "target" in names.values() else []
    note = " ".join([footnotes.OTHER_FOLDS, *families])
    return [Table("Table 11. Other folds: mean ROC AUC", columns, filled, [note])]


def learning_table(results: ScreenResults) -> list[Table]:
    """Table 12: the same row with fewer training compounds, ascending."""
    of = results.provenance.variants
    fewer = [row for row, one in of.items() if one.train_share < 1 and not one.splits]
    fewer.sort(key=lambda row: (of[row].train_share, row))
    parts, lines = _lines(results, {row: f"{100 * of[row].train_share:g} %" for row in fewer})
    # The plain row, with all compounds, closes the curve of its variants.
    whole = [[row, share or "100 %", *cells] for row, share, *cells in lines]
    ordered = [
        line
        for plain in dict.fromkeys(line[0] for line in whole)
        for line in sorted(
            (line for line in whole if line[0] == plain),
            key=lambda line: float(line[1].removesuffix(" %")),
        )
    ]
    columns = ["row", "training compounds", *(part.short for part in parts)]
    title = "Table 12. Learning curve: mean ROC AUC"
    return [Table(title, columns, ordered, [footnotes.LEARNING])]


def choice_table(results: ScreenResults, rows: Collection[str]) -> list[Table]:
    """Table 13: the regression of `rows` over the proteins that the classification does well."""
    lines = []
    for part in shown_parts(results):
        for row, result in results.parts[part.name].items():
            choice = result.choice
            if choice is not None and row in rows:
                lines.append(
                    [
                        row,
                        *(_chosen(one) for one in (choice.every, choice.inside, choice.all)),
                        gain_cell(choice.optimism),
                        _gap(choice.all.median, choice.inside.median),
                    ]
                )
    columns = ["row", "all proteins", "chosen inside the training part",
               "chosen on all compounds", "optimism: skill (95 % CI)", "median R2"]  # fmt: skip
    title = "Table 13. Regression of proteins chosen by the classification"
    return [Table(title, columns, lines, [footnotes.CHOICE])]


def _chosen(scores: ChosenScores) -> str:
    """``"0.12 (0.05 to 0.19); 0.034 (98)"``: skill, median R2, and how many proteins."""
    return f"{score_cell(scores.skill)}; {number(scores.median, '.3f')} ({scores.n:.0f})"


def _gap(one: float | None, other: float | None) -> str:
    return NOTHING if one is None or other is None else f"{one - other:+.3f}"
