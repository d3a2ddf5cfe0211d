"""Score all predictions of a screen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_object, read_table
from phenoprot.core.files import write_json, write_parquet
from phenoprot.core.paths import Paths
from phenoprot.core.progress import Progress
from phenoprot.evaluation.compare import compare, is_shuffled, pairs_of
from phenoprot.evaluation.doses import classification_by_dose, concentrations, regression_by_dose
from phenoprot.evaluation.leak import leak_of_aucs, leak_of_levels
from phenoprot.evaluation.score import (
    AucScores,
    RowScores,
    score_classification,
    score_regression,
)
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import Metrics, classification_metrics, regression_metrics
from phenoprot.evaluation.truth import (
    PLANTED,
    group_metrics,
    planted_groups,
    truth_metrics,
)
from phenoprot.screens.contract import COMPOUND
from phenoprot.tasks.data import LABEL_COLUMNS
from phenoprot.tasks.run import GAUGE, PREDICTION_COLUMNS, ROWS

PARTS = {
    "classification/up": "classification",
    "classification/down": "classification",
    "regression": "regression",
    "targets": "classification",
}
"""Parts of the benchmark and how each is scored."""
DOSES, COMPARISONS = "doses", "comparisons"
"""Folders of the scores by concentration, and of one row against another."""


def evaluate_screen(
    paths: Paths, folder: Path, rows: Sequence[str], settings: EvaluationSettings
) -> None:
    """Write ``<part>/<row>.parquet`` (one line per target) and ``<part>/<row>.json`` (metrics).

    Beside them: ``doses/<part>/<row>.json`` where compounds were given at several concentrations
    (``doses/series.json`` says at how many), ``comparisons/<part>.json`` and ``.parquet`` (one row
    against another), ``labels/counts.json`` and, for a simulated screen whose `folder` holds the
    planted truth, ``labels/truth.json``: what the labels are worth.

    Parameters
    ----------
    paths
        Paths of the screen's artefacts.
    folder
        The screen folder.
    rows
        Names of the rows in the order of the tables.
    settings
        Thresholds, intervals and comparisons.
    """
    counts = read_object(paths.labels / "counts.json")
    write_json(paths.scores / "labels" / "counts.json", counts)
    planted = folder / "truth" / "regulation.parquet"
    if planted.is_file():
        labels = read_table(paths.labels / "labels.parquet", LABEL_COLUMNS)
        metrics = truth_metrics(labels, read_table(planted, PLANTED))
        write_json(paths.scores / "labels" / "truth.json", metrics)
    truth = planted.parent if planted.is_file() else None
    parts = [_Part.find(name, paths, rows, truth) for name in PARTS]
    n_doses = 1
    with Progress(f"{paths.screen} evaluate", total=sum(len(part.rows) for part in parts)) as bar:
        for part in parts:
            n_doses = max(n_doses, _evaluate_part(part, paths.scores, settings, bar))
    write_json(paths.scores / DOSES / "series.json", {"n_concentrations": n_doses})


@dataclass(frozen=True)
class _Part:
    """One part of the benchmark: its labels and the predictions of its rows."""

    name: str
    folder: Path
    rows: list[str]
    labels: pd.DataFrame
    groups: pd.Series | None
    """Group of each target by what was planted; None: nothing is known."""

    @classmethod
    def find(cls, name: str, paths: Paths, rows: Sequence[str], truth: Path | None) -> _Part:
        folder = paths.predictions(name)
        return cls(
            name,
            folder,
            [row for row in rows if (folder / ROWS / f"{row}.parquet").exists()],
            read_table(folder / "labels.parquet", [COMPOUND]),
            planted_groups(truth, name) if truth else None,
        )

    def read(self, row: str) -> pd.DataFrame:
        """Predictions of a row."""
        return read_table(self.folder / ROWS / f"{row}.parquet", PREDICTION_COLUMNS)

    def read_gauge(self, row: str) -> pd.DataFrame | None:
        """Its predictions under leaking folds, if it was gauged."""
        path = self.folder / GAUGE / f"{row}.parquet"
        return read_table(path, PREDICTION_COLUMNS) if path.exists() else None


def _evaluate_part(part: _Part, out: Path, settings: EvaluationSettings, bar: Progress) -> int:
    """Write the scores of all rows and compare them; return the number of concentrations."""
    n_doses = 0
    aucs: dict[str, AucScores] = {}
    for row in part.rows:
        start = time.monotonic()
        predictions = part.read(row)
        score = score_regression if PARTS[part.name] == "regression" else score_classification
        scores = score(predictions, part.labels, settings)
        write_parquet(out / part.name / f"{row}.parquet", scores.targets)
        write_json(out / part.name / f"{row}.json", _row_metrics(part, row, scores, settings))
        doses = concentrations(predictions)
        if doses:
            by_dose = regression_by_dose if scores.aucs is None else classification_by_dose
            metrics = by_dose(predictions, part.labels, settings)
            write_json(out / DOSES / part.name / f"{row}.json", metrics)
        n_doses = max(n_doses, len(doses))
        if scores.aucs is not None and not is_shuffled(predictions):
            aucs[row] = scores.aucs
        bar.step(f"{part.name} {row}", time.monotonic() - start)
    if PARTS[part.name] == "classification":
        _compare_rows(part, aucs, out / COMPARISONS, settings)
    return n_doses


def _row_metrics(part: _Part, row: str, scores: RowScores, settings: EvaluationSettings) -> Metrics:
    """Everything that is said of one row."""
    leaking = part.read_gauge(row)
    if scores.aucs is None:
        metrics = regression_metrics(scores.targets, scores.summary, settings)
        if leaking is not None:
            metrics |= leak_of_levels(scores.targets, leaking, part.labels)
        if part.groups is not None:
            metrics |= group_metrics(
                scores.targets, part.groups, ("r2", "pearson_r2", "concordance")
            )
        return metrics
    metrics = classification_metrics(scores.targets, scores.summary, settings)
    if leaking is not None:
        metrics |= leak_of_aucs(scores.aucs, leaking, part.labels, settings)
    if part.groups is not None:
        metrics |= group_metrics(scores.targets, part.groups, ("auc",), scores.aucs.draws)
    return metrics


def _compare_rows(
    part: _Part, aucs: dict[str, AucScores], folder: Path, settings: EvaluationSettings
) -> None:
    """Write ``<part>.json``, by row and the one it is compared with, and the tests per target."""
    metrics: dict[str, dict[str, Metrics]] = {}
    tables = []
    for one, other in pairs_of(list(aucs), settings):
        compared = compare(
            part.read(one), part.read(other), part.labels, settings, (aucs[one], aucs[other])
        )
        metrics.setdefault(one, {})[other] = compared.metrics
        tables.append(compared.targets.assign(Row=one, Against=other))
    write_json(folder / f"{part.name}.json", metrics)
    if tables:
        write_parquet(folder / f"{part.name}.parquet", pd.concat(tables, ignore_index=True))
