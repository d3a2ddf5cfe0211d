"""Score all predictions of a screen."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd

from phenoprot.evaluation.score import score_classification, score_regression
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import classification_metrics, regression_metrics
from phenoprot.evaluation.truth import truth_metrics
from phenoprot.files import write_json, write_parquet
from phenoprot.layout import Layout
from phenoprot.progress import Progress

PARTS = {
    "classification/up": "classification",
    "classification/down": "classification",
    "regression": "regression",
    "targets": "classification",
}
"""Parts of the benchmark and how each is scored."""


def evaluate_screen(layout: Layout, folder: Path, settings: EvaluationSettings) -> None:
    """Write ``<part>/<row>.parquet`` (one line per target) and ``<part>/<row>.json`` (metrics).

    ``labels/counts.json`` and, for a simulated screen whose `folder` holds the planted truth,
    ``labels/truth.json`` say what the labels are worth.
    """
    counts = json.loads((layout.labels / "counts.json").read_text("utf-8"))
    write_json(layout.scores / "labels" / "counts.json", counts)
    planted = folder / "truth" / "regulation.parquet"
    if planted.is_file():
        labels = pd.read_parquet(layout.labels / "labels.parquet")
        metrics = truth_metrics(labels, pd.read_parquet(planted))
        write_json(layout.scores / "labels" / "truth.json", metrics)
    rows = {part: sorted((layout.predictions(part) / "rows").glob("*.parquet")) for part in PARTS}
    progress = Progress(f"{layout.screen} evaluate", total=sum(map(len, rows.values())))
    with progress:
        for part, files in rows.items():
            labels = pd.read_parquet(layout.predictions(part) / "labels.parquet")
            for file in files:
                start = time.monotonic()
                _evaluate_row(file, labels, PARTS[part], layout.scores / part, settings)
                progress.step(f"{part} {file.stem}", time.monotonic() - start)


def _evaluate_row(
    file: Path, labels: pd.DataFrame, kind: str, folder: Path, settings: EvaluationSettings
) -> None:
    predictions = pd.read_parquet(file)
    if kind == "regression":
        scores = score_regression(predictions, labels, settings)
        metrics = regression_metrics(scores.targets, scores.summary, settings)
    else:
        scores = score_classification(predictions, labels, settings)
        metrics = classification_metrics(scores.targets, scores.summary, settings)
    write_parquet(folder / f"{file.stem}.parquet", scores.targets)
    write_json(folder / f"{file.stem}.json", metrics)
