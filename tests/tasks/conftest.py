from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from phenoprot.core.settings import Settings
from phenoprot.tasks.settings import TaskSettings
from phenoprot.tasks.task import LabelSources, Part, Task

INNER = {"splits": 2, "share": 0.2}
NETWORK = {
    "components": 8,
    "hidden_layers": [2],
    "width": [16, 32],
    "activation": ["tanh"],
    "dropout": [0.2],
    "weight_decay": [0.0],
    "learning_rate": [0.01],
    "skip": [True],
    "ridge": [0.1, 1.0],
    "output_bias": "base_rate",
    "batch_size": 16,
    "max_steps": 120,
    "patience": 12,
    "ensemble": 2,
    "inner": INNER,
    "seed": 0,
}
SETTINGS = {
    "splits": {"folds": 3, "repeats": 2, "kind": "compound", "seed": 0},
    "mlp": NETWORK,
    "mlp_poster": {
        **NETWORK,
        "components": None,
        "width": [16],
        "output_bias": "random",
        "skip": [False],
        "ridge": None,
        "ensemble": 1,
        "inner": {"splits": 1, "share": 0.2},
    },
    "linear": {"components": 8, "penalties": [0.01, 1.0, 100.0], "inner": INNER, "seed": 0},
    "clip": 10.0,
    "classification": {"min_positives": 2, "min_negatives": 2},
    "regression": {"loss": "mse", "min_treatments": 4},
    "targets": {"min_compounds": 2},
}


@pytest.fixture(autouse=True, scope="session")
def _as_in_a_worker() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@pytest.fixture(scope="session")
def tiny() -> TaskSettings:
    """Three folds, two small grid points, few epochs: seconds for a whole nested run."""
    return TaskSettings.model_validate(SETTINGS)


class Problem:
    """Rows in three folds; labels 1 / 0 and levels that are linear in the first features."""

    def __init__(self, rows: int, seed: int, noise: float = 0.3) -> None:
        rng = np.random.default_rng(seed)
        self.features = rng.normal(size=(rows, 6)).astype(np.float32)
        self.features *= np.array([1, 10, 0.1, 1, 1, 1], dtype=np.float32)
        signal = self.features[:, :3] / [1, 10, 0.1] @ np.array([[1, 0.5], [1, -1], [0, 1.0]])
        noisy = signal + noise * rng.normal(size=signal.shape)
        self.levels = (50 + 7 * noisy).astype(np.float32)
        self.labels = (noisy > 0).astype(np.float32)
        missing = rng.random(signal.shape) < 0.1
        self.levels[missing] = np.nan
        self.labels[missing] = np.nan
        # two rows per compound
        self.groups = np.array([f"g{i // 2:03d}" for i in range(rows)])
        self.folds = np.arange(rows) // 2 % 3


@pytest.fixture(scope="session")
def problem() -> Problem:
    return Problem(70, seed=0)


@pytest.fixture(scope="session")
def large_problem() -> Problem:
    return Problem(240, seed=1)


class Given(Task):
    """A task whose label matrices are given, by the names of its parts."""

    settings = Settings
    scorer = "auc"

    def __init__(self, name: str, tables: dict[str, pd.DataFrame]) -> None:
        self.name = name
        self.parts = tuple(Part(part, part, part) for part in tables)
        self.tables = tables

    def labels(self, sources: LabelSources, settings: Settings) -> dict[str, pd.DataFrame]:
        return self.tables
