"""The stages of the pipeline, in the order of the data. ``dvc.yaml`` is generated from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from phenoprot.core.errors import UserError
from phenoprot.pipeline.stage import Stage
from phenoprot.report.files import COUNTS, DOSES, HEADLINE, TARGETS
from phenoprot.screens.contents import EVERYTHING, Contents
from phenoprot.tasks.registry import tasks_of
from phenoprot.tasks.settings import RowSettings, TaskSettings, given_files
from phenoprot.tasks.task import Task

SIMULATED = "phantom"
"""The screen that the pipeline makes by itself."""

SIMULATE = Stage(
    "simulate",
    params=("phantom",),
    screen_yaml=False,
)

BEFORE_TASKS = (
    Stage(
        "validate",
        reads=("wells", "treatments", "profiles", "images", "proteomics", "labels", "targets"),
        params=("validation", "profiles"),
        makes=lambda paths: (paths.input_checks,),
    ),
    Stage(
        "images",
        requires=("images",),
        reads=("wells", "images"),
        needs=lambda paths: (paths.input_checks,),
        params=("images",),
        makes=lambda paths: (paths.images,),
    ),
    Stage(
        "segment",
        requires=("images",),
        reads=("wells", "images", "truth"),
        needs=lambda paths: (paths.images,),
        params=("segmentation",),
        makes=lambda paths: (paths.masks,),
    ),
    Stage(
        "crops",
        requires=("images",),
        reads=("wells", "images"),
        needs=lambda paths: (paths.masks,),
        params=("crops", "images.outlier_z"),
        makes=lambda paths: (paths.crops, paths.quality),
    ),
    Stage(
        "mae",
        requires=("images",),
        reads=("wells",),
        needs=lambda paths: (paths.crops,),
        params=("mae", "screen.extracted"),
        makes=lambda paths: (paths.mae,),
        trains=lambda paths: (paths.mae / "training.csv",),
    ),
    Stage(
        "features",
        requires=("images",),
        reads=("wells", "images"),
        needs=lambda paths: (paths.images, paths.masks, paths.crops, paths.mae),
        params=("features", "screen.extracted"),
        makes=lambda paths: (paths.all_features,),
    ),
    Stage(
        "profiles",
        reads=("wells", "treatments", "profiles"),
        needs=lambda paths: (paths.all_features, paths.input_checks),
        params=("profiles", "screen.extracted", "screen.rows"),
        makes=lambda paths: (paths.profiles,),
    ),
    Stage(
        "activity",
        requires=("wells",),
        reads=("wells", "profiles"),
        needs=lambda paths: (paths.all_features, paths.input_checks),
        params=("activity", "profiles", "screen.extracted", "screen.rows"),
        makes=lambda paths: (paths.activity,),
    ),
    Stage(
        "curves",
        requires=("readout",),
        reads=("wells", "proteomics"),
        needs=lambda paths: (paths.input_checks,),
        params=("curves", "labels.position_correction"),
        makes=lambda paths: (paths.curves,),
    ),
    Stage(
        "labels",
        requires=("labels",),
        reads=("wells", "proteomics", "labels"),
        needs=lambda paths: (paths.curves, paths.input_checks),
        params=("labels", "curves"),
        makes=lambda paths: (paths.labels,),
    ),
    Stage(
        "splits",
        reads=("wells", "treatments", "targets"),
        needs=lambda paths: (paths.input_checks,),
        needs_of_like=lambda paths: (paths.folds,),
        params=("tasks.splits", "screen.folds_like"),
        makes=lambda paths: (paths.folds,),
    ),
    Stage(
        "check_labels",
        requires=("labels",),
        screen_yaml=False,
        needs=lambda paths: (paths.labels, paths.folds),
        params=("validation", "tasks.classification", "tasks.splits"),
        makes=lambda paths: (paths.label_checks,),
    ),
)


def _block(task: Task) -> str:
    """Key of a task's own settings."""
    name = task.block or task.name
    return f"tasks.{name}" if name in TaskSettings.model_fields else "tasks.others"


_MODELS = tuple(f"tasks.{block}" for block in ("splits", "mlp", "mlp_poster", "linear", "clip"))


def predict_stage(task: Task) -> Stage:
    """The stage that cross-validates one task."""
    return Stage(
        f"predict-{task.name}",
        script="predict",
        arguments=(task.name,),
        requires=task.requires,
        reads=task.reads,
        screen_yaml=bool(task.reads),
        needs=lambda paths: (paths.profiles, paths.labels, paths.folds, paths.label_checks),
        needs_elsewhere=lambda block: given_files(
            row for row in block.rows.values() if row.takes_part(task.name, task.asked)
        ),
        params=(*_MODELS, _block(task), "screen.rows"),
        makes=lambda paths: (paths.predictions(task.name),),
    )


CONTRIBUTIONS = Stage(
    "contributions",
    requires=("labels",),
    reads=("truth",),
    needs=lambda paths: (paths.profiles, paths.folds, paths.predictions("classification")),
    params=(*_MODELS, "contributions", "screen.rows"),
    makes=lambda paths: (paths.contributions,),
)
"""Of screens with a row that asks for it."""


def _after_tasks(
    has: Contents, tasks: Mapping[str, Task], explained: bool = True
) -> tuple[Stage, ...]:
    parts = [part.name for task in tasks.values() for part in task.parts]
    paired = [name for name, task in tasks.items() if task.scorer == "auc" and not task.asked]
    written = ("provenance.json", "activity.json", "images.json")
    best = [f"top_{name}.json" for name, task in tasks.items() if task.poster_top]
    choose = Stage(
        "choose",
        requires=("labels", "levels"),
        screen_yaml=False,
        needs=lambda paths: (
            *(paths.profiles, paths.labels, paths.folds),
            paths.predictions("classification"),
        ),
        params=(*_MODELS, "tasks.classification", "tasks.regression", "screen.rows"),
        makes=lambda paths: (paths.chosen,),
    )
    evaluate = Stage(
        "evaluate",
        reads=("truth",),
        needs=lambda paths: (
            paths.labels,
            paths.profiles,
            paths.activity,
            paths.chosen,
            *(paths.predictions(task) for task in tasks),
        ),
        needs_of_like=lambda paths: tuple(paths.predictions(task) for task in paired),
        params=("evaluation", "screen.rows", "screen.folds_like"),
        makes=lambda paths: (paths.scores,),
    )
    report = Stage(
        "report",
        needs=lambda paths: (paths.masks, paths.contributions, paths.scores),
        needs_elsewhere=lambda block: given_files(block.rows.values()),
        params=("curves", "labels", "evaluation", "screen.rows"),
        provenance=True,
        in_git=lambda paths: (
            *(paths.metrics / part for part in parts),
            *((paths.metrics / "labels",) if has.labels else ()),
            *(paths.metrics / name for name in (*written, *best, "doses", "comparisons")),
            *((paths.metrics / CONTRIBUTIONS.name, paths.heat_map) if explained else ()),
            paths.report,
            paths.report.with_suffix(".svg"),
            paths.report_details,
        ),
        metrics=lambda paths: (paths.metrics / HEADLINE,),
        plots={
            DOSES: {"template": "by_dose", "x": "concentration", "y": "mean_auc"},
            TARGETS: {"template": "sorted", "x": "rank", "y": "auc"},
            COUNTS: {"template": "counts", "x": "threshold", "y": "percent"},
        },
    )
    page = Stage(
        "page",
        reads=("wells", "images"),
        needs=lambda paths: (
            *(paths.input_checks, paths.label_checks, paths.masks, paths.quality, paths.mae),
            *(paths.curves, paths.labels, paths.contributions, paths.scores),
            *(paths.predictions(task) for task in tasks),
            *report.metrics(paths),
            *report.in_git(paths),
        ),
        params=(),
        makes=lambda paths: (paths.page, paths.page_data),
    )
    chosen = (choose,) if {"classification", "regression"} <= tasks.keys() else ()
    return *chosen, evaluate, *((CONTRIBUTIONS,) if explained else ()), report, page


def all_stages(
    has: Contents = EVERYTHING, rows: Iterable[RowSettings] | None = None
) -> tuple[Stage, ...]:
    """Stages of a screen, in the order of the data; those of tasks in between.

    Parameters
    ----------
    has
        What the screen has.
    rows
        Of its tables: what only tasks without a row need is left out. None: nothing is.
    """
    rows = None if rows is None else list(rows)
    tasks = tasks_of(has, rows)
    asked = rows is None or any(row.contributions for row in rows)
    explained = asked and "classification" in tasks
    after = _after_tasks(has, tasks, explained)
    stages = (*BEFORE_TASKS, *map(predict_stage, tasks.values()), *after)
    return tuple(stage for stage in stages if not has.lacking(stage.requires))


def find_stage(script: str, arguments: tuple[str, ...] = ()) -> Stage:
    """The stage that a script with these arguments runs.

    Raises
    ------
    UserError
        There is none.
    """
    stages = [SIMULATE, *all_stages()]
    for stage in stages:
        if (stage.script or stage.name) == script and stage.arguments == arguments:
            return stage
    known = [" ".join(["", *s.arguments]) for s in stages if (s.script or s.name) == script]
    raise UserError(
        f"has no stage with the arguments{' '.join(['', *arguments]) or ' (none)'}",
        where=f"stages/{script}.py",
        remedy=f"There is: {', '.join(f'SCREEN{arguments}' for arguments in known) or 'none'}.",
    )


def stages_of(
    screen: str, has: Contents = EVERYTHING, rows: Iterable[RowSettings] | None = None
) -> tuple[Stage, ...]:
    """Stages of one screen, see :func:`all_stages`."""
    if screen == SIMULATED:
        return (SIMULATE, *all_stages(EVERYTHING, rows))
    return all_stages(has, rows)


def provenance_params(stages: Iterable[Stage]) -> tuple[str, ...]:
    """All parameter blocks that the stages of a screen depend on, sorted, each once."""
    return tuple(sorted({block for stage in stages for block in stage.params}))


def simulated_files(folder: Path) -> dict[str, tuple[Path, ...]]:
    """What the simulation makes of its screen folder, by part."""
    return {
        "screen": (folder / "screen.yaml",),
        "wells": (folder / "wells.csv",),
        "profiles": tuple(
            folder / "profiles" / f"{name}.parquet" for name in ("oracle", "cell_count_readout")
        ),
        "images": (folder / "images",),
        "proteomics": (folder / "proteomics.parquet",),
        "targets": (folder / "targets.csv",),
        "truth": (folder / "truth",),
    }
