"""A whole run of the pipeline on a tiny phantom, stage by stage, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from tests.wild.stages import call_stage, inside, shards_in_process

from phenoprot.core.settings import parse_settings
from phenoprot.pipeline.params import ScreenParams
from phenoprot.pipeline.stage import Stage
from phenoprot.pipeline.stages import SIMULATE, all_stages

ROOT = Path(__file__).parents[1]
SCREEN = "phantom"


ALL = ["classification", "regression", "targets", "sensitivity"]
"""All tasks."""


def tiny_params() -> dict[str, Any]:
    """params.yaml of a phantom that a laptop runs in seconds, every kind of row in it."""
    params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["screens"] = {
        SCREEN: {
            "folder": f"data/screens/{SCREEN}",
            "extracted": ["cell_count", "mae"],
            "rows": {
                "mae": {"features": ["mae"], "model": "mlp", "leak_gauge": True, "tasks": ALL},
                "oracle": {"features": ["oracle"], "model": "linear", "tasks": ALL},
                "oracle_poster": {"features": ["oracle"], "model": "mlp_poster", "tasks": ALL},
                "shuffled": {"features": ["oracle"], "model": "linear", "shuffled": True},
                "plate_position": {"features": ["plate_position"], "model": "linear"},
                "proteome": {"features": ["proteome"], "model": "linear", "tasks": ["targets"]},
            },
        }
    }
    params["phantom"] |= {
        "n_compounds": 20, "n_proteins": 12, "n_negative_controls": 12, "n_replicates": 2,
        "concentrations": [0.01, 0.1, 1.0, 10.0, 100.0], "n_null_targets": 1,
    }  # fmt: skip
    params["phantom"]["images"] |= {"size": 128, "pixel_size": 2.4, "cells": 5.0}
    params["validation"] |= {
        "min_compounds": 5, "min_scored_folds": 2, "max_thin_proteins": 1.0,
        "max_sparse_proteins": 1.0, "max_control_shift": 9.0, "max_typical_control_shift": 9.0,
        "min_control_spread": 0.01, "max_control_spread": 99.0, "max_constant_features": 1.0,
        "min_negative_controls": 2,
    }  # fmt: skip
    params["segmentation"]["cellprofiler"]["nucleus_diameter"] = 9.0
    params["crops"]["size"] = 32
    params["mae"]["model"] |= {
        "image_size": 32, "patch_size": 16, "mask_ratio": 0.5, "width": 32, "depth": 1, "heads": 2,
        "decoder_width": 32, "decoder_depth": 1, "decoder_heads": 2,
    }  # fmt: skip
    params["mae"]["training"] |= {
        "steps": 4, "fields": 2, "log_every": 2, "checkpoint_every": 4, "picture_every": 4,
    }  # fmt: skip
    params["features"]["mae"]["orientations"] = 1
    params["tasks"]["splits"] |= {"folds": 3, "repeats": 2}
    for model in ("mlp", "mlp_poster"):
        params["tasks"][model] |= {
            "hidden_layers": [1], "width": [16], "max_steps": 4, "ensemble": 1,
            "weight_decay": [0.0],
        }  # fmt: skip
    params["tasks"]["classification"] = {"min_positives": 1, "min_negatives": 1}
    params["tasks"]["regression"]["min_treatments"] = 5
    params["tasks"]["regression"]["selection"] = {"row": "oracle", "min_auc": 0.5}
    params["tasks"]["targets"]["min_compounds"] = 2
    params["evaluation"] |= {"permutations": 20}
    return params


def stages() -> tuple[Stage, ...]:
    """Stages of the simulated screen: those that its rows ask for."""
    block = parse_settings(ScreenParams, tiny_params()["screens"][SCREEN], "tests/whole.py")
    return (SIMULATE, *all_stages(rows=block.rows.values()))


def run_stage(stage: Stage) -> None:
    """Run a stage on the tiny phantom of the working folder."""
    with shards_in_process():
        call_stage(" ".join([stage.script or stage.name, *stage.arguments]), SCREEN)


def run_whole(folder: Path) -> None:
    """Make parameters, scripts and all that the stages make in an empty folder."""
    text = yaml.safe_dump(tiny_params(), sort_keys=False)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    (folder / "stages").symlink_to(ROOT / "stages")
    with inside(folder):
        for stage in stages():
            run_stage(stage)
