"""The benchmark tables, from metrics/ alone: no cache, no heavy import."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phenoprot.errors import UserError
from phenoprot.report.poster import POSTER, POSTER_TOP_REGRESSION

Metrics = dict[str, float | int]
PARTS = {
    "classification/up": "Table 1a. Classification, UP vs NOT: ROC AUC",
    "classification/down": "Table 1b. Classification, DOWN vs NOT: ROC AUC",
    "regression": "Table 2a. Regression of protein level: R2 and SMAPE",
    "targets": "Table 3. Compound target prediction: ROC AUC",
}
TOP_TITLE = "Table 2b. Best predicted proteins of the regression"


@dataclass(frozen=True)
class Table:
    """A printed table."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ScreenMetrics:
    """Everything under ``metrics/<screen>``."""

    provenance: dict[str, Any]
    """Versions and hashes, title, caveats, row order."""
    parts: dict[str, dict[str, Metrics]]
    """Metrics by part and row, rows in the order of params.yaml."""
    top_regression: list[dict[str, Any]]
    """Best predicted proteins."""
    labels: Metrics
    """Number of labels in each state."""
    truth: Metrics | None
    """Labels against what was planted, for a simulated screen."""


def read_metrics(folder: Path) -> ScreenMetrics:
    """Read the committed metrics of one screen.

    Raises
    ------
    UserError
        There are none.
    """
    if not (folder / "provenance.json").is_file():
        raise UserError(
            "no metrics here", where=str(folder), remedy="Run `make reproduce` or `dvc repro`."
        )
    provenance = _read(folder / "provenance.json")
    parts: dict[str, dict[str, Metrics]] = {}
    for part in PARTS:
        files = [folder / part / f"{row}.json" for row in provenance["rows"]]
        parts[part] = {file.stem: _read(file) for file in files if file.is_file()}
    truth = folder / "labels" / "truth.json"
    return ScreenMetrics(
        provenance,
        parts,
        top_regression=_read(folder / "top_regression.json"),
        labels=_read(folder / "labels" / "counts.json"),
        truth=_read(truth) if truth.is_file() else None,
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def build_tables(metrics: ScreenMetrics) -> list[Table]:
    """Tables 1 to 3 with the poster's figures as a reference column."""
    tables = []
    for part, title in PARTS.items():
        rows = metrics.parts[part]
        if not rows:
            continue
        if part == "regression":
            tables += [_regression_table(title, rows), _top_table(metrics.top_regression)]
        else:
            tables.append(_auc_table(title, rows, POSTER[part]))
    return tables


def _thresholds(rows: dict[str, Metrics], name: str) -> list[str]:
    prefix = f"n_{name}_ge_"
    return [key.removeprefix(prefix) for key in next(iter(rows.values())) if key.startswith(prefix)]


def _count(metrics: Metrics, name: str, threshold: str) -> str:
    """``"24, 59 % (0.3)"``: number, share, and number expected by chance."""
    key = f"{name}_ge_{threshold}"
    chance = metrics[f"chance_n_{key}"]
    return f"{metrics[f'n_{key}']}, {metrics[f'pct_{key}']:.0f} % ({chance:.1f})"


def _auc_table(title: str, rows: dict[str, Metrics], poster: dict[str, Metrics]) -> Table:
    thresholds = _thresholds(rows, "auc")
    lines = [
        [
            name,
            str(row["n_targets"]),
            f"{row['mean_auc']:.3f} ({row['mean_auc_ci_low']:.2f}-{row['mean_auc_ci_high']:.2f})",
            *(_count(row, "auc", threshold) for threshold in thresholds),
            _published(poster.get(name), thresholds),
        ]
        for name, row in rows.items()
    ]
    compounds = max(row["n_compounds"] for row in rows.values())
    return Table(
        title,
        ["row", "targets", "mean AUC (95 % CI)", *(f">= {t}" for t in thresholds), "poster"],
        lines,
        [
            f"{compounds} compounds. AUC within each test fold, then averaged; interval from "
            "resampling the compounds. At each threshold: number of targets, share, and (in "
            "brackets) the number expected by chance at the same positives. Poster: mean AUC and "
            "its shares at the same thresholds, on other data."
        ],
    )


def _published(row: Metrics | None, thresholds: list[str]) -> str:
    """``"0.64; 71/24/2 %"``: the poster's mean AUC and shares."""
    if row is None:
        return "-"
    counts = [row[f"n_auc_ge_{t}"] for t in thresholds if f"n_auc_ge_{t}" in row]
    shares = "/".join(f"{100 * count / row['n_targets']:.0f}" for count in counts)
    return f"{row['mean_auc']:.2f}; {shares} %"


def _regression_table(title: str, rows: dict[str, Metrics]) -> Table:
    thresholds = _thresholds(rows, "r2")
    lines = [
        [
            name,
            str(row["n_targets"]),
            f"{row['mean_r2']:.3f}",
            f"{row['median_r2']:.3f}",
            f"{row['mean_pearson_r2']:.3f}",
            f"{row['mean_smape']:.1f}",
            *(_count(row, "r2", t) for t in thresholds),
            f"{row['max_r2']:.2f}",
            _poster_max(name),
        ]
        for name, row in rows.items()
    ]
    return Table(
        title,
        [
            "row", "proteins", "mean R2", "median", "mean r2", "SMAPE %",
            *(f"R2 >= {t}" for t in thresholds), "best R2", "poster",
        ],
        lines,
        [
            "R2 = 1 - SSE/SST within each test fold, averaged (below 0: worse than the test fold's "
            "own mean); r2 is the squared Pearson correlation. Counts as in Table 1. Poster: its "
            "best R2, on other data."
        ],
    )  # fmt: skip


def _poster_max(name: str) -> str:
    published = POSTER["regression"].get(name)
    return f"{published['max_r2']:.2f}" if published else "-"


def _top_table(top: list[dict[str, Any]]) -> Table:
    lines = [
        [entry["protein"], f"{entry['r2']:.3f}", f"{entry['pearson_r2']:.3f}",
         f"{entry['smape']:.1f}", f"{gene} {r2:.3f} / {smape:.1f}"]
        for entry, (gene, r2, smape) in zip(top, POSTER_TOP_REGRESSION, strict=False)
    ]  # fmt: skip
    row = top[0]["row"] if top else ""
    return Table(
        f"{TOP_TITLE} ({row})",
        ["protein", "R2", "r2 (Pearson)", "SMAPE %", "poster: gene R2 / SMAPE %"],
        lines,
        ["Picked by the score itself, so optimistic, here as in the poster."],
    )


def to_markdown(table: Table) -> str:
    """A GitHub table with its title and notes."""
    lines = [f"### {table.title}", "", _markdown_row(table.columns)]
    lines.append("|" + "---|" * len(table.columns))
    lines += [_markdown_row(row) for row in table.rows]
    return "\n".join([*lines, "", *table.notes]) + "\n"


def _markdown_row(cells: list[str]) -> str:
    """One line; a name such as ``sp|P02768|ALBU`` stays in its cell."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
