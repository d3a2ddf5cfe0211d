"""The regression's grid: MSE or SMAPE, tanh or relu, for our MLP and the poster's.

Reads profiles, levels and folds of a screen that has been run as far as its labels and splits in
another folder, e.g. a clone with another `phantom.seed`: no committed test fold is seen.
"""

from __future__ import annotations

import os
import time
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

from phenoprot.core import runtime

runtime.pin()

import numpy as np  # noqa: E402 - pinned first
import pandas as pd  # noqa: E402
import torch  # noqa: E402
import typer  # noqa: E402

from phenoprot.core.artefacts import read_table  # noqa: E402
from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.evaluation.levels import level_scores  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.screens.contract import TREATMENT_KEY, feature_columns  # noqa: E402
from phenoprot.screens.loader import load_screen  # noqa: E402
from phenoprot.tasks.columns import REPEAT  # noqa: E402
from phenoprot.tasks.data import TaskData, align  # noqa: E402
from phenoprot.tasks.fit_settings import Activation, MlpModelSettings  # noqa: E402
from phenoprot.tasks.folds import folds_of_repeat  # noqa: E402
from phenoprot.tasks.nested import nested_mlp  # noqa: E402
from phenoprot.tasks.regression import regression_labels  # noqa: E402
from phenoprot.tasks.settings import TaskSettings  # noqa: E402
from phenoprot.tasks.splits import make_folds, split_groups  # noqa: E402

LOSSES: tuple[Literal["mse", "smape"], ...] = ("mse", "smape")
ACTIVATIONS: tuple[Activation, ...] = ("tanh", "relu")


def main(
    roots: Annotated[list[Path], typer.Argument(help="Folders of the runs.")],
    screen: Annotated[str, typer.Option(help="Name of the screen.")] = "phantom",
    features: Annotated[str, typer.Option(help="Profile table.")] = "cellprofiler",
    models: Annotated[list[str], typer.Option(help="Models.")] = ["mlp", "mlp_poster"],  # noqa: B006
    proteins: Annotated[int, typer.Option(help="Every n-th protein is predicted.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 5,
) -> None:
    """Print a table: one draw of the folds, one line per model, loss and activation."""
    tasks = load_params().tasks
    typer.echo(
        "| run | model | loss | activation | SMAPE | R2, median | R2 >= 0.1 | best R2 "
        "| concordance | to the last step | s of CPU |"
    )
    typer.echo("|---|---|---|---|---|---|---|---|---|---|---|")
    for root in [root.resolve() for root in roots]:
        os.chdir(root)
        data, levels = _data(screen, features, proteins, seed, tasks)
        for model, loss, activation in product(models, LOSSES, ACTIVATIONS):
            line = _line(data, levels, model, loss, activation, tasks)
            typer.echo(f"| {root.name} | {model} | {loss} | {activation} | {line} |")


def _data(
    screen: str, features: str, proteins: int, seed: int, tasks: TaskSettings
) -> tuple[TaskData, pd.DataFrame]:
    paths, wells = Paths(screen), load_screen(Path("data/screens") / screen).wells()
    splits = tasks.splits.model_copy(update={"repeats": 1, "seed": seed, "kind": "compound"})
    folds = folds_of_repeat(make_folds(split_groups(wells, None, "compound"), splits), 0)
    levels = read_table(paths.labels / "levels.parquet", TREATMENT_KEY)
    labels = regression_labels(levels, tasks.regression)
    labels = labels[[*TREATMENT_KEY, *feature_columns(labels)[::proteins]]]
    return align([read_table(paths.profiles / f"{features}.parquet")], labels, folds), labels


def _line(
    data: TaskData,
    levels: pd.DataFrame,
    name: str,
    loss: Literal["mse", "smape"],
    activation: Activation,
    tasks: TaskSettings,
) -> str:
    """Scores, and in how many folds the networks still got better when their steps were over."""
    network = getattr(tasks, name).model_copy(update={"activation": [activation]})
    torch.set_num_threads(1)
    start = time.process_time()
    result = nested_mlp(
        *(data.features, data.labels, data.folds, data.groups),
        *(MlpModelSettings(network=network, clip=tasks.clip), loss),
    )
    seconds = time.process_time() - start
    table = pd.DataFrame(result.scores, columns=data.targets)
    predictions = pd.concat([data.key.assign(**{REPEAT: 0}), table], axis=1)
    scores = level_scores(predictions, levels)
    # Epochs are counted in the rows of the largest training part, as the training does.
    largest = max(int((data.folds != fold).sum()) for fold in np.unique(data.folds))
    inner = round(largest * (1 - network.inner.share))
    last = -(-network.max_steps // -(-inner // network.batch_size))
    ended = sum(model.epochs >= 0.95 * last for model in result.models)
    r2 = scores["r2"]
    return (
        f"{scores['smape'].mean():.3f} | {r2.median():.3f} | {(r2 >= 0.1).sum()} of {len(r2)} | "
        f"{r2.max():.3f} | {scores['concordance'].mean():.3f} | "
        f"{ended} of {len(result.models)} | {seconds:.0f}"
    )


if __name__ == "__main__":
    typer.run(main)
