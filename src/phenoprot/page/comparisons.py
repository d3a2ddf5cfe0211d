"""Rows against one another, and what carries a prediction."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.evaluation.results import COMPARISONS
from phenoprot.page import charts
from phenoprot.page.blocks import (
    Block,
    Figure,
    Section,
    TableBlock,
    Text,
)
from phenoprot.page.details import carriers_table
from phenoprot.page.source import Source, ends_of, noun_of
from phenoprot.page.targets import (
    above_chance,
)
from phenoprot.report.findings import first_row, linear_of
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults
from phenoprot.report.telling_rows import telling_rows

MOST_IN_HEAT = 40
"""Targets of the heat map of features: the best."""


MIN_HEAT = 0.6
"""AUC from which a target is in it."""


def features_section(source: Source) -> Section:
    """Which image features carry the first row and its linear model, where it was computed."""
    first = first_row(source.results)
    rows = [row for row in (first, linear_of(source.results, first)) if row is not None]
    blocks: list[Block] = []
    for part in source.parts:
        for row in dict.fromkeys(rows):
            table = carriers_table(source.paths, part, row)
            if table is not None:
                blocks += _heat(part, row, table, noun_of(source.results, part))
    text = (
        "What an AUC loses when a group of features is permuted among the test compounds. Orange: "
        "the group carries the prediction; blue: the score is better without it. Groups that tell "
        "the same stand in for one another: where each loses little, all may still carry it."
    )
    tables = [TableBlock(table, folded=True) for table in source.further_tables(15)]
    title = "Features that carry the predictions"
    return Section("features", title, [Text(text), *blocks, *tables] if blocks else [])


def _heat(part: TablePart, row: str, table: pd.DataFrame, noun: str) -> list[Block]:
    places = table[table["Grouping"] == "place"]
    auc = places.drop_duplicates("Target").set_index("Target")["auc"]
    best = list(auc[auc >= MIN_HEAT].sort_values(ascending=False, kind="stable").index)
    best = best[:MOST_IN_HEAT]
    data = places[places["Target"].isin(best)].dropna(subset=["drop"])
    if data.empty:
        return []
    data = data.assign(order=data["Target"].map(best.index)).sort_values("order", kind="stable")
    kept = ["Target", "Group", "n_features", "auc", "drop", "drop_se"]
    return [
        Figure(
            f"features-{part.name.replace('/', '-')}-{row}",
            f"{part.short}, {row}: AUC lost, by compartment and stain",
            charts.heat_chart(data["Target"].nunique(), float(data["drop"].abs().max())),
            data[kept],
            f"The {noun}s of an AUC of {MIN_HEAT} or more, the best first, at most "
            f"{MOST_IN_HEAT}. Standard errors: point at a field.",
        )
    ]


def comparisons_section(source: Source, scores: dict[str, pd.DataFrame]) -> Section:
    """Differences with intervals, MLP against linear model, overlap of discoveries."""
    results, first = source.results, first_row(source.results)
    rate = results.provenance.false_discovery_rate
    differences: list[Block] = []
    pairs: list[Block] = []
    overlaps: list[Block] = []
    for part in source.parts:
        name = part.name.replace("/", "-")
        own = [c for c in results.comparisons.get(part.name, []) if c.row == first]
        lines = [
            {"against": c.against, **ends_of(c.mean_auc_difference), "q": c.q,
             "told": charts.TOLD[c.q is None or c.q > rate],
             "overlap": c.jaccard, "n_better": c.n_better, "n_worse": c.n_worse}
            for c in own if c.mean_auc_difference is not None
        ]  # fmt: skip
        if lines:
            spec = charts.differences_chart(first, len(lines))
            title = f"{part.short}: {first} minus every other row"
            note = f"95 % intervals; told apart: q at or below {rate:g}."
            differences.append(
                Figure(f"differences-{name}", title, spec, pd.DataFrame(lines), note)
            )
        pairs += _pairs(source, part, scores[part.name])
        overlaps += _overlap(results, part, scores[part.name])
    blocks = [*differences, *pairs, *overlaps]
    known = [*source.tables(5, 9, 14), *source.further_tables(16)]
    tables = [TableBlock(table, folded=True) for table in known]
    return Section("comparisons", "Rows compared", [*blocks, *tables])


def _pairs(source: Source, part: TablePart, scores: pd.DataFrame) -> list[Block]:
    """The MLP against the linear model on the same features, target by target."""
    results, first = source.results, first_row(source.results)
    linear = linear_of(results, first)
    if part.scorer != "auc" or linear is None or not {first, linear} <= set(scores["row"]):
        return []
    wide = scores.pivot(index="Target", columns="row", values="score")
    data = pd.DataFrame({"linear": wide[linear], "mlp": wide[first]}).dropna().reset_index()
    data = data.assign(gain=data["mlp"] - data["linear"])
    path = source.paths.scores / COMPARISONS / f"{part.name}.parquet"
    q = pd.Series(dtype=float)
    if path.exists():
        table = read_table(path, ["Target", "Row", "Against", "q"])
        table = table[(table["Row"] == first) & (table["Against"] == linear)]
        q = table.set_index("Target")["q"]
    data = data.assign(q=data["Target"].map(q))
    rate = results.provenance.false_discovery_rate
    differs = data["q"] <= rate
    data = data.assign(told=np.where(differs, *charts.TOLD))
    farthest = data.iloc[np.argsort(-data["gain"].abs().to_numpy(), kind="stable")[:3]]
    names = ", ".join(f"{line.Target} ({line.gain:+.3f})" for line in farthest.itertuples())
    title = f"{part.short}: where the MLP and the linear model disagree"
    note = (
        f"{int(differs.sum())} of {len(data)} {noun_of(results, part)}s are told apart: q at or "
        f"below {rate:g}. Farthest apart (MLP minus linear): {names}."
    )
    return [
        Figure(
            f"models-{part.name.replace('/', '-')}",
            title,
            charts.pairs_chart(linear),
            data,
            note,
        )
    ]


def _overlap(results: ScreenResults, part: TablePart, scores: pd.DataFrame) -> list[Block]:
    """Share of discoveries in common, of the rows that matter."""
    if part.scorer != "auc" or "q" not in scores:
        return []
    found = above_chance(scores, results.provenance.false_discovery_rate)
    rows = [r for r in telling_rows(results, [part]) if found.get(r)]
    rows = [r for r in rows if not results.provenance.methods[r].shuffled]
    if len(rows) < 2:
        return []
    lines = [
        {"a": f"{a} ({len(found[a])})", "b": f"{b} ({len(found[b])})",
         "both": len(found[a] & found[b]), "either": len(found[a] | found[b]),
         "share": len(found[a] & found[b]) / len(found[a] | found[b])}
        for a in rows for b in rows
    ]  # fmt: skip
    noun = f"{noun_of(results, part)}s"
    title = f"{part.short}: overlap of the {noun} above chance"
    note = (
        f"Those {noun} in both rows, as a share of those in either; in brackets, how many of a row"
    )
    return [
        Figure(
            f"overlap-{part.name.replace('/', '-')}",
            title,
            charts.overlap_chart(len(rows)),
            pd.DataFrame(lines),
            f"{note}.",
        )
    ]
