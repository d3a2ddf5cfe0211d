"""Models of params.yaml on other folds than those of the tables: draws, kinds, fewer compounds.

Reads profiles, labels and folds of a screen that has been run as far as its labels and splits, in
this folder or in another one (``--root``), e.g. a clone in which `phantom.seed` was changed. What
is chosen with this command has seen no committed test fold.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

from phenoprot.core import runtime

runtime.pin()

import numpy as np  # noqa: E402 - pinned first
import pandas as pd  # noqa: E402
import typer  # noqa: E402

from phenoprot.core.artefacts import read_table  # noqa: E402
from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.evaluation.score import auc_scores  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.screens.contract import TREATMENT_KEY  # noqa: E402
from phenoprot.tasks.columns import REPEAT  # noqa: E402
from phenoprot.tasks.data import align  # noqa: E402
from phenoprot.tasks.fewer import cross_validate_share  # noqa: E402
from phenoprot.tasks.fit_settings import SplitSettings  # noqa: E402
from phenoprot.tasks.folds import folds_of_repeat  # noqa: E402
from phenoprot.tasks.models import find_model  # noqa: E402
from phenoprot.tasks.registry import find_task  # noqa: E402
from phenoprot.tasks.run import settings_of  # noqa: E402
from phenoprot.tasks.settings import ModelSettings, TaskSettings  # noqa: E402
from phenoprot.tasks.splits import make_folds, split_groups  # noqa: E402
from phenoprot.tasks.task import LabelSources  # noqa: E402

PARTS = {"up": "classification/up", "down": "classification/down", "targets": "targets"}


def main(
    screen: Annotated[str, typer.Argument(help="Name of the screen.")] = "phantom",
    root: Annotated[Path, typer.Option(help="Folder of the run.")] = Path(),
    features: Annotated[list[str], typer.Option(help="Profile tables, one by one.")] = ["oracle"],  # noqa: B006
    models: Annotated[list[str], typer.Option(help="Models.")] = ["linear", "mlp"],  # noqa: B006
    repeats: Annotated[int, typer.Option(help="Draws of the folds.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 5,
    kind: Annotated[str, typer.Option(help="Of split, see tasks.splits.kind.")] = "compound",
    share: Annotated[float, typer.Option(help="Of the training compounds that are used.")] = 1.0,
) -> None:
    """Print the mean AUC of each part, feature set and model, and the time of a repeat."""
    tasks = load_params().tasks
    os.chdir(root)
    from phenoprot.screens.loader import load_screen

    folder = Path("data/screens") / screen
    given = {"repeats": repeats, "seed": seed, "kind": kind}
    splits = SplitSettings.model_validate(tasks.splits.model_dump() | given)
    loaded = load_screen(folder)
    targets = loaded.targets() if loaded.info.tables.targets else None
    folds = make_folds(split_groups(loaded.wells(), targets, splits.kind), splits)
    for part, name in PARTS.items():
        task = find_task(name.partition("/")[0])
        sources = LabelSources(Paths(screen), folder)
        labels = task.labels(sources, settings_of(task, tasks))[name]
        for table in features:
            profile = read_table(Paths(screen).profiles / f"{table}.parquet", TREATMENT_KEY)
            for model in models:
                line = _scored(model, profile, labels, folds, repeats, share, tasks)
                typer.echo(f"{screen} {part:8} {table:14} {model:10} {line}")


def _scored(
    name: str,
    profile: pd.DataFrame,
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    repeats: int,
    share: float,
    tasks: TaskSettings,
) -> str:
    model = find_model(ModelSettings(estimator=name), tasks)
    parts, start = [], time.process_time()
    for repeat in range(repeats):
        data = align([profile], labels, folds_of_repeat(folds, repeat))
        if share < 1:
            scores = cross_validate_share(
                model, data, share, "bce", repeat, (tasks.splits.seed, repeat), "cpu"
            )
        else:
            scores = model.cross_validate(
                data.features, data.labels, data.folds, data.groups, "bce", repeat, "cpu"
            )
        table = pd.DataFrame(scores, columns=data.targets)
        parts.append(pd.concat([data.key.assign(**{REPEAT: repeat}), table], axis=1))
    seconds = (time.process_time() - start) / repeats
    scored = auc_scores(pd.concat(parts, ignore_index=True), labels)
    means = np.nanmean(scored.by_repeat, axis=1)
    return f"{means.mean():.3f} (sd {means.std(ddof=1):.3f}), {seconds:.1f} s of CPU a repeat"


if __name__ == "__main__":
    typer.run(main)
