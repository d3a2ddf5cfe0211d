"""Run the rows of a task: one shard per row, label set and repeat, in parallel, resumable.

A shard's result lies in the work folder under the fingerprint of all that went into it (see
:mod:`phenoprot.execution.run`). A run that was killed, or one that got a new row, computes only
what is missing; a shard whose inputs, model, splits, device or code changed is never reused. The
settings of the task count by the label matrix that they make.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.artefacts import REMEDY
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import CPU, choose_device, device_name
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import file_sha256, fingerprint, require_file, write_parquet
from phenoprot.core.notices import warn
from phenoprot.core.paths import WORK, Paths
from phenoprot.core.settings import Settings, parse_settings
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contract import feature_columns
from phenoprot.tasks import crossvalidate
from phenoprot.tasks.crossvalidate import RESULT, CrossValidation
from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.fusion import fusions_of, stacked_rows, write_fusions
from phenoprot.tasks.given import read_rows, write_rows
from phenoprot.tasks.model import Model
from phenoprot.tasks.models import find_model
from phenoprot.tasks.registry import all_tasks, require_tasks
from phenoprot.tasks.repeats import write_repeats
from phenoprot.tasks.settings import RowSettings, TaskSettings
from phenoprot.tasks.task import LabelSources, Part, Task
from phenoprot.wells.names import PROTEOME

KINDS = {"auc": "1 / 0 labels", "levels": "levels"}
"""What models predict, by the scorer of the task."""


def run_task(
    task: Task,
    sources: LabelSources,
    rows: Mapping[str, RowSettings],
    settings: TaskSettings,
    execution: ExecutionSettings,
) -> None:
    """Cross-validate every row of a task and write labels and predictions.

    Parameters
    ----------
    task
        The task; its name is its folder of predictions.
    sources
        Artefacts of the earlier stages, and the screen folder.
    rows, settings
        Rows of the screen's tables, and the block ``tasks`` of params.yaml.
    execution
        Where and how many at a time; the results do not depend on it.

    Raises
    ------
    UserError
        A label matrix has no target; a row names an unknown task or model, or a model that cannot
        predict what its tasks ask for, a file of predictions that are not the suite's, or a fusion
        of rows without predictions.
    """
    models = models_of(task, rows, settings)
    block, paths = settings_of(task, settings), sources.paths
    given, fusions = read_rows(task, rows), fusions_of(task, rows)
    labels = task.labels(sources, block)
    runs: list[CrossValidation] = []
    for part in task.parts:
        folder = paths.predictions(part.name)
        enough = _has_targets(labels[part.name], part, task, paths)
        write_parquet(folder / "labels.parquet", labels[part.name])
        if enough:
            stacks = stacked_rows(fusions)
            runs += plan(rows, models, task.loss(block), folder, paths, settings, stacks)
    title = f"{paths.screen} {task.name}"
    collect(runs, cross_validate(runs, WORK / "predictions", title, execution))
    write_rows(given, task, rows, paths, settings.splits.kind)
    write_fusions(fusions, task, paths)


def settings_of(task: Task, settings: TaskSettings) -> Settings:
    """The block of a task: a field of :class:`TaskSettings`, or below ``others``.

    Raises
    ------
    UserError
        The block below ``others`` is missing keys, or has unknown ones or wrong values; or there
        is a block of an unknown task.
    """
    name = task.block or task.name
    field = TaskSettings.model_fields.get(name)
    if field is not None and field.annotation is task.settings:
        block: Settings = getattr(settings, name)
        return block
    require_tasks(settings.others, "params.yaml: tasks.others")
    content: dict[str, Any] = settings.others.get(task.name, {})
    return parse_settings(task.settings, content, f"params.yaml: tasks.others.{task.name}")


def models_of(
    task: Task, rows: Mapping[str, RowSettings], settings: TaskSettings
) -> dict[str, Model]:
    """Model of each row that takes part in a task and has one.

    Raises
    ------
    UserError
        A row names an unknown task or model, or one that cannot predict for one of its tasks.
    """
    models = {}
    for name, row in rows.items():
        require_tasks(row.tasks or (), f"params.yaml: tasks of row {quoted(name)}")
        if row.model is not None and row.takes_part(task.name, task.asked):
            where = f"params.yaml: model of row {quoted(name)}"
            models[name] = find_model(row.model, settings, where)
            _require_scores(models[name], row, where)
    return models


def _require_scores(model: Model, row: RowSettings, where: str) -> None:
    """Stop unless a model can take part in all tasks of its row."""
    tasks = [task for task in all_tasks().values() if row.takes_part(task.name, task.asked)]
    beyond = [task.name for task in tasks if task.scorer not in model.scorers]
    if beyond:
        able = [task.name for task in tasks if task.scorer in model.scorers]
        kinds = " and ".join(KINDS[scorer] for scorer in sorted(model.scorers))
        raise UserError(
            f"{model.name} predicts {kinds} only, and the row takes part in: {listed(beyond)}",
            where=where,
            remedy=f"Set tasks of the row to [{', '.join(able)}]."
            if able
            else "Choose another model, or other tasks.",
        )


def _has_targets(table: pd.DataFrame, part: Part, task: Task, paths: Paths) -> bool:
    """Whether the label matrix of a part has a target; an error unless the task may be empty."""
    if feature_columns(table):
        return True
    what = f"no target has enough labels for {part.name.replace('/', ' ')}"
    limits = f"the limits of tasks.{task.block or task.name} in params.yaml"
    if task.may_be_empty:
        warn(f"{what}: it is left out of the tables (see {limits})", paths.screen)
        return False
    raise UserError(what, where=str(paths.labels), remedy=f"Lower {limits}, or bring more data.")


def plan(
    rows: Mapping[str, RowSettings],
    models: Mapping[str, Model],
    loss: Loss,
    folder: Path,
    paths: Paths,
    settings: TaskSettings,
    stacked: Collection[str] = (),
) -> list[CrossValidation]:
    """What to run on one label matrix: every row of the task in every repeat.

    Leak gauges, and what stacks learn from, come last.

    Parameters
    ----------
    rows, models
        Rows of the screen, and the models of those that take part in the task.
    loss
        Objective of the task.
    folder
        Folder of the part, which holds ``labels.parquet``.
    paths, settings
        Paths of the screen, and the block ``tasks`` of params.yaml.
    stacked
        Rows that a stack is of.
    """
    files = {PROTEOME: paths.labels / "levels.parquet"}
    runs = [
        CrossValidation(
            row=name,
            folder=folder,
            features=tuple(
                files.get(feature, paths.profiles / f"{feature}.parquet")
                for feature in rows[name].features
            ),
            folds=paths.folds,
            model=model,
            splits=settings.splits,
            loss=loss,
            repeat=repeat,
            shuffled=rows[name].shuffled,
            kind=rows[name].splits or settings.splits.kind,
            train_share=rows[name].train_share,
            variant=rows[name].variant,
        )
        for name, model in models.items()
        for repeat in range(settings.splits.repeats)
    ]
    gauged = [run for run in runs if rows[run.row].leak_gauge]
    pairs = [replace(run, pairs=True) for run in runs if run.row in stacked]
    return runs + [replace(run, leak_gauge=True) for run in gauged] + pairs


def shards_of(runs: Iterable[CrossValidation]) -> list[Shard]:
    """Shards under the hash of all they depend on: inputs, model, splits, device, code.

    Of the folds, those of the run's own kind and repeat: more of either leave the others as they
    are.

    Raises
    ------
    UserError
        A file is missing or damaged; or a row asks for folds that were not drawn.
    """
    runs = list(runs)
    for path in sorted({p for run in runs for p in (run.labels, *run.features, run.folds)}):
        require_file(path, REMEDY)
    folds = {path: read_folds(path) for path in {run.folds for run in runs}}
    shards = []
    for run in runs:
        device = choose_device() if run.model.on_device else CPU
        where = f"params.yaml: splits of row {quoted(run.row)}"
        own = folds_of_kind(folds[run.folds], run.kind, where)
        key = fingerprint(
            [run.model.name, run.model.settings.model_dump(), run.splits.seed, run.splits.folds],
            [run.loss, run.repeat, run.shuffled, run.leak_gauge, run.pairs, run.train_share],
            folds_of_repeat(own, run.repeat).to_numpy().tolist(),
            [file_sha256(path) for path in (run.labels, *run.features)],
            device_name(device),
            code_fingerprint(crossvalidate.__name__, type(run.model).__module__),
        )
        shards.append(Shard(run.name, key, payload=(run, device)))
    return shards


def cross_validate(
    runs: list[CrossValidation], work: Path, title: str, execution: ExecutionSettings
) -> list[Path]:
    """Predictions of each run, in order; computed where the work folder does not hold them yet."""
    folders = run_shards(crossvalidate.compute, shards_of(runs), work, title, execution)
    return [folder / RESULT for folder in folders]


def collect(runs: Iterable[CrossValidation], results: Iterable[Path]) -> None:
    """Write the predictions of each row beside its labels, all repeats in one file."""
    parts: dict[Path, list[Path]] = {}
    for run, result in zip(runs, results, strict=True):
        parts.setdefault(run.predictions, []).append(result)
    for path, own in parts.items():
        write_repeats(path, own)
