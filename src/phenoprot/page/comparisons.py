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
from phenoprot.page.source import Source, ends_of
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
    """Which image features carry the predictions of the first row, where it was computed."""
    first, blocks = first_row(source.results), []
    for part in source.parts:
        table = carriers_table(source.paths, part, first)
        if table is not None:
            blocks += _heat(part, first, table)
    text = (
        "What the AUC of a target loses when a group of features is permuted among the test "
        "compounds. Orange: the group carries the prediction; blue: the score is better without it."
    )
    return Section("features", "Features that carry", [Text(text), *blocks] if blocks else [])


def _heat(part: TablePart, row: str, table: pd.DataFrame) -> list[Block]:
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
            f"{part.short}, {row}: targets of an AUC of {MIN_HEAT} and more x places",
            charts.heat_chart(data["Target"].nunique(), float(data["drop"].abs().max())),
            data[kept],
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
             "told": "told apart" if c.q is not None and c.q <= rate else "not told apart",
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
    tables = [TableBlock(table, folded=True) for table in source.tables(5, 9, 14)]
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
    differs = data["q"] <= results.provenance.false_discovery_rate
    data = data.assign(told=np.where(differs, "differs", "alike"))
    farthest = data.iloc[np.argsort(-data["gain"].abs().to_numpy(), kind="stable")[:3]]
    names = ", ".join(f"{line.Target} ({line.gain:+.3f})" for line in farthest.itertuples())
    title = f"{part.short}: where the MLP and the linear model disagree"
    note = (
        f"{int(differs.sum())} of {len(data)} differ at the false discovery rate. Farthest apart "
        f"(MLP minus linear): {names}."
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
    title = f"{part.short}: overlap of the targets above chance"
    note = "Targets above chance in both rows, as a share of those in either; in brackets, how many"
    return [
        Figure(
            f"overlap-{part.name.replace('/', '-')}",
            title,
            charts.overlap_chart(len(rows)),
            pd.DataFrame(lines),
            f"{note}.",
        )
    ]
