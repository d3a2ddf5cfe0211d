"""The table of targets of a part: scores of rows, intervals, positives, ceiling, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from phenoprot.core.artefacts import read_table
from phenoprot.core.paths import Paths
from phenoprot.evaluation.compare import target_uncertainty
from phenoprot.evaluation.score import auc_scores
from phenoprot.page.blocks import values_of
from phenoprot.page.source import noun_of
from phenoprot.report.parts import TablePart
from phenoprot.report.results import ScreenResults
from phenoprot.report.telling_rows import telling_rows
from phenoprot.screens.contract import COMPOUND, PROTEIN
from phenoprot.tasks.columns import PREDICTION_COLUMNS, ROWS

TARGET = "Target"
MOST_SCORES = 200_000
"""Scores of one part that the page holds; above it, rows that matter less are left out."""
MOST_PREDICTIONS = 20_000_000
"""Predictions of a row that intervals are computed from; above it, the best targets alone."""
COUNTS = ("n_positives", "n_negatives")
"""Each row's own: one that lacks treatments has fewer."""
OF_LABELS = (*COUNTS, "ceiling")
SCORES = ("score", "q", "low", "high")


def score_table(paths: Paths, part: TablePart, rows: Sequence[str]) -> pd.DataFrame:
    """Main score, q and what belongs to the labels: one line per row and target.

    Columns ``row``, ``Target``, ``score``, ``q`` (NaN: not tested), and those of `OF_LABELS` that
    the part has.
    """
    found = []
    for row in rows:
        table = read_table(paths.scores / part.name / f"{row}.parquet", [TARGET, part.scores.main])
        kept = [TARGET, part.scores.main, "q", *OF_LABELS]
        table = table[[name for name in kept if name in table]]
        found.append(table.rename(columns={part.scores.main: "score"}).assign(row=row))
    return pd.concat(found, ignore_index=True)


def shown_rows(results: ScreenResults, part: TablePart, n_targets: int) -> list[str]:
    """Rows of the explorer: all, or those that matter where targets are many."""
    rows = list(results.parts[part.name])
    if len(rows) * n_targets <= MOST_SCORES:
        return rows
    return [row for row in telling_rows(results, [part]) if row in rows]


def intervals(paths: Paths, part: TablePart, row: str, table: pd.DataFrame) -> pd.DataFrame:
    """95 % intervals of the AUC of single targets, by the rule of the comparisons.

    See :mod:`phenoprot.evaluation.compare`: compounds are resampled, and training and repeats add
    to it.

    Parameters
    ----------
    paths, part, row
        A row whose labels are not shuffled.
    table
        Its scores, ``Target`` and ``score``.

    Returns
    -------
    pandas.DataFrame
        ``Target``, ``low``, ``high``; of the best targets alone where predictions are too many.
    """
    folder = paths.predictions(part.name)
    file = folder / ROWS / f"{row}.parquet"
    n = pq.read_metadata(file).num_rows
    best = table.dropna(subset=["score"]).sort_values("score", ascending=False)
    targets = sorted(best[TARGET][: MOST_PREDICTIONS // max(n, 1)])
    labels = read_table(folder / "labels.parquet", columns=[COMPOUND, *targets])
    predictions = read_table(file, columns=[*PREDICTION_COLUMNS, *targets])
    scored = auc_scores(predictions, labels)
    compounds = np.unique(predictions[COMPOUND])
    states = labels.set_index(COMPOUND).reindex(compounds)[targets].to_numpy(dtype=np.float64)
    low, high = target_uncertainty(scored, states).interval(scored.auc, 0.0, 1.0)
    return pd.DataFrame({TARGET: targets, "low": low, "high": high})


def explorer_table(
    results: ScreenResults, paths: Paths, part: TablePart, scores: pd.DataFrame
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The table of one part for the page, and its data for the file beside it.

    Returns
    -------
    dict, pandas.DataFrame
        For the page: columns of the targets; scores, q and intervals by row; the different counts
        of positives and negatives, which rows name by their place. For the file: one line per row
        and target.
    """
    rows = list(dict.fromkeys(scores["row"]))
    by_row = {row: own.set_index(TARGET) for row, own in scores.groupby("row", sort=False)}
    targets = sorted(set(scores[TARGET]))
    full = scores
    if part.scorer == "auc":
        known = _all_intervals(results, paths, part, by_row)
        full = scores.merge(known, on=["row", TARGET], how="left")
    reliability = _reliability(paths.labels / "ceiling.parquet")
    full = full.assign(reliability=full[TARGET].map(reliability))
    ends = {row: own.set_index(TARGET) for row, own in full.groupby("row", sort=False)}
    first = by_row[rows[0]].reindex(targets)
    columns = {"target": targets}
    if "ceiling" in first and first["ceiling"].notna().any():
        columns["ceiling"] = values_of(first["ceiling"].astype(float))
    columns["reliability"] = values_of(pd.Series(targets).map(reliability).astype(float))
    counts: list[dict[str, list[Any]]] = []
    by_row_scores = {row: _of_row(own.reindex(targets), counts) for row, own in ends.items()}
    return {
        "short": part.short,
        "noun": noun_of(results, part),
        "score": {"auc": "AUC", "r2": "R2"}[part.scores.main],
        "chance": part.scores.chance,
        "rows": rows,
        "columns": columns,
        "counts": counts,
        "scores": by_row_scores,
    }, full


def _of_row(own: pd.DataFrame, counts: list[dict[str, list[Any]]]) -> dict[str, Any]:
    """Scores of a row, those it has, and the place of its counts, added where no row had them."""
    has = [name for name in (*SCORES, *COUNTS) if name in own and own[name].notna().any()]
    found: dict[str, Any] = {
        name: values_of(own[name].astype(float)) for name in has if name in SCORES
    }
    whole = {name: values_of(own[name].astype("Int64")) for name in has if name in COUNTS}
    if whole:
        if whole not in counts:
            counts.append(whole)
        found["counts"] = counts.index(whole)
    return found


def _all_intervals(
    results: ScreenResults, paths: Paths, part: TablePart, by_row: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Intervals of the rows that matter and have predictions; ``Target``, ``row``, ends."""
    folder = paths.predictions(part.name) / ROWS
    rows = [
        row
        for row in telling_rows(results, [part])
        if row in by_row
        and by_row[row]["score"].notna().any()
        and not results.provenance.methods[row].shuffled
        and (folder / f"{row}.parquet").exists()
    ]
    found = [intervals(paths, part, r, by_row[r].reset_index()).assign(row=r) for r in rows]
    return pd.concat(found) if found else pd.DataFrame(columns=[TARGET, "row", "low", "high"])


def _reliability(path: Path) -> dict[str, float]:
    """Reliability of each protein's replicates; empty where it is not known."""
    if not path.exists():
        return {}
    table = read_table(path, [PROTEIN, "Reliability"]).dropna(subset=["Reliability"])
    return dict(zip(table[PROTEIN], table["Reliability"], strict=True))


def above_chance(scores: pd.DataFrame, rate: float) -> dict[str, set[str]]:
    """Targets above chance at a false discovery rate, by row."""
    found = scores[scores["q"] <= rate] if "q" in scores else scores[:0]
    named = {row: set(own[TARGET]) for row, own in found.groupby("row", sort=False)}
    return {row: named.get(row, set()) for row in dict.fromkeys(scores["row"])}
