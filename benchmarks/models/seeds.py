"""The same row of the tables with other seeds of its model: how often is it called different?

Reads profiles, labels and folds of a screen that has been run as far as its labels and splits, in
this folder or in another one (``--root``), e.g. a clone in which `phantom.seed` was changed. Every
two seeds are compared by the test of the tables. Bar: at most 7 % of the pairs at p <= 0.05.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated

from phenoprot.core import runtime

runtime.pin()

import pandas as pd  # noqa: E402 - pinned first
import typer  # noqa: E402

from phenoprot.core.artefacts import read_table  # noqa: E402
from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.evaluation.compare import compare  # noqa: E402
from phenoprot.evaluation.results import RowComparison  # noqa: E402
from phenoprot.evaluation.settings import EvaluationSettings  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY  # noqa: E402
from phenoprot.tasks.columns import FOLD, LABELS_OF, REPEAT  # noqa: E402
from phenoprot.tasks.data import align  # noqa: E402
from phenoprot.tasks.fit_settings import SplitSettings  # noqa: E402
from phenoprot.tasks.folds import folds_of_repeat  # noqa: E402
from phenoprot.tasks.models import find_model  # noqa: E402
from phenoprot.tasks.registry import find_task  # noqa: E402
from phenoprot.tasks.run import settings_of  # noqa: E402
from phenoprot.tasks.settings import ModelSettings, TaskSettings  # noqa: E402
from phenoprot.tasks.splits import make_folds, split_groups  # noqa: E402
from phenoprot.tasks.task import LabelSources  # noqa: E402

PARTS = {"up": "classification/up", "down": "classification/down", "targets": "targets"}
LEVEL = 0.05


def main(
    screen: Annotated[str, typer.Argument(help="Name of the screen.")] = "phantom",
    root: Annotated[Path, typer.Option(help="Folder of the run.")] = Path(),
    features: Annotated[str, typer.Option(help="Profile table.")] = "cellprofiler",
    parts: Annotated[list[str], typer.Option(help="up, down, targets.")] = list(PARTS),  # noqa: B006
    seeds: Annotated[int, typer.Option(min=2, help="Seeds of the MLP, from 0.")] = 4,
    repeats: Annotated[int, typer.Option(help="Draws of the folds.")] = 5,
) -> None:
    """Print the share of the pairs of seeds that differ at p <= 0.05, and single targets."""
    params = load_params()
    os.chdir(root)
    from phenoprot.screens.loader import load_screen

    tasks, folder = params.tasks, Path("data/screens") / screen
    splits = SplitSettings.model_validate(tasks.splits.model_dump() | {"repeats": repeats})
    loaded = load_screen(folder)
    targets = loaded.targets() if loaded.info.tables.targets else None
    folds = make_folds(split_groups(loaded.wells(), targets, splits.kind), splits)
    profile = read_table(Paths(screen).profiles / f"{features}.parquet", TREATMENT_KEY)
    every: list[RowComparison] = []
    for part in parts:
        task = find_task(PARTS[part].partition("/")[0])
        labels = task.labels(LabelSources(Paths(screen), folder), settings_of(task, tasks))
        own = labels[PARTS[part]]
        rows = [trained(profile, own, folds, repeats, seed, tasks) for seed in range(seeds)]
        found = pairs(rows, own, params.evaluation)
        every += found
        typer.echo(f"{screen} {part:8} {line(found)}")
    typer.echo(f"{screen} all      {line(every)}")


def trained(
    profile: pd.DataFrame,
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    repeats: int,
    seed: int,
    tasks: TaskSettings,
) -> pd.DataFrame:
    """Predictions of the MLP with one seed, as a row of the tables has them."""
    mlp = tasks.mlp.model_copy(update={"seed": seed})
    model = find_model(ModelSettings(estimator="mlp"), tasks.model_copy(update={"mlp": mlp}))
    tables = []
    for repeat in range(repeats):
        data = align([profile], labels, folds_of_repeat(folds, repeat))
        scores = model.cross_validate(
            data.features, data.labels, data.folds, data.groups, "bce", repeat, "cpu"
        )
        key = {FOLD: data.folds, LABELS_OF: data.key[COMPOUND], REPEAT: repeat}
        table = data.key[TREATMENT_KEY].assign(**key).reset_index(drop=True)
        tables.append(pd.concat([table, pd.DataFrame(scores, columns=data.targets)], axis=1))
    return pd.concat(tables, ignore_index=True)


def pairs(
    rows: Sequence[pd.DataFrame], labels: pd.DataFrame, settings: EvaluationSettings
) -> list[RowComparison]:
    """Every two seeds compared as two rows of the tables."""
    return [
        compare((f"seed {i}", f"seed {j}"), rows[i], rows[j], labels, settings).result
        for i, j in combinations(range(len(rows)), 2)
    ]


def line(found: Sequence[RowComparison]) -> str:
    """Pairs called different, single targets called, and the largest difference of the means."""
    called = sum(one.p is not None and one.p <= LEVEL for one in found)
    targets = sum(one.n_better + one.n_worse for one in found)
    tested = sum(one.n_targets_tested for one in found)
    gains = [abs(one.mean_auc_difference.value) for one in found if one.mean_auc_difference]
    return (
        f"{called} of {len(found)} pairs at p <= {LEVEL:g} ({100 * called / len(found):.1f} %), "
        f"{targets} of {tested} single targets, largest difference {max(gains, default=0):.3f}"
    )


if __name__ == "__main__":
    typer.run(main)
