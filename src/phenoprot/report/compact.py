"""The tables of the account: one line per row, as in the poster, and what gives them meaning."""

from __future__ import annotations

from dataclasses import replace

from phenoprot.evaluation.results import Group, GroupScores, RowComparison, RowResult
from phenoprot.report import footnotes
from phenoprot.report.across_tables import across_tables
from phenoprot.report.ceilings import ceiling_cell
from phenoprot.report.choose_rows import main_rows, shown_parts
from phenoprot.report.counts import thresholds_of
from phenoprot.report.findings import first_row, linear_of
from phenoprot.report.flatten import dose_key
from phenoprot.report.further_tables import DOSE_SCORES, leak_tables
from phenoprot.report.level_tables import level_table, top_table
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import LINEAR, ScreenResults
from phenoprot.report.row_tables import published_auc, typical_difference
from phenoprot.report.table import (
    NOTHING,
    OF_CEILING,
    POSTER,
    Table,
    gain_cell,
    number,
    p_cell,
    score_cell,
)
from phenoprot.report.truth_tables import GROUP_SCORES, group_name
from phenoprot.report.variant_tables import choice_table, learning_table, splits_table


def compact_tables(results: ScreenResults) -> list[Table]:
    """All of them, in the order of the account."""
    first = first_row(results)
    tables = [
        *_row_tables(results),
        *_doses(results),
        *_comparisons(results),
        *_leaks(results),
        *_truth(results),
        *_strata(results),
        *_sensitivity(results),
        *_activity(results),
        *splits_table(results),
        *learning_table(results),
        *choice_table(results, [first, linear_of(results, first) or first]),
        *across_tables(results.across, results.provenance.screen),
    ]
    return [table for table in tables if table.rows]


def _row_tables(results: ScreenResults) -> list[Table]:
    """Tables 1 to 3: one for each task."""
    parts = shown_parts(results)
    tables = []
    for task in dict.fromkeys(part.task for part in parts):
        own = [part for part in parts if part.task == task]
        if own[0].scorer == "auc":
            tables.append(_auc_table(own, results))
        else:
            tables += [level_table(part, results.parts[part.name], results) for part in own]
            tables += _top_tables(results, own)
    return tables


def _auc_table(parts: list[TablePart], results: ScreenResults) -> Table:
    """Every row of a task: score, p, share of the way to the ceiling, counts."""
    by_part = [(part, results.parts[part.name]) for part in parts]
    several = len(parts) > 1
    columns, lines = ["row"], []
    for part, of_part in by_part:
        thresholds = "/".join(f"{t:g}" for t in thresholds_of(of_part))
        name = f"{part.short}: " if several else ""
        columns += [f"{name}mean AUC (95 % CI)", "p", OF_CEILING, f">= {thresholds} (by chance)"]
    for row in results.provenance.rows:
        if any(row in of_part for _, of_part in by_part):
            cells = [cell for part in parts for cell in _auc_cells(part, row, results)]
            poster = "; ".join(
                published_auc(results.published(part.name, row), thresholds_of(of_part))
                for part, of_part in by_part
            )
            lines.append([row, *cells, poster.removesuffix(f"; {NOTHING}")])
    first = parts[0]
    title = first.title
    if several:
        table, _, rest = title.partition(". ")
        title = f"{table.rstrip('abcdefghijklmnopqrstuvwxyz')}. {rest.partition(',')[0]}: ROC AUC"
    sizes = "; ".join(
        f"{f'{part.short} ' if several else ''}"
        f"{max(row.n_targets for row in rows.values())} targets, "
        f"{max(row.n_compounds for row in rows.values())} compounds{_ceiling(rows)}"
        for part, rows in by_part
    )
    known = [typical_difference(results, part.name) for part in parts]
    sizes_seen = [size for size in known if size is not None]
    seen = footnotes.smallest_difference(max(sizes_seen) if sizes_seen else None)
    return Table(title, [*columns, POSTER], lines, [f"{sizes}.{seen}"])


def _ceiling(rows: dict[str, RowResult]) -> str:
    """``", ceiling 0.923"``: what a repeat of the assay would score."""
    known = [row.ceiling for row in rows.values() if row.ceiling is not None]
    return f", ceiling {max(known, key=lambda c: c.n).value:.3f}" if known else ""


def _auc_cells(part: TablePart, row: str, results: ScreenResults) -> list[str]:
    result = results.parts[part.name].get(row)
    if result is None:
        return [NOTHING] * 4
    reached = "/".join(str(count.n) for count in result.thresholds)
    chance = "/".join(f"{count.expected_by_chance:.1f}" for count in result.thresholds)
    return [
        score_cell(result.means.get(part.scores.main)).replace(" to ", "-"),
        number(result.mean_p, ".2g"),
        ceiling_cell(result),
        f"{reached} ({chance})" if result.thresholds else NOTHING,
    ]


def _top_tables(results: ScreenResults, parts: list[TablePart]) -> list[Table]:
    """The best predicted proteins of a task of levels."""
    tops = [(results.top.get(part.task), part) for part in parts if part.poster_top]
    return [top_table(top, part) for top, part in tops if top]


def _lettered(tables: list[Table], title: str) -> list[Table]:
    """With the number of the table, and a letter if there are several."""
    if len(tables) < 2:
        return [replace(table, title=f"{title}{table.title}") for table in tables]
    head, _, rest = title.partition(".")
    return [
        replace(table, title=f"{head}{letter}.{rest}{table.title}")
        for letter, table in zip("abcdefgh", tables, strict=False)
    ]


def _doses(results: ScreenResults) -> list[Table]:
    """Table 4: the rows that matter most, at each concentration."""
    unit, doses = results.provenance.concentration_unit, results.provenance.concentrations
    lines = [
        [title, row, *(_at(results.parts[part.name][row], dose, score) for dose in doses)]
        for part in shown_parts(results)
        for score, title in (
            (score, f"{part.short}, {title}") for score, title, _ in DOSE_SCORES[part.scorer][:1]
        )
        for row in main_rows(results, part.name)
        if results.parts[part.name][row].doses
    ]
    columns = ["task, score", "row", *(f"{dose_key(dose)} {unit}" for dose in doses)]
    scorers = {part.scorer for part in shown_parts(results)}
    notes = [DOSE_SCORES[scorer][0][2] for scorer in DOSE_SCORES if scorer in scorers]
    return [Table("Table 4. By concentration", columns, lines, [" ".join(notes)])]


def _at(result: RowResult, dose: float, score: str) -> str:
    found = [one for one in result.doses if one.concentration == dose]
    return score_cell(found[0].means.get(score)) if found else NOTHING


def _comparisons(results: ScreenResults) -> list[Table]:
    """Table 5: one line per pair; linear models of other features are in the details."""
    parts = [part for part in shown_parts(results) if results.comparisons.get(part.name)]
    methods, first = results.provenance.methods, first_row(results)
    own_linear = linear_of(results, first)
    pairs = dict.fromkeys(
        (one.row, one.against)
        for part in parts
        for one in results.comparisons[part.name]
        if methods[one.against].model != LINEAR or one.against == own_linear
    )
    by_part = [
        {(one.row, one.against): one for one in results.comparisons[part.name]} for part in parts
    ]
    lines = [
        [*pair, *(cell for of_part in by_part for cell in _difference(of_part.get(pair)))]
        for pair in pairs
    ]
    columns = ["row", "against"]
    for part in parts:
        columns += [f"{part.short}: difference (95 % CI)", "q"]
    title = "Table 5. Rows compared on the same treatments, folds and targets"
    return [Table(title, columns, lines, [footnotes.COMPARED])]


def _difference(one: RowComparison | None) -> list[str]:
    if one is None:
        return [NOTHING, NOTHING]
    return [gain_cell(one.mean_auc_difference), p_cell(one.q)]


def _leaks(results: ScreenResults) -> list[Table]:
    """Table 6, without the variations on a part; of single doses it stands in the details alone."""
    if not results.doses:
        return []
    asked = {part.short for part in table_parts().values() if part.asked}
    return [
        replace(table, rows=[line for line in table.rows if line[0] not in asked])
        for table in leak_tables(results)
    ]


def _truth(results: ScreenResults) -> list[Table]:
    """Table 7: the rows that matter most, by what was planted; one for each kind of groups."""
    merged: list[tuple[set[Group], list[TablePart]]] = []
    for part in shown_parts(results):
        groups = {one.group for row in results.parts[part.name].values() for one in row.planted}
        if groups:
            # Proteins are grouped by effect, a direction may lack a bin; targets otherwise.
            bins = {group for group in groups if group.kind is None}
            near = next((one for one in merged if bins & one[0]), None)
            if near is None:
                merged.append((groups, [part]))
            else:
                near[0].update(groups)
                near[1].append(part)
    kinds = [
        ([group_name(group) for group in sorted(groups, key=lambda group: group.order)], parts)
        for groups, parts in merged
    ]
    tables = [
        Table(
            "",
            ["task, score", "row", *names],
            [
                [f"{part.short}, {title}", row, *_planted(result.planted, names, score)]
                for part in parts
                for score, title in GROUP_SCORES[part.scorer][-1:]
                for row, result in (
                    (row, results.parts[part.name][row]) for row in main_rows(results, part.name)
                )
                if result.planted
            ],
            footnotes.GROUPS.get(parts[0].task, []),
        )
        for names, parts in kinds
    ]
    return _lettered(tables, "Table 7. Against the planted truth")


def _planted(planted: list[GroupScores], names: list[str], score: str) -> list[str]:
    found = {group_name(one.group): one.means.get(score) for one in planted}
    return [score_cell(found.get(name)) for name in names]


def _strata(results: ScreenResults) -> list[Table]:
    """Table 8: the rows that matter most within thirds of the cell number."""
    lines, columns = [], ["task", "row"]
    for part in shown_parts(results):
        for row in main_rows(results, part.name):
            strata = results.parts[part.name][row].strata
            if strata:
                columns = ["task", "row", *(one.name for one in strata)]
                cells = (score_cell(one.means.get(part.scores.main)) for one in strata)
                lines.append([part.short, row, *cells])
    note = footnotes.STRATA.format(table=results.provenance.strata)
    return [Table("Table 8. By the number of cells: mean ROC AUC", columns, lines, [note])]


def _sensitivity(results: ScreenResults) -> list[Table]:
    """Table 9: variations on a part, one line per row."""
    parts = [part for part in table_parts().values() if part.asked and results.parts[part.name]]
    tables = {part.name.partition("/")[2].partition("_")[0] for part in parts}
    plain = [
        part
        for part in shown_parts(results)
        if part.name.partition("/")[2] in tables and part.scorer == "auc"
    ]
    rows = [row for row in results.provenance.rows if any(row in results.parts[p.name]
                                                          for p in parts)]  # fmt: skip
    shown = sorted([*plain, *parts], key=lambda part: part.name.partition("/")[2].partition("_")[0],
                   reverse=True)  # fmt: skip
    lines = [
        [row, *(_mean(results.parts[part.name].get(row), part) for part in shown)] for row in rows
    ]
    columns = ["row", *(part.short for part in shown)]
    title = "Table 9. Masked pairs taken as negatives: mean ROC AUC"
    return [Table(title, columns, lines, [footnotes.SENSITIVITY])]


def _mean(result: RowResult | None, part: TablePart) -> str:
    return score_cell(result.means.get(part.scores.main) if result else None)


def _activity(results: ScreenResults) -> list[Table]:
    """Table 10: active treatments by concentration, and scores by activity."""
    counts, unit = results.activity, results.provenance.concentration_unit
    lines = [
        [
            f"{dose_key(dose.concentration)} {unit}",
            str(dose.n),
            f"{dose.n_active}, {100 * dose.n_active / max(dose.n, 1):.0f} %",
            str(dose.n_first),
        ]
        for dose in counts.doses
    ]
    never = counts.n_compounds - counts.n_active
    note = f"{counts.n_compounds} compounds, {never} of them without an active treatment. "
    columns = ["concentration", "treatments", "active", "first active there (compounds)"]
    scored = [
        [part.short, row, *(score_cell(one.means.get(part.scores.main)) for one in strata)]
        for part in shown_parts(results)
        for row in main_rows(results, part.name)
        if (strata := results.parts[part.name][row].activity)
    ]
    tables = [
        Table(": treatments", columns, lines, [note + footnotes.ACTIVITY]),
        Table(
            ": mean ROC AUC among active and among inactive compounds",
            ["task", "row", "active", "inactive"],
            scored,
            [footnotes.BY_ACTIVITY],
        ),
    ]
    return _lettered([table for table in tables if table.rows], "Table 10. Activity")
