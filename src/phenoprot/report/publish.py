"""Copy a screen's metrics into metrics/ and write its account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot import __version__
from phenoprot.core.artefacts import read_object, read_table
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, fingerprint, write_json, write_text
from phenoprot.core.names import inside, name_fault
from phenoprot.core.paths import Paths
from phenoprot.evaluation.run import COMPARISONS, DOSES, PARTS
from phenoprot.imaging.segmentation.run import BORDER, CELLS, DEAD, OBJECTS, SCORE
from phenoprot.imaging.segmentation.score import KINDS
from phenoprot.pipeline.params import Params, ScreenParams
from phenoprot.report.account import account
from phenoprot.report.figure import draw
from phenoprot.report.tables import TASKS, ScreenMetrics, read_metrics
from phenoprot.screens.contract import ProteomicsTable
from phenoprot.screens.loader import Screen, load_screen

PROVENANCE = "provenance.json"
TOP = 10
"""Proteins in Table 2, as in the poster."""


def publish(paths: Paths, params: Params) -> None:
    """Write ``metrics/<screen>/``, ``docs/results-<screen>.md`` and its figure from the scores."""
    block = params.screen(paths.screen)
    screen = load_screen(block.folder)
    remove_earlier(paths.metrics)
    for part in (*PARTS, "labels", DOSES, COMPARISONS):
        for file in sorted((paths.scores / part).rglob("*.json")):
            name = file.relative_to(paths.scores)
            write_json(paths.metrics / name, read_object(file))
    write_json(paths.metrics / PROVENANCE, provenance(screen, block, params, paths))
    write_json(paths.metrics / "images.json", image_counts(paths.masks))
    write_json(paths.metrics / "top_regression.json", top_regression(paths, block))
    metrics = read_metrics(paths.metrics)
    write_text(paths.metrics / "doses.csv", dose_curves(metrics))
    write_text(paths.report, account(metrics))
    draw(metrics, paths.report.with_suffix(".svg"))


def remove_earlier(metrics: Path) -> None:
    """Remove what an earlier report wrote of the scores, and nothing else.

    Which rows that were stands in its ``provenance.json``; without one, nothing is removed.
    """
    if not (metrics / PROVENANCE).is_file():
        return
    try:
        rows = read_object(metrics / PROVENANCE)["rows"]
        names = [f"{row}.json" for row in rows]
    except (UserError, KeyError, TypeError):  # damaged: it is written anew, the rest overwritten
        return
    folders = [metrics / place / part for place in ("", DOSES) for part in PARTS]
    files = [inside(folder, name) for folder in folders for name in names if not name_fault(name)]
    files += [metrics / COMPARISONS / f"{part}.json" for part in PARTS]
    files += [metrics / "labels" / "counts.json", metrics / "labels" / "truth.json"]
    for path in (*files, metrics / DOSES / "series.json"):
        path.unlink(missing_ok=True)


def image_counts(masks: Path) -> dict[str, float]:
    """Sum up the segmentation of a screen; empty for one without images.

    Parameters
    ----------
    masks
        Output of the segment stage. The average precision is there if the true masks are known.
    """
    if not (masks / OBJECTS).exists():
        return {}
    objects = read_table(masks / OBJECTS, [CELLS, BORDER, DEAD])
    counts: dict[str, float] = {
        "n_fields": len(objects),
        "n_cells": int(objects[CELLS].sum()),
        "n_cells_at_border": int(objects[BORDER].sum()),
        "n_dead_cells_left_out": int(objects[DEAD].sum()),
        "n_fields_without_cell": int((objects[CELLS] == 0).sum()),
    }
    if (masks / SCORE).exists():
        score = read_object(masks / SCORE, KINDS)
        for kind in KINDS:
            counts[f"average_precision_{kind}"] = score[kind]["average_precision"]
    return counts


def dose_curves(metrics: ScreenMetrics) -> str:
    """Mean AUC by task, row and concentration, for ``dvc plots``.

    A screen of single doses has none: the header alone.
    """
    columns = ["task", "row", "concentration", "mean_auc"]
    lines = [
        (TASKS[part], row, dose, line["mean_auc"])
        for part, rows in metrics.doses.items()
        for row, by_dose in rows.items()
        for dose, line in by_dose.items()
        if "mean_auc" in line
    ]
    return pd.DataFrame(lines, columns=columns).to_csv(index=False, lineterminator="\n")


def data_fingerprint(folder: Path) -> str:
    """Hash of a screen folder: the names and bytes of all its files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return fingerprint([(path.relative_to(folder).as_posix(), file_sha256(path)) for path in files])


def provenance(screen: Screen, block: ScreenParams, params: Params, paths: Paths) -> dict[str, Any]:
    """What the metrics came from, and what a reader must know beside them."""
    relevant = params.model_dump(mode="json", exclude={"screens"}) | {
        "screen": block.model_dump(mode="json")
    }
    info = screen.info
    readout = info.tables.proteomics
    return {
        "package_version": __version__,
        "data_sha256": data_fingerprint(screen.folder),
        "params_sha256": fingerprint(relevant),
        "screen": info.name,
        "title": info.title,
        "imaged_cell_line": info.cell_line,
        "readout_cell_line": readout.cell_line if readout else None,
        "caveats": info.caveats,
        "rows": list(block.rows),
        "methods": {
            name: row.model_dump(mode="json", include={"features", "model", "shuffled"})
            for name, row in block.rows.items()
        },
        "concentration_unit": info.concentration_unit,
        "false_discovery_rate": params.evaluation.false_discovery_rate,
        "label_rule": label_rule(readout, params) if readout else None,
    }


def label_rule(readout: ProteomicsTable, params: Params) -> str:
    """The rule of the labels in words, with the thresholds in force."""
    if readout.design == "single_dose":
        rule = params.labels.single_dose
        corrected = (
            "after the effect of the well's position is removed (as the negative controls show it)"
            if params.labels.position_correction == "controls"
            else "not corrected for the well's position"
        )
        return (
            f"Up or down: adjusted p < {rule.alpha:g} (Student's test against the negative-control "
            f"wells, Benjamini-Hochberg per protein) and an effect of at least "
            f"{rule.min_effect:g} control standard deviations, {corrected}. Not: p > "
            f"{rule.alpha:g} and a smaller effect."
        )
    curves = params.curves
    return (
        f"Up or down: CurveCurator's relevance (engine {curves.engine}) at alpha {curves.alpha:g} "
        f"and |log2 fold change| >= {curves.fc_lim:g}, at least {curves.minimum_valid_doses} valid "
        f"values. Not: less relevant, null-model RMSE <= {curves.not_rmse_limit:g} and its level "
        f"within {curves.fc_lim / 2:g} of the controls (log2)."
    )


def top_regression(paths: Paths, block: ScreenParams) -> list[dict[str, Any]]:
    """The best predicted proteins of the first row, as in the poster's Table 2."""
    row = next(name for name, settings in block.rows.items() if "regression" in settings.tasks)
    table = read_table(
        paths.scores / "regression" / f"{row}.parquet", ["Target", "r2", "pearson_r2", "smape"]
    )
    best = table.sort_values(["r2", "Target"], ascending=[False, True]).head(TOP)
    return [
        {"row": row, "protein": line.Target}
        | {name: round(float(getattr(line, name)), 6) for name in ("r2", "pearson_r2", "smape")}
        for line in best.itertuples()
    ]
