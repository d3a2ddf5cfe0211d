"""Scores of rows: as a whole, by concentration, by the number of cells, under other folds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from phenoprot.evaluation.results import RowResult
from phenoprot.page import charts
from phenoprot.page.blocks import (
    MOST_LINES,
    Block,
    Figure,
    Section,
    TableBlock,
    Text,
)
from phenoprot.page.source import AXES, Source, ends_of, kind_of, lines_of
from phenoprot.report.choose_rows import shown_parts
from phenoprot.report.findings import findings
from phenoprot.report.flatten import dose_key
from phenoprot.report.guide import guide
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults
from phenoprot.report.table import score_cell
from phenoprot.report.words import departures

OTHER = "other models"
"""Kind of the rows beyond those that have a colour."""


def rows_section(source: Source) -> Section:
    """Scores of every row, and Tables 1 to 3 beside the poster's figures."""
    blocks: list[Block] = []
    for part in source.parts:
        blocks.append(_rows_figure(source.results, part))
    blocks += [TableBlock(table) for table in source.tables(1, 2, 3)]
    if words := findings(source.results):
        blocks.append(Text("\n".join(f"- {line}" for line in words), "The rows in words"))
    if text := guide(source.results):
        blocks.append(Text(text, "How to read the tables"))
    blocks.append(Text(departures(source.results), "Where this departs from the poster"))
    return Section("tables", "Every row, beside the poster", blocks)


def _rows_figure(results: ScreenResults, part: TablePart) -> Figure:
    score = part.scores.means[0]
    rows = results.parts[part.name]
    lines = [_score_line(results, part, name, row) for name, row in rows.items()]
    kinds = _few_kinds(lines)
    words = {"ceiling": "tick: ceiling", "poster": "diamond: the poster"}
    beside = [name for name in words if any(line[name] is not None for line in lines)]
    spec = charts.rows_chart(AXES[score], part.scores.chance, kinds, len(rows), beside)
    marks = ["dashed line: chance", *(words[name] for name in beside)]
    title = f"{part.short}: {AXES[score]} of every row, with 95 % intervals"
    return Figure(
        f"rows-{part.name.replace('/', '-')}",
        title,
        spec,
        pd.DataFrame(lines),
        f"{'; '.join(marks).capitalize()}.",
    )


def _few_kinds(lines: list[dict[str, Any]]) -> list[str]:
    """Kinds of lines, no more than colours: the rest becomes one kind, in the lines, too."""
    kinds = list(dict.fromkeys(line["kind"] for line in lines))
    if len(kinds) > MOST_LINES:
        kinds = [*kinds[: MOST_LINES - 1], OTHER]
        for line in lines:
            line["kind"] = line["kind"] if line["kind"] in kinds else OTHER
    return kinds


def _score_line(
    results: ScreenResults, part: TablePart, name: str, row: RowResult
) -> dict[str, Any]:
    mean = row.means.get(part.scores.means[0])
    auc = part.scorer == "auc"
    published = results.published(part.name, name) if auc else None
    return {
        "row": name,
        "kind": kind_of(results, name),
        "model": kind_of(results, name),
        **ends_of(mean),
        "p": row.mean_p,
        "ceiling": row.ceiling.value if row.ceiling is not None and auc else None,
        "poster": published["mean_auc"] if published else None,
        "text": score_cell(mean),
    }


def doses_section(source: Source) -> Section:
    """Scores by concentration; empty for a screen of single doses."""
    results, blocks = source.results, []
    unit = results.provenance.concentration_unit
    for part in source.parts:
        score = part.scores.means[0]
        data = pd.DataFrame(
            {"row": row, "concentration": dose.concentration, **ends_of(dose.means[score])}
            for row, doses in results.doses.get(part.name, {}).items()
            for dose in doses
            if score in dose.means
        )
        if not data.empty:
            rows = [r for r in lines_of(results, part) if r in set(data["row"])]
            blocks.append(
                Figure(
                    f"doses-{part.name.replace('/', '-')}",
                    f"{part.short}: {AXES[score]} by concentration",
                    charts.doses_chart(AXES[score], unit, part.scores.chance),
                    data,
                    "Bands: 95 % intervals. Dashed line: chance.",
                    "row",
                    tuple(rows[:MOST_LINES]),
                )
            )
    tables = [TableBlock(table) for table in source.tables(4)]
    return Section("doses", "Scores by concentration", [*blocks, *tables])


def activity_section(source: Source) -> Section:
    """Active treatments, and scores by the number of cells."""
    results = source.results
    blocks: list[Block] = []
    counts = results.activity
    if counts.doses:
        data = pd.DataFrame(
            {"concentration": dose_key(d.concentration), "percent": 100 * d.n_active / d.n,
             "n": d.n, "n_active": d.n_active, "n_first": d.n_first}
            for d in counts.doses if d.n
        )  # fmt: skip
        unit = results.provenance.concentration_unit
        title = f"{counts.n_active} of {counts.n_compounds} tested compounds are active"
        figure = Figure("activity", title, charts.active_chart(unit), data)
        blocks.append(figure if len(data) > 1 else Text(f"{title}."))
    blocks += _thirds(results)
    tables = [TableBlock(table, folded=True) for table in source.tables(8, 10)]
    return Section("activity", "Activity and the number of cells", [*blocks, *tables])


def _thirds(results: ScreenResults) -> Iterator[Figure]:
    names = {"few": "few", "middle": "middle", "many": "many", "within": "within thirds"}
    for part in shown_parts(results):
        if part.scorer != "auc":
            continue
        data = pd.DataFrame(
            {"row": row, "third": names[one.name], **ends_of(one.means["auc"])}
            for row, result in results.parts[part.name].items()
            for one in result.strata
            if "auc" in one.means and one.name in names
        )
        if data.empty:
            continue
        rows = [r for r in lines_of(results, part) if r in set(data["row"])]
        yield Figure(
            f"cells-{part.name.replace('/', '-')}",
            f"{part.short}: scores by the number of cells, in thirds of the treatments",
            charts.thirds_chart("mean ROC AUC", 0.5),
            data,
            "A score that is nothing but the number of cells falls to 0.5 within the thirds. 95 % "
            "intervals: point at a mark.",
            "row",
            tuple(rows[:MOST_LINES]),
        )


def leaks_section(source: Source) -> Section:
    """Scores under folds of treatments, of other kinds, and with fewer compounds."""
    lines = []
    for part in source.parts:
        for row, result in source.results.parts[part.name].items():
            leak = result.leak
            mean = result.means.get(leak.score) if leak else None
            if leak is not None and leak.mean is not None and mean is not None:
                ends = {"compounds": mean.value, "treatments": leak.mean}
                lines.append({"row": f"{part.short}, {row}", **ends})
    blocks: list[Block] = []
    if lines and source.results.doses:  # of single doses there is nothing to tear apart
        title = "What folds that tear compounds apart would pretend"
        note = "Mean ROC AUC; of the regression, mean concordance. Dashed line: chance."
        axis = "mean AUC or concordance"
        spec = charts.leak_chart(axis, len(lines))
        blocks.append(Figure("leak", title, spec, pd.DataFrame(lines), note))
    tables = [TableBlock(table) for table in source.tables(6, 11, 12, 13)]
    return Section("folds", "Leak gauge, folds and sizes", [*blocks, *tables])
