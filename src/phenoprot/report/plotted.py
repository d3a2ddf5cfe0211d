"""What ``dvc plots`` draws: tables in metrics/<screen>, CSV, by the templates in .dvc/plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import write_text
from phenoprot.report.choose_rows import shown_parts
from phenoprot.report.files import COUNTS, DOSES, TARGETS
from phenoprot.report.flatten import dose_key
from phenoprot.report.parts import TablePart, table_parts
from phenoprot.report.results import ScreenResults
from phenoprot.report.telling_rows import telling_rows

MOST_ROWS = 6
"""Lines in a plot."""
MOST_TARGETS = 100
"""Points of a line."""


def write_plotted(results: ScreenResults, scores: Path, folder: Path) -> None:
    """Write the tables; one without a line has its header alone.

    Parameters
    ----------
    results
        The screen.
    scores
        Folder of its scores, with those of single targets.
    folder
        metrics/<screen>.
    """
    write_text(folder / DOSES, dose_curves(results))
    write_text(folder / TARGETS, sorted_targets(results, scores))
    write_text(folder / COUNTS, threshold_counts(results))


def dose_curves(results: ScreenResults) -> str:
    """Mean AUC by task, row and concentration; none for a screen of single doses."""
    lines = [
        (table_parts()[part].short, row, dose_key(dose.concentration), dose.means["auc"].value)
        for part, rows in results.doses.items()
        for row, doses in rows.items()
        for dose in doses
        if "auc" in dose.means
    ]
    return _csv(["task", "row", "concentration", "mean_auc"], lines)


def sorted_targets(results: ScreenResults, scores: Path) -> str:
    """AUC of each target by task and row, the best first, for the rows that matter.

    Of more than `MOST_TARGETS` targets evenly spaced ranks stand for all, first and last included.
    """
    lines: list[tuple[Any, ...]] = []
    for part in shown_parts(results):
        for row in _rows(results, part) if part.scorer == "auc" else ():
            path = scores / part.name / f"{row}.parquet"
            table = read_table(path, columns=["Target", "auc"]).dropna()
            table = table.sort_values(["auc", "Target"], ascending=[False, True])
            for rank in _spaced(len(table)):
                target, auc = table.iloc[rank]
                lines.append((part.short, row, rank + 1, target, round(float(auc), 6)))
    return _csv(["task", "row", "rank", "target", "auc"], lines)


def threshold_counts(results: ScreenResults) -> str:
    """Share of targets at or above each threshold, and by chance, for the rows that matter."""
    lines = [
        (
            part.short,
            row,
            count.threshold,
            count.percent,
            round(100 * count.expected_by_chance / result.n_targets, 6),
        )
        for part in shown_parts(results)
        for row in _rows(results, part)
        if (result := results.parts[part.name][row]).n_targets
        for count in result.thresholds
    ]
    return _csv(["task", "row", "threshold", "percent", "percent_by_chance"], lines)


def _rows(results: ScreenResults, part: TablePart) -> list[str]:
    """Rows that matter most, in the order of params.yaml."""
    chosen = list(telling_rows(results, [part]))[:MOST_ROWS]
    return [row for row in results.provenance.rows if row in chosen]


def _spaced(n: int) -> list[int]:
    """Ranks from 0 that stand for `n`."""
    return [int(rank) for rank in np.linspace(0, n - 1, min(n, MOST_TARGETS)).round()]


def _csv(columns: Sequence[str], lines: Sequence[tuple[Any, ...]]) -> str:
    return pd.DataFrame(lines, columns=list(columns)).to_csv(index=False, lineterminator="\n")
