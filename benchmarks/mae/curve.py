"""What training does for the autoencoder: other phantoms, more steps, more cells in a step.

``run`` makes the phantom of a seed (its images, crops and labels, none of it in the tables), trains
the network of params.yaml with each budget, on a GPU if there is one, and scores its profiles and
those of the untrained network by the models and the test of the tables. One line per budget, part
and model is added to a CSV file. ``table`` prints means over the phantoms, and on how many the
trained network is better by the interval.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import NormalDist
from typing import Annotated

from phenoprot.core import runtime

runtime.pin()

import pandas as pd  # noqa: E402 - pinned first
import typer  # noqa: E402
from benchmarks.mae.networks import profile, trained  # noqa: E402
from ruamel.yaml import YAML  # noqa: E402

from phenoprot.core.device import device_name  # noqa: E402
from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.evaluation.compare import compare  # noqa: E402
from phenoprot.evaluation.score import auc_scores  # noqa: E402
from phenoprot.features.mae.settings import MAESettings  # noqa: E402
from phenoprot.imaging.crops.store import CropStore  # noqa: E402
from phenoprot.pipeline.params import Params, load_params  # noqa: E402
from phenoprot.screens.loader import load_screen  # noqa: E402
from phenoprot.tasks.columns import REPEAT  # noqa: E402
from phenoprot.tasks.data import align  # noqa: E402
from phenoprot.tasks.folds import folds_of_repeat  # noqa: E402
from phenoprot.tasks.models import find_model  # noqa: E402
from phenoprot.tasks.registry import find_task  # noqa: E402
from phenoprot.tasks.run import settings_of  # noqa: E402
from phenoprot.tasks.settings import ModelSettings  # noqa: E402
from phenoprot.tasks.splits import make_folds, split_groups  # noqa: E402
from phenoprot.tasks.task import LabelSources  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
SCREEN = "phantom"
STAGES = ("simulate", "segment", "crops", "curves", "labels")
PARTS = ("classification/up", "classification/down")
POWER = 0.8
"""Four of five."""
COLUMNS = (
    "phantom", "steps", "crops", "part", "model", "auc", "gain", "low", "high", "seconds", "device",
)  # fmt: skip

app = typer.Typer(help=__doc__)


@app.command()
def run(
    seed: Annotated[int, typer.Argument(help="Of the phantom.")],
    folder: Annotated[Path, typer.Argument(help="Where the phantom lies, or is to be made.")],
    out: Annotated[Path, typer.Argument(help="CSV file that lines are added to.")],
    budget: Annotated[list[str], typer.Option(help="STEPSxCROPS.")] = ["4000x16"],  # noqa: B006
    model: Annotated[list[str], typer.Option(help="Models.")] = ["linear", "mlp"],  # noqa: B006
    repeats: Annotated[int, typer.Option(help="Draws of the folds.")] = 5,
) -> None:
    """Make a phantom, train with each budget, score."""
    out = out.resolve()
    make_phantom(seed, folder)
    os.chdir(folder)
    params, paths = load_params(), Paths(SCREEN)
    screen = load_screen(Path("data/screens") / SCREEN)
    store, wells = CropStore.open(paths.crops), screen.wells()
    splits = params.tasks.splits.model_copy(update={"repeats": repeats, "others": []})
    folds = make_folds(split_groups(wells, None, "compound"), splits)
    task = find_task("classification")
    labels = task.labels(LabelSources(paths, screen.folder), settings_of(task, params.tasks))
    untrained = {}
    for given in budget:
        steps, crops = (int(number) for number in given.split("x"))
        settings = with_budget(params.mae, steps, crops)
        start = time.monotonic()
        network = trained(store, store, wells, settings, None)
        seconds = time.monotonic() - start
        found = profile(network, "trained", screen, paths.crops, params)
        if not untrained:  # initial weights are those of the seed, whatever the budget
            blank = profile(network, "initial", screen, paths.crops, params)
            untrained = {
                (part, name): predictions(name, blank, labels[part], folds, params)
                for part in PARTS
                for name in model
            }
        for (part, name), other in untrained.items():
            row = predictions(name, found, labels[part], folds, params)
            gain = compare(("mae", "untrained"), row, other, labels[part], params.evaluation)
            value = gain.result.mean_auc_difference
            assert value is not None
            auc = auc_scores(row, labels[part]).mean().value
            line = [seed, steps, crops, part, name, auc, value.value, value.low, value.high]
            with out.open("a") as file:
                file.write(",".join(map(str, [*line, round(seconds), device_name()])) + "\n")


def make_phantom(seed: int, folder: Path) -> None:
    """Simulate a phantom, and take the stages of the pipeline up to crops and labels."""
    if (folder / "made").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    given = yaml.load(REPOSITORY / "params.yaml")
    given["phantom"]["seed"] = seed
    yaml.dump(given, folder / "params.yaml")
    for stage in STAGES:
        command = [sys.executable, REPOSITORY / "stages" / f"{stage}.py", SCREEN]
        subprocess.run(command, cwd=folder, check=True)
    (folder / "made").touch()


def with_budget(settings: MAESettings, steps: int, crops: int) -> MAESettings:
    """As many steps, each with one crop of as many fields."""
    change = {"steps": steps, "fields": crops, "checkpoint_every": steps, "picture_every": steps}
    training = settings.training.model_copy(update=change)
    return settings.model_copy(update={"training": training})


def predictions(
    name: str, table: pd.DataFrame, labels: pd.DataFrame, folds: pd.DataFrame, params: Params
) -> pd.DataFrame:
    """Predictions of all repeats, as a row of the tables has them."""
    model, parts = find_model(ModelSettings(estimator=name), params.tasks), []
    for repeat in sorted(folds[REPEAT].unique()):
        data = align([table], labels, folds_of_repeat(folds, repeat))
        scores = model.cross_validate(
            data.features, data.labels, data.folds, data.groups, "bce", int(repeat), "cpu"
        )
        scored = pd.DataFrame(scores, columns=data.targets)
        key = data.key.reset_index(drop=True).assign(**{REPEAT: repeat})
        parts.append(pd.concat([key, scored], axis=1))
    return pd.concat(parts, ignore_index=True)


@app.command()
def table(results: Annotated[list[Path], typer.Argument(help="CSV files of `run`.")]) -> None:
    """Print means over the phantoms, by budget, part and model.

    The last column: how many times the compounds an interval needs to leave 0 below it on four of
    five phantoms, if each gained the mean and half widths fell with the root of the compounds.
    """
    lines = pd.concat([pd.read_csv(path, names=list(COLUMNS)) for path in results])
    names = ("steps", "crops a step", "part", "model", "phantoms", "AUC", "gain", "half width",
             "better on", "compounds")  # fmt: skip
    typer.echo(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for (steps, crops, part, name), group in lines.groupby(["steps", "crops", "part", "model"]):
        better, n = int((group.low > 0).sum()), len(group)
        gain, half = group.gain.mean(), ((group.high - group.low) / 2).mean()
        means = f"{group.auc.mean():.3f} | {gain:+.3f} | {half:.3f}"
        more = f"x {compounds_needed(gain, half):.1f}" if gain > 0 else "-"
        row = f"| {steps} | {crops} | {part} | {name} | {n} | {means} | {better} of {n} | {more} |"
        typer.echo(row)


def compounds_needed(gain: float, half: float) -> float:
    """How many times the compounds put 0 below the interval in four of five draws.

    Parameters
    ----------
    gain
        True gain, above 0.
    half
        Half width of the 95 % interval with the compounds there are.
    """
    error = half / NormalDist().inv_cdf(0.975)
    enough = gain / (NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(POWER))
    return (error / enough) ** 2


if __name__ == "__main__":
    app()
