"""Run the rows of a task: one shard per row, label set and shuffle, in parallel, resumable.

A shard's result lies in the work folder under the fingerprint of all that went into it (see
:mod:`phenoprot.execution.run`). A run that was killed, or one that got a new row, computes only
what is missing; a shard whose inputs, parameters or code changed is never reused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import REMEDY, read_table
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, fingerprint, require_file, write_parquet
from phenoprot.core.paths import WORK, Paths
from phenoprot.execution.planning import code_fingerprint
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY
from phenoprot.tasks.data import LABELS_OF, REPEAT, TaskData, align, split_by_treatment
from phenoprot.tasks.settings import Loss, RowSettings, Task, TaskSettings
from phenoprot.tasks.splits import FOLD, read_folds
from phenoprot.wells.treatments import PROTEOME

CODE = ("phenoprot.tasks", "phenoprot.wells.normalise", "phenoprot.screens.contract")
"""Parts of the library that decide what a shard computes."""
RESULT = "predictions.parquet"
"""The file of a shard."""
PREDICTION_COLUMNS = [*TREATMENT_KEY, FOLD, LABELS_OF, REPEAT]
"""Columns of the predictions, besides one per target."""
ROWS, GAUGE = "rows", "leak_gauge"
"""Folders of the predictions: rows of the tables, and the same rows with leaking folds."""


@dataclass(frozen=True)
class CrossValidation:
    """One nested cross-validation: the payload of a shard."""

    row: str
    """Name of the table row."""
    folder: Path
    """Holds ``labels.parquet``; predictions go beside it."""
    features: tuple[Path, ...]
    """Treatment profiles, set side by side."""
    folds: Path
    """Fold table."""
    model: str
    """``mlp`` or ``linear``."""
    loss: Loss
    """Objective of the MLP."""
    repeat: int
    """Number of the shuffle; 0: true labels."""
    leak_gauge: bool = False
    """Folds of treatments instead of compounds."""

    @property
    def labels(self) -> Path:
        """The label matrix."""
        return self.folder / "labels.parquet"

    @property
    def name(self) -> str:
        """Name of the shard."""
        name = f"{self.folder.name} {self.row}"
        if self.leak_gauge:
            return f"{name} leak gauge"
        return name if not self.repeat else f"{name} {self.repeat}"

    @property
    def predictions(self) -> Path:
        """Where its predictions go: the gauge's are no row of a table."""
        return self.folder / (GAUGE if self.leak_gauge else ROWS) / f"{self.row}.parquet"


def run_task(
    task: Task,
    labels: dict[str, pd.DataFrame],
    rows: dict[str, RowSettings],
    paths: Paths,
    settings: TaskSettings,
    execution: ExecutionSettings = LOCAL,
) -> None:
    """Cross-validate every row of a task and write labels and predictions.

    Parameters
    ----------
    task
        Name of the task; its folder of predictions.
    labels
        Label matrix of each part of the task (``up`` and ``down``; ``""`` for the only part).
    rows, paths, settings
        Rows of the screen's tables, its paths, and the parameters.
    execution
        Where and how many at a time; the results do not depend on it.

    Raises
    ------
    UserError
        A label matrix has no target.
    """
    runs = []
    for part, table in labels.items():
        folder = paths.predictions(task) / part
        if table.shape[1] <= 1:
            raise UserError(
                f"no target has enough labels for {task} {part}".rstrip(),
                where=str(paths.labels),
                remedy=f"Lower the limits in params.yaml under tasks.{task}, or bring more data.",
            )
        write_parquet(folder / "labels.parquet", table)
        runs += plan(rows, task, folder, paths, settings)
    title = f"{paths.screen} {task}"
    collect(runs, cross_validate(runs, settings, WORK / "predictions", title, execution))


def plan(
    rows: dict[str, RowSettings], task: Task, folder: Path, paths: Paths, settings: TaskSettings
) -> list[CrossValidation]:
    """What to run on one label matrix: every row of the task, shuffled rows several times.

    Leak gauges come last.
    """
    files = {PROTEOME: paths.labels / "levels.parquet"}
    runs = [
        CrossValidation(
            row=name,
            folder=folder,
            features=tuple(
                files.get(feature, paths.profiles / f"{feature}.parquet")
                for feature in row.features
            ),
            folds=paths.folds,
            model=row.model,
            loss=settings.regression.loss if task == "regression" else "bce",
            repeat=repeat,
        )
        for name, row in rows.items()
        if task in row.tasks
        for repeat in (range(1, settings.shuffles + 1) if row.shuffled else (0,))
    ]
    gauged = [run for run in runs if rows[run.row].leak_gauge]
    return runs + [replace(run, leak_gauge=True) for run in gauged]


def shards_of(runs: Iterable[CrossValidation], settings: TaskSettings) -> list[Shard]:
    """Shards under the hash of all they depend on: inputs, parameters, code, libraries."""
    runs = list(runs)
    for path in sorted({p for run in runs for p in (run.labels, *run.features, run.folds)}):
        require_file(path, REMEDY)
    code = code_fingerprint(CODE, ("numpy", "torch"))
    return [
        Shard(
            name=run.name,
            fingerprint=fingerprint(
                [run.model, run.loss, run.repeat, run.leak_gauge],
                [file_sha256(path) for path in (run.labels, *run.features, run.folds)],
                settings.model_dump(),
                code,
            ),
            payload=(run, settings),
        )
        for run in runs
    ]


def predict(run: CrossValidation, settings: TaskSettings, device: str = "cpu") -> pd.DataFrame:
    """Cross-validate and predict every treatment from the folds that do not hold it.

    Returns
    -------
    pandas.DataFrame
        Treatment, fold, ``Metadata_LabelsOf``, ``Metadata_Repeat`` and one float32 score per
        target.
    """
    from phenoprot.tasks.linear import nested_linear
    from phenoprot.tasks.nested import nested_mlp

    data: TaskData = align(
        [read_table(path, TREATMENT_KEY) for path in run.features],
        read_table(run.labels, [COMPOUND]),
        read_folds(run.folds),
        shuffle_seed=settings.splits.seed + run.repeat if run.repeat else None,
    )
    if run.leak_gauge:
        data = split_by_treatment(data, settings.splits.folds, settings.splits.seed)
    if run.model == "linear":
        scores = nested_linear(data.features, data.labels, data.folds, data.groups, settings)
    else:
        scores = nested_mlp(
            data.features, data.labels, data.folds, data.groups, settings, run.loss, device
        ).scores
    predictions = pd.DataFrame(scores, columns=data.targets)
    return pd.concat([data.key.assign(**{REPEAT: run.repeat}), predictions], axis=1)


def _compute(payload: tuple[CrossValidation, TaskSettings], folder: Path) -> None:
    """In a worker process: the result of one shard."""
    import torch

    torch.set_num_threads(1)  # sums are split by thread: one thread, one result
    torch.use_deterministic_algorithms(True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    write_parquet(folder / RESULT, predict(*payload, device))


def cross_validate(
    runs: list[CrossValidation],
    settings: TaskSettings,
    work: Path,
    title: str,
    execution: ExecutionSettings = LOCAL,
) -> list[Path]:
    """Predictions of each run, in order; computed where the work folder does not hold them yet."""
    folders = run_shards(_compute, shards_of(runs, settings), work, title, execution)
    return [folder / RESULT for folder in folders]


def collect(runs: Iterable[CrossValidation], results: Iterable[Path]) -> None:
    """Write the predictions of each row beside its labels, shuffles stacked."""
    tables: dict[Path, list[pd.DataFrame]] = {}
    for run, result in zip(runs, results, strict=True):
        tables.setdefault(run.predictions, []).append(read_table(result, PREDICTION_COLUMNS))
    for path, parts in tables.items():
        write_parquet(path, pd.concat(parts, ignore_index=True))
