"""Single targets: the explorer, and scores sorted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.page import charts
from phenoprot.page.blocks import (
    MOST_LINES,
    Block,
    Explorer,
    Figure,
    Section,
)
from phenoprot.page.details import best_targets, details
from phenoprot.page.source import Source, lines_of, noun_of
from phenoprot.page.targets import (
    explorer_table,
    shown_rows,
)
from phenoprot.report.findings import first_row
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults

EXPLAINED = {
    "n_positives": "Positives and negatives: treatments.",
    "low": "Intervals: 95 %, by the rule of the comparisons (from the influence of each compound; "
    "training and repeats added).",
    "ceiling": "Of ceiling: share of the way from chance to what a repeat of the assay would "
    "score.",
    "reliability": "Reliability: of the mean of the protein's replicates, 0 to 1.",
}
"""Below the explorer, by the column that needs it."""


QUANTILES = 201
"""Points of a line of sorted scores."""


def targets_section(source: Source, scores: dict[str, pd.DataFrame]) -> Section:
    """Sorted scores, and the explorer."""
    results, first = source.results, first_row(source.results)
    blocks: list[Block] = []
    tables, best = {}, {}
    files: dict[str, pd.DataFrame] = {}
    parts = [part for part in source.parts if first in results.parts[part.name]]
    for part in parts:
        own = scores[part.name]
        blocks += _sorted_figure(results, part, own)
        rows = shown_rows(results, part, own["Target"].nunique())
        tables[part.name], full = explorer_table(
            results, source.paths, part, own[own["row"].isin(rows)]
        )
        files[f"targets-{part.name.replace('/', '-')}"] = full
        best[part.name] = best_targets(own, first)
    if not tables:
        return Section("targets", "", [])
    unit = results.provenance.concentration_unit
    found = details(source.paths, parts, best, first, unit)
    explorer = Explorer(
        tables,
        found.json | {"row": first, "unit": unit, "rate": results.provenance.false_discovery_rate},
        {
            "curves": charts.curves_chart(unit),
            "predicted": charts.predicted_chart(),
            "carriers": charts.carriers_chart(),
        },
        _explained(tables.values(), first),
        files | found.files,
    )
    title = f"Single {results.provenance.measured}s"
    return Section("targets", title, [explorer, *blocks])


def _explained(tables: Iterable[dict[str, Any]], first: str) -> str:
    """What the columns of the explorer are."""
    there = {
        name
        for table in tables
        for columns in (table["columns"], *table["scores"].values(), *table["counts"])
        for name, values in columns.items()
        if name != "counts" and any(value is not None for value in values)
    }
    lines = [text for name, text in EXPLAINED.items() if name in there]
    return " ".join([*lines, f"Details are of the row `{first}`."])


def _sorted_figure(results: ScreenResults, part: TablePart, scores: pd.DataFrame) -> list[Figure]:
    """Scores of the rows, the best first; none where no target has a score."""
    title = {"auc": "ROC AUC", "r2": "R2"}[part.scores.main]
    noun = noun_of(results, part)
    lines = []
    for row, own in scores.groupby("row", sort=False):
        values = np.sort(own["score"].dropna().to_numpy())[::-1]
        if len(values):
            at = np.unique(np.linspace(0, len(values) - 1, QUANTILES).round().astype(int))
            lines.append(
                pd.DataFrame(
                    {"row": row, "share": 100 * (at + 1) / len(values), "value": values[at]}
                )
            )
    if not lines:
        return []
    data = pd.concat(lines, ignore_index=True)
    if part.scores.main == "r2":
        data = data.assign(value=data["value"].clip(lower=-1))
    rows = [row for row in lines_of(results, part) if row in set(data["row"])]
    return [
        Figure(
            f"sorted-{part.name.replace('/', '-')}",
            f"{part.short}: {title} of each {noun}, sorted",
            charts.sorted_chart(title, part.scores.chance, f"{noun}s"),
            data,
            "R2 below -1 is drawn at -1. Dashed line: 0."
            if part.scores.main == "r2"
            else "Dashed line: chance.",
            "row",
            tuple(rows[:MOST_LINES]),
        )
    ]
