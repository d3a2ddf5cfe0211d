"""The autoencoder that has seen the images of the test compounds, and one that has not.

Like the poster's, the rows ``mae`` are transductive: the network is trained, without labels, on the
crops of all compounds. Here it is trained once more without the crops of the compounds that are
tested in one fold, and both are scored on that fold. A run, or its folder (``--root``), must have
gone as far as features and labels; with its own settings its network is taken as it is. Others are
kept in ``.phenoprot/other-mae``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from phenoprot.core import runtime

runtime.pin()

import pandas as pd  # noqa: E402 - pinned first
import typer  # noqa: E402
from benchmarks.mae.networks import profile, trained  # noqa: E402

from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.evaluation.compare import compare  # noqa: E402
from phenoprot.evaluation.score import auc_scores  # noqa: E402
from phenoprot.evaluation.settings import EvaluationSettings  # noqa: E402
from phenoprot.features.mae.embed import Weights  # noqa: E402
from phenoprot.features.mae.folder import read_config  # noqa: E402
from phenoprot.features.mae.standardise import CropArray, IntArray  # noqa: E402
from phenoprot.imaging.crops.store import CropStore  # noqa: E402
from phenoprot.pipeline.params import load_params  # noqa: E402
from phenoprot.screens.contract import COMPOUND, WELL_KEY  # noqa: E402
from phenoprot.screens.loader import load_screen  # noqa: E402
from phenoprot.tasks.columns import FOLD, REPEAT  # noqa: E402
from phenoprot.tasks.data import TaskData, align  # noqa: E402
from phenoprot.tasks.folds import folds_of_repeat  # noqa: E402
from phenoprot.tasks.model import Model  # noqa: E402
from phenoprot.tasks.models import find_model  # noqa: E402
from phenoprot.tasks.registry import find_task  # noqa: E402
from phenoprot.tasks.run import settings_of  # noqa: E402
from phenoprot.tasks.settings import ModelSettings  # noqa: E402
from phenoprot.tasks.splits import make_folds, split_groups  # noqa: E402
from phenoprot.tasks.task import LabelSources  # noqa: E402

PARTS = ("classification/up", "classification/down")


@dataclass(frozen=True)
class Without:
    """The crops of a store, but for those of some wells."""

    store: CropStore
    fields: Sequence[IntArray]
    """Indices of the crops of each field that is left."""

    @classmethod
    def of(cls, store: CropStore, left_out: pd.DataFrame) -> Without:
        """Leave out wells, by plate and well."""
        wells = pd.MultiIndex.from_frame(store.index[WELL_KEY])
        gone = wells.isin(pd.MultiIndex.from_frame(left_out[WELL_KEY]))
        return cls(store, [crops for crops in store.fields if not gone[crops[0]]])

    def read(self, indices: IntArray) -> CropArray:
        """As of the store."""
        crops: CropArray = self.store.read(indices)
        return crops


def main(
    screen: Annotated[str, typer.Argument(help="Name of the screen.")] = "phantom",
    root: Annotated[Path, typer.Option(help="Folder of the run.")] = Path(),
    fold: Annotated[int, typer.Option(help="Fold whose compounds are left out.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the folds.")] = 5,
    steps: Annotated[int, typer.Option(help="Of the training; 0: as params.yaml has it.")] = 0,
    models: Annotated[list[str], typer.Option(help="Models.")] = ["linear", "mlp"],  # noqa: B006
) -> None:
    """Print a table: mean AUC of the fold's compounds by each network, and the difference."""
    params = load_params()
    os.chdir(root)
    paths, source = Paths(screen), load_screen(Path("data/screens") / screen)
    wells, store = source.wells(), CropStore.open(paths.crops)
    splits = params.tasks.splits.model_copy(
        update={"repeats": 1, "seed": seed, "kind": "compound", "others": []}
    )
    folds = folds_of_repeat(make_folds(split_groups(wells, None, "compound"), splits), 0)
    tested = wells[wells[COMPOUND].isin(folds.loc[folds[FOLD] == fold, COMPOUND])]
    settings = params.mae
    if steps:
        training = settings.training.model_copy(update={"steps": steps})
        settings = settings.model_copy(update={"training": training})
    networks: dict[str, tuple[Path, Weights]] = {}
    for name, left_out in (("all compounds", tested[:0]), ("without the fold's", tested)):
        crops = Without.of(store, left_out)
        typer.echo(f"{name}: {len(crops.fields)} of {len(store.fields)} fields")
        done = left_out.empty and read_config(paths.mae).settings == settings
        if done:
            folder = paths.mae
        else:
            folder = trained(crops, store, wells, settings, left_out[WELL_KEY].to_numpy().tolist())
        networks[name] = (folder, "trained")
    networks["untrained"] = (networks["all compounds"][0], "initial")
    profiles = {}
    for name, (folder, weights) in networks.items():
        profiles[name] = profile(folder, weights, source, paths.crops, params)
    task = find_task("classification")
    labels = task.labels(LabelSources(paths, source.folder), settings_of(task, params.tasks))
    typer.echo("| part | model | network | mean AUC | minus untrained | minus all compounds |")
    typer.echo("|---|---|---|---|---|---|")
    for part in PARTS:
        for name in models:
            model = find_model(ModelSettings(estimator=name), params.tasks)
            rows = {
                network: of_fold(model, align([profile], labels[part], folds), fold)
                for network, profile in profiles.items()
            }
            for network, row in rows.items():
                mean = auc_scores(row, labels[part]).mean().value
                gains = [
                    difference(row, rows[other], labels[part], params.evaluation)
                    for other in ("untrained", "all compounds")
                ]
                typer.echo(f"| {part} | {name} | {network} | {mean:.3f} | {' | '.join(gains)} |")


def of_fold(model: Model, data: TaskData, fold: int) -> pd.DataFrame:
    """Predictions of the treatments of one fold, as a row of the tables has them."""
    scores = model.cross_validate(
        data.features, data.labels, data.folds, data.groups, "bce", 0, "cpu"
    )
    key = data.key.assign(**{REPEAT: 0}).reset_index(drop=True)
    table = pd.concat([key, pd.DataFrame(scores, columns=data.targets)], axis=1)
    return table[data.folds == fold].reset_index(drop=True)


def difference(
    one: pd.DataFrame, other: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> str:
    """Difference of two rows' mean AUC with its interval, as in the tables."""
    found = compare(("", ""), one, other, labels, settings).result.mean_auc_difference
    if one is other or found is None or found.low is None or found.high is None:
        return "-"
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


if __name__ == "__main__":
    typer.run(main)
