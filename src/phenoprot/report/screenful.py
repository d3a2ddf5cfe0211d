"""Tables 1 to 3 of a screen on one screen of a terminal: the rows and columns that fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from rich.cells import cell_len

from phenoprot.evaluation.results import RowResult
from phenoprot.report.ceilings import ceiling_cell, highest
from phenoprot.report.choose_rows import shown_parts
from phenoprot.report.counts import thresholds_of
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.row_tables import mean_cell, published_auc
from phenoprot.report.table import NOTHING, Table, number, score_cell
from phenoprot.report.telling_rows import telling_rows

GAP = 2
"""Blanks between columns."""
KIND = "what"
"""Title of the column of kinds of rows."""
N_TOP = 5
"""Best predicted proteins that are named."""
Detail = Mapping[str, int]
"""How much of each column is shown, from 1; a column that is not named is left out."""


@dataclass(frozen=True)
class Line:
    """A line of the screen."""

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Extent:
    """How much is shown."""

    n_rows: int | None = None
    """Of each table, at most; None: all that matter."""
    sizes: bool = True
    """Targets, compounds and ceiling in the headings."""
    top: bool = True
    """The best predicted proteins."""
    caveats: bool = True


ALL = Extent()


@dataclass(frozen=True)
class Group:
    """Parts that stand in one table."""

    parts: tuple[TablePart, ...]
    kinds: dict[str, str]
    """Kind of the rows that matter, what matters most first."""
    n_rows: int
    """Rows of the whole table."""


@dataclass(frozen=True)
class _Shown:
    """One row in one part."""

    results: ScreenResults
    part: TablePart
    row: str
    result: RowResult


@dataclass(frozen=True)
class _Column:
    key: str
    titles: tuple[str, ...]
    """By detail; words in braces are those of `_words`."""
    cell: Callable[[_Shown, int], str]


def _estimate(one: _Shown, score: str, detail: int) -> str:
    """The value; with its interval, as the page shows it, if more is asked for."""
    mean = one.result.means.get(score)
    if mean is None or detail == 1:
        return number(mean.value if mean else None, ".3f")
    return mean_cell(mean) if one.part.scorer == "auc" else score_cell(mean)


def _score(one: _Shown, detail: int) -> str:
    return _estimate(one, one.part.scores.means[0], detail)


def _concordance(one: _Shown, detail: int) -> str:
    return _estimate(one, "concordance", detail)


def _counts(one: _Shown, detail: int) -> str:
    """``"24/17/1"``, then in brackets what chance gives."""
    counts = one.result.thresholds
    reached = "/".join(str(count.n) for count in counts)
    chance = "/".join(f"{count.expected_by_chance:.1f}" for count in counts)
    if not counts:
        return NOTHING
    return reached if detail == 1 else f"{reached} ({chance})"


def _poster(one: _Shown, detail: int) -> str:
    """Its mean AUC, then with the shares at or above the thresholds; or its best R2."""
    figures = one.results.published(one.part.name, one.row)
    if figures is None:
        return NOTHING
    if one.part.scorer == "levels":
        return f"{figures['max_r2']:.2f}"
    whole = published_auc(figures, [count.threshold for count in one.result.thresholds])
    return whole.partition(";")[0] if detail == 1 else whole


COLUMNS = (
    _Column("score", ("{score}", "{score} (95 % CI)"), _score),
    _Column("p", ("p",), lambda one, _: number(one.result.mean_p, ".2g")),
    _Column("ceiling", ("of ceiling",), lambda one, _: ceiling_cell(one.result)),
    _Column("median", ("median R2",), lambda one, _: number(one.result.median, ".3f")),
    _Column("best", ("best R2",), lambda one, _: number(one.result.maximum, ".2f")),
    _Column("concordance", ("concordance", "concordance (95 % CI)"), _concordance),
    _Column("counts", ("{reached}", "{reached} (by chance)"), _counts),
    _Column("poster", ("{poster}", "{poster}"), _poster),
)
"""From left to right; one without a figure is left out."""
STEPS = (
    ("score", 2), ("ceiling", 1), ("p", 1), ("median", 1), ("concordance", 1), ("kind", 1),
    ("poster", 1), ("counts", 1), ("best", 1), ("concordance", 2), ("counts", 2), ("poster", 2),
)  # fmt: skip
"""What is added to the bare scores, as far as there is room: column and detail."""
FULL: Detail = dict(STEPS)


def groups_of(results: ScreenResults) -> list[Group]:
    """Tables 1 to 3 as far as they have rows: parts of one task stand in one table."""
    shown = shown_parts(results)
    by_task = [
        tuple(part for part in shown if part.task == task)
        for task in dict.fromkeys(part.task for part in shown)
    ]
    return [
        Group(
            parts,
            telling_rows(results, parts),
            len({row for part in parts for row in results.parts[part.name]}),
        )
        for parts in by_task
    ]


def table_of(
    results: ScreenResults,
    group: Group,
    detail: Detail = FULL,
    extent: Extent = ALL,
) -> Table:
    """The rows that matter of one table, in the order of params.yaml.

    Parameters
    ----------
    results, group
        The screen, and the table.
    detail
        Columns, and how much of each.
    extent
        How many rows, and what is said besides.
    """
    kinds, several = dict(list(group.kinds.items())[: extent.n_rows]), len(group.parts) > 1
    rows = [row for row in results.provenance.rows if row in kinds]
    titles, lines = ["row"], [[row] for row in rows]
    if "kind" in detail:
        titles.append(KIND)
        lines = [[row, kinds[row]] for row in rows]
    for part in group.parts:
        words = _words(results, part, several)
        for column in COLUMNS:
            level = detail.get(column.key, 0)
            cells = [_cell(results, part, row, column, level) for row in rows] if level else []
            if any(cell != NOTHING for cell in cells):
                titles.append(column.titles[level - 1].format(**words))
                lines = [[*line, cell] for line, cell in zip(lines, cells, strict=True)]
    heading = f"{_title(group.parts)}. {len(rows)} of {group.n_rows} rows."
    if extent.sizes:
        sizes = (_size(part, results.parts[part.name], several) for part in group.parts)
        heading += f" {'; '.join(sizes)}."
    return Table(heading, titles, lines, _top(results, group) if extent.top else [])


def _cell(results: ScreenResults, part: TablePart, row: str, column: _Column, level: int) -> str:
    result = results.parts[part.name].get(row)
    return NOTHING if result is None else column.cell(_Shown(results, part, row, result), level)


def _words(results: ScreenResults, part: TablePart, several: bool) -> dict[str, str]:
    """What titles of columns say of a part."""
    thresholds = "/".join(f"{t:g}" for t in thresholds_of(results.parts[part.name]))
    levels = part.scorer == "levels"
    return {
        "score": f"{part.short} " * several + ("pooled skill" if levels else "AUC"),
        "reached": f"{'R2 ' * levels}>= {thresholds}",
        "poster": "poster's best R2" if levels else "poster",
    }


def _title(parts: Sequence[TablePart]) -> str:
    """``"Table 1. Classification: ROC AUC"`` of Tables 1a and 1b."""
    title = parts[0].title
    if len(parts) == 1:
        return title
    table, _, rest = title.partition(". ")
    of = rest.partition(": ")[2]
    return f"{table.rstrip('abcdefgh')}. {rest.partition(',')[0]}{of and f': {of}'}"


def _size(part: TablePart, rows: Mapping[str, RowResult], several: bool) -> str:
    most = max(row.n_targets for row in rows.values())
    compounds = max(row.n_compounds for row in rows.values())
    ceiling = highest(dict(rows))
    score = "median R2 " if part.scorer == "levels" else ""
    known = "" if ceiling is None else f", ceiling {score}{ceiling.value:.3f}"
    name = f"{part.short} " if several else ""
    return f"{name}{most} targets, {compounds} compounds{known}"


def _top(results: ScreenResults, group: Group) -> list[str]:
    """The best predicted proteins."""
    top = results.top.get(group.parts[0].task, [])[:N_TOP]
    if not top:
        return []
    named = ", ".join(f"{one.protein} {one.r2:.3f}" for one in top)
    return [f"Best R2 ({top[0].row}; picked by the score itself, so optimistic): {named}."]


def absent(results: ScreenResults) -> list[str]:
    """Tables that the screen does not have, and why."""
    known, lines = results.provenance, []
    for part in table_parts().values():
        if not part.asked and not results.parts[part.name]:
            lacks = known.has.reason(part.requires)
            why = f"the screen has no {lacks}" if lacks else "no row takes part"
            if part.name in known.too_few_labels:
                why = "no target has enough labels"
            lines.append(f"No {part.title.partition('.')[0]} ({part.short}): {why}.")
    return lines


def fitted(results: ScreenResults, group: Group, width: int, extent: Extent = ALL) -> Table:
    """The table with as much in its columns as `width` characters hold.

    The bare scores stand there in any case.
    """
    detail: Detail = {"score": 1}
    for key, level in STEPS:
        more = {**detail, key: level}
        if _width(table_of(results, group, more, extent)) <= width:
            detail = more
    return table_of(results, group, detail, extent)


def _widths(table: Table) -> list[int]:
    by_column = zip(table.columns, *table.rows, strict=True)
    return [max(cell_len(cell) for cell in column) for column in by_column]


def _width(table: Table) -> int:
    widths = _widths(table)
    return sum(widths) + GAP * (len(widths) - 1)


def _extents(most: int) -> list[Extent]:
    """From all to the least; `most` is the number of rows of the longest table."""
    return [
        ALL,
        Extent(caveats=False),
        *(Extent(n, caveats=False, top=False) for n in range(most, 4, -1)),
        *(Extent(n, caveats=False, top=False, sizes=False) for n in range(min(most, 5), 0, -1)),
    ]


def screenful(
    results: ScreenResults, page: str, width: int, height: int | None = None
) -> list[Line]:
    """One screen of lines: its title, Tables 1 to 3, what is left out.

    Where lines are few, the caveats go first, then the best proteins, rows, and sizes of tables.

    Parameters
    ----------
    results
        Of the screen.
    page
        Where its report is.
    width
        Characters of a line.
    height
        Lines at most; None: as many as there are. The title, the headings and one row of each table
        stand there in any case.
    """
    groups = groups_of(results)
    most = max((len(group.kinds) for group in groups), default=1)
    lines: list[Line] = []
    for extent in _extents(most):
        tables = [fitted(results, group, width, extent) for group in groups]
        lines = [
            *_opening(results, width, extent.caveats),
            *(line for table in tables for line in _table_lines(table, width)),
            *_closing(results, groups, tables, _page(results, page, extent), width),
        ]
        if height is None or len(lines) <= height:
            break
    return lines


def _opening(results: ScreenResults, width: int, caveats: bool) -> list[Line]:
    known = results.provenance
    lines = [Line(text, bold=True) for text in wrap(known.title, width)]
    if caveats:
        return [*lines, *(line for text in known.caveats for line in _wrapped(text, width, "- "))]
    return lines


def _table_lines(table: Table, width: int) -> list[Line]:
    widths, n_words = _widths(table), 1 + (KIND in table.columns)
    return [
        Line(""),
        *(replace(line, bold=True) for line in _wrapped(table.title, width)),
        *(Line(_aligned(cells, widths, n_words)) for cells in (table.columns, *table.rows)),
        *(line for note in table.notes for line in _wrapped(note, width)),
    ]


def _aligned(cells: Sequence[str], widths: Sequence[int], n_words: int) -> str:
    """The first `n_words` columns to the left, numbers to the right."""
    padded = []
    for i, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        blank = " " * (wide - cell_len(cell))
        padded.append(cell + blank if i < n_words else blank + cell)
    return (" " * GAP).join(padded).rstrip()


def _closing(
    results: ScreenResults, groups: Sequence[Group], tables: Sequence[Table], page: str, width: int
) -> list[Line]:
    """Tables that are not there, which rows are shown, where the rest is."""
    shown = [(group, len(table.rows)) for group, table in zip(groups, tables, strict=True)]
    kinds = dict.fromkeys(kind for group, n in shown for kind in list(group.kinds.values())[:n])
    out = sum(group.n_rows - n for group, n in shown)
    rest = f"{out} left out: `phenoprot tables {results.provenance.screen} --all`."
    rule = f"Rows: {', '.join(kinds)}; of each, the best by its score. {rest}"
    lines = [*absent(results), *([rule] if kinds else []), page]
    return [Line(""), *(line for text in lines for line in _wrapped(text, width))]


def _page(results: ScreenResults, page: str, extent: Extent) -> str:
    """Where the page is, and that what must be known beside the numbers is there alone."""
    n = 0 if extent.caveats else len(results.provenance.caveats)
    return f"Page: {page}" + (f" (read its {n} caveats)" if n else "")


def _wrapped(text: str, width: int, mark: str = "") -> list[Line]:
    lines = wrap(
        text,
        width,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [Line(line) for line in lines]
