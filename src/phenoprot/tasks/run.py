"""Run the rows of a task: one shard per row, label set and shuffle, in parallel, resumable.

A shard's result lies in the work folder under the fingerprint of all that went into it. A run that
was killed, or one that got a new row, computes only what is missing; a shard whose inputs,
parameters or code changed has another fingerprint and is never reused.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from phenoprot import runtime
from phenoprot.errors import UserError
from phenoprot.files import file_sha256, fingerprint, write_parquet
from phenoprot.layout import WORK, Layout
from phenoprot.profiles.treatments import PROTEOME
from phenoprot.progress import Progress
from phenoprot.tasks.data import REPEAT, TaskData, align
from phenoprot.tasks.settings import Loss, RowSettings, Task, TaskSettings
from phenoprot.tasks.splits import read_folds

CODE = ("tasks", "profiles/normalise.py", "screens/contract.py")
"""Parts of the library that decide what a shard computes."""


@dataclass(frozen=True)
class Shard:
    """One nested cross-validation."""

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

    @property
    def labels(self) -> Path:
        """The label matrix."""
        return self.folder / "labels.parquet"

    @property
    def name(self) -> str:
        """For progress lines."""
        name = f"{self.folder.name} {self.row}"
        return name if not self.repeat else f"{name} {self.repeat}"


def run_task(
    task: Task,
    labels: dict[str, pd.DataFrame],
    rows: dict[str, RowSettings],
    layout: Layout,
    settings: TaskSettings,
) -> None:
    """Cross-validate every row of a task and write labels and predictions.

    Parameters
    ----------
    task
        Name of the task; its folder of predictions.
    labels
        Label matrix of each part of the task (``up`` and ``down``; ``""`` for the only part).
    rows, layout, settings
        Rows of the screen's tables, its paths, and the parameters.

    Raises
    ------
    UserError
        A label matrix has no target.
    """
    shards = []
    for part, table in labels.items():
        folder = layout.predictions(task) / part
        if table.shape[1] <= 1:
            raise UserError(
                f"no target has enough labels for {task} {part}".rstrip(),
                where=str(layout.labels),
                remedy=f"Lower the limits in params.yaml under tasks.{task}, or bring more data.",
            )
        write_parquet(folder / "labels.parquet", table)
        shards += plan(rows, task, folder, layout, settings)
    results = run_shards(shards, settings, WORK / "predictions", f"{layout.screen} {task}")
    collect(shards, results)


def plan(
    rows: dict[str, RowSettings], task: Task, folder: Path, layout: Layout, settings: TaskSettings
) -> list[Shard]:
    """Shards of one label matrix: every row of the task, shuffled rows several times."""
    files = {PROTEOME: layout.labels / "levels.parquet"}
    return [
        Shard(
            row=name,
            folder=folder,
            features=tuple(
                files.get(feature, layout.profiles / f"{feature}.parquet")
                for feature in row.features
            ),
            folds=layout.folds,
            model=row.model,
            loss=settings.regression.loss if task == "regression" else "bce",
            repeat=repeat,
        )
        for name, row in rows.items()
        if task in row.tasks
        for repeat in (range(1, settings.shuffles + 1) if row.shuffled else (0,))
    ]


def shard_fingerprint(shard: Shard, settings: TaskSettings) -> str:
    """Hash of everything the shard's predictions depend on: inputs, parameters, code, libraries."""
    package = Path(__file__).parents[1]
    sources = [
        path
        for part in CODE
        for path in sorted((package / part).rglob("*.py") if "." not in part else [package / part])
    ]
    return fingerprint(
        [shard.model, shard.loss, shard.repeat],
        [file_sha256(path) for path in (shard.labels, *shard.features, shard.folds)],
        settings.model_dump(),
        [file_sha256(path) for path in sources],
        [version("numpy"), version("torch"), runtime.PINNED],
    )


def run_shard(shard: Shard, settings: TaskSettings, device: str = "cpu") -> pd.DataFrame:
    """Cross-validate one shard.

    Returns
    -------
    pandas.DataFrame
        Treatment, fold, ``Metadata_LabelsOf``, ``Metadata_Repeat`` and one float32 score per
        target.
    """
    from phenoprot.tasks.linear import nested_linear
    from phenoprot.tasks.nested import nested_mlp

    data: TaskData = align(
        [pd.read_parquet(path) for path in shard.features],
        pd.read_parquet(shard.labels),
        read_folds(shard.folds),
        shuffle_seed=settings.splits.seed + shard.repeat if shard.repeat else None,
    )
    if shard.model == "linear":
        scores = nested_linear(data.features, data.labels, data.folds, data.groups, settings)
    else:
        scores = nested_mlp(
            data.features, data.labels, data.folds, data.groups, settings, shard.loss, device
        ).scores
    predictions = pd.DataFrame(scores, columns=data.targets)
    return pd.concat([data.key.assign(**{REPEAT: shard.repeat}), predictions], axis=1)


def _work(shard: Shard, settings: TaskSettings, result: Path) -> float:
    """In a worker process: compute a shard and store it whole."""
    import torch

    torch.set_num_threads(1)  # sums are split by thread: one thread, one result
    torch.use_deterministic_algorithms(True)
    start = time.monotonic()
    write_parquet(
        result, run_shard(shard, settings, "cuda" if torch.cuda.is_available() else "cpu")
    )
    return time.monotonic() - start


def run_shards(
    shards: list[Shard], settings: TaskSettings, work: Path, title: str, workers: int | None = None
) -> list[Path]:
    """Compute all shards that the work folder does not hold yet.

    Parameters
    ----------
    shards, settings
        What to compute.
    work
        Work folder, kept between runs.
    title
        For progress lines.
    workers
        Processes; None: one per core. The results do not depend on it.

    Returns
    -------
    list of Path
        Predictions of each shard, in order.
    """
    results = [work / f"{shard_fingerprint(shard, settings)}.parquet" for shard in shards]
    missing = [i for i, path in enumerate(results) if not path.exists()]
    progress = Progress(title, total=len(shards), done=len(shards) - len(missing))
    if missing:
        # spawn, not fork: threads of numpy and torch do not survive a fork.
        context = multiprocessing.get_context("spawn")
        count = min(len(missing), workers or os.cpu_count() or 1)
        with progress, ProcessPoolExecutor(count, mp_context=context) as pool:
            pending = {pool.submit(_work, shards[i], settings, results[i]): i for i in missing}
            for future in as_completed(pending):
                progress.step(shards[pending[future]].name, future.result())
    return results


def collect(shards: Iterable[Shard], results: Iterable[Path]) -> None:
    """Write the predictions of each row beside its labels, shuffles stacked."""
    tables: dict[Path, list[pd.DataFrame]] = {}
    for shard, result in zip(shards, results, strict=True):
        path = shard.folder / "rows" / f"{shard.row}.parquet"
        tables.setdefault(path, []).append(pd.read_parquet(result))
    for path, parts in tables.items():
        write_parquet(path, pd.concat(parts, ignore_index=True))
