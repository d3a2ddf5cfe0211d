"""A small made-up metrics folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from phenoprot.report.results import ScreenResults
from phenoprot.report.table import Table
from phenoprot.report.tables import detail_tables


def auc(mean: float, n_targets: int = 41, **counts: tuple[int, float]) -> dict[str, Any]:
    """Metrics of a classification row; counts as ``at_8=(number, chance)``."""
    row: dict[str, Any] = {
        "n_targets": n_targets,
        "n_targets_scored": n_targets,
        "n_folds_skipped": 3,
        "n_compounds": 301,
        "mean_auc": mean,
        "mean_auc_ci_low": mean - 0.021,
        "mean_auc_ci_high": mean + 0.024,
        "mean_auc_repeat_sd": 0.0083,
        "mean_auc_p": 0.0123,
        "chance_sd_mean_auc": 0.0312,
        "n_repeats": 5,
    }
    for name, (number, chance) in {"at_6": (20, 2.25), "at_8": (7, 0.14), **counts}.items():
        key = f"auc_ge_0.{name[-1]}"
        row |= {f"n_{key}": number, f"chance_n_{key}": chance}
        row |= {f"chance_sd_{key}": chance + 1.04, f"p_{key}": 0.0234}
        row[f"pct_{key}"] = round(100 * number / n_targets, 6)
    return row


def level(r2: float) -> dict[str, Any]:
    return {
        "n_targets": 190,
        "n_compounds": 301,
        "mean_skill": r2 - 0.05,
        "mean_skill_ci_low": 2 * r2 - 0.08,
        "mean_skill_ci_high": r2 - 0.01,
        "median_r2": r2,
        "max_r2": 0.437,
        "mean_pearson_r2": r2 + 0.11,
        "mean_smape": 71.27,
        "mean_rmse": 0.934,
        "mean_concordance": r2 / 2 + 0.5,
        "n_r2_ge_0.2": 13,
        "pct_r2_ge_0.2": 6.842105,
        "chance_n_r2_ge_0.2": 1.25,
    }


def gain(difference: float, better: int, worse: int) -> dict[str, Any]:
    """One row against another."""
    return {
        "n_compounds": 301,
        "n_targets_tested": 39,
        "n_better": better,
        "n_worse": worse,
        "mean_auc_difference": difference,
        "mean_auc_difference_ci_low": difference - 0.0312,
        "mean_auc_difference_ci_high": difference + 0.0277,
        "mean_auc_difference_p": 0.0371,
        "mean_auc_difference_q": 0.0689,
        "smallest_mean_auc_difference": 0.0422,
        "smallest_auc_difference_of_a_target": 0.2371,
        "jaccard_above_chance": 0.3125,
    }


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, sort_keys=True))
    return folder


PROVENANCE = {
    "package_version": "0.9.9",
    "data_sha256": "ab" * 32,
    "params_sha256": "cd" * 32,
    "screen": "toy",
    "title": "A [made-up] screen",
    "imaged_cell_line": "U2OS",
    "readout_cell_line": "A549",
    "caveats": ["Nothing of it is real.", "One dose only."],
    "rows": ["cellprofiler", "linear", "cell_count", "shuffled", "proteome"],
    "methods": {
        "cell_count": {"features": ["cell_count"], "model": "linear", "shuffled": False},
        "cellprofiler": {"features": ["cellprofiler"], "model": "mlp", "shuffled": False},
        "linear": {"features": ["cellprofiler"], "model": "linear", "shuffled": False},
        "proteome": {"features": ["proteome"], "model": "mlp", "shuffled": False},
        "shuffled": {"features": ["cellprofiler"], "model": "mlp", "shuffled": True},
    },
    "concentration_unit": "uM",
    "false_discovery_rate": 0.1,
    "label_rule": "The rule as it is.",
    "thresholds": {"auc": [0.6, 0.7, 0.8, 0.9], "r2": [0.2]},
    "concentrations": [0.05, 2.5, 10],
    "planted": [
        {"low": 0.0, "high": 0.5}, {"low": 0.7, "high": 1}, {"low": 1.5}, {"low": 2},
        {"kind": "null"}, {"kind": "proteins_only"},
    ],
}  # fmt: skip


FILES = {
    "provenance": PROVENANCE,
    "labels/counts": {"n_up": 11, "n_down": 22, "n_not": 333, "n_unclassified": 44,
                      "n_compounds": 301, "n_proteins": 191, "position_terms": 6,
                      "n_pseudo_compounds": 64, "n_control_false_calls": 1.65,
                      "control_false_calls_percent": 5.0},
    "classification/up/shuffled": auc(0.4961, at_6=(1, 0.65), at_8=(0, 0.0)),
    "classification/up/cell_count": auc(0.6284),
    "classification/up/cellprofiler": auc(0.7138),
    "classification/up/linear": auc(0.7077),
    "classification/down/cellprofiler": auc(0.4857),
    "classification/down/cell_count": auc(0.5472),
    "regression/cellprofiler": level(0.0316),
    "comparisons/classification/up": {
        "cellprofiler": {"cell_count": gain(0.0854, 17, 2), "linear": gain(0.0061, 3, 1)}
    },
    "doses/series": {"n_concentrations": 1},
    "targets/cellprofiler": auc(0.5829, 57, at_7=(9, 5.53), at_9=(1, 0.21)),
    "targets/proteome": auc(0.5513, 57, at_7=(8, 5.56), at_9=(0, 0.22)),
    "top_regression": [
        {"row": "cellprofiler", "protein": "sp|P02768|ALBU", "r2": 0.4372, "pearson_r2": 0.4519,
         "smape": 48.36},
        {"row": "cellprofiler", "protein": "IL8", "r2": 0.2911, "pearson_r2": 0.3047,
         "smape": 59.43},
    ],
}  # fmt: skip


def cells(markdown: str) -> list[list[str]]:
    """Parse a GitHub table."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def titled(metrics: ScreenResults, start: str) -> list[Table]:
    return [table for table in detail_tables(metrics) if table.title.startswith(start)]


def series(scale: float, name: str) -> dict[str, Any]:
    """Scores at three doses, out of order as JSON sorts them."""
    doses = {"0.05": 0.11, "10": 0.42, "2.5": 0.23}
    return {
        dose: {
            "n_compounds": 301,
            "n_targets_scored": 40 if dose == "0.05" else 41,
            name: round(scale + value, 6),
            f"{name}_ci_low": scale + value - 0.021,
            f"{name}_ci_high": scale + value + 0.032,
        }
        for dose, value in doses.items()
    }


SERIES = {
    "doses/series": {"n_concentrations": 3},
    "doses/classification/up/cellprofiler": series(0.51, "mean_auc"),
    "doses/classification/up/cell_count": {
        "2.5": {"n_compounds": 2, "n_targets_scored": 0},
        "10": series(0.31, "mean_auc")["10"],
    },
    "doses/regression/cellprofiler": {
        dose: line | {"median_r2": round(line["mean_skill"] - 0.1, 6)}
        for dose, line in series(-0.33, "mean_skill").items()
    },
}
