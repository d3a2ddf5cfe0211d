"""Choose the proteins of the regression by the classification: inside each fold, and by all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import CPU, choose_device, device_name
from phenoprot.core.errors import UserError, quoted
from phenoprot.core.files import file_sha256, fingerprint, write_parquet
from phenoprot.core.paths import WORK, Paths
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.screens.contract import PROTEIN, TREATMENT_KEY, feature_columns
from phenoprot.tasks import selection
from phenoprot.tasks.classification import DOWN, TASK, UP
from phenoprot.tasks.columns import FOLD, REPEAT, ROWS
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.models import find_model
from phenoprot.tasks.regression import regression_labels
from phenoprot.tasks.selection import (
    ALL,
    ALL_AUC,
    INSIDE,
    INSIDE_AUC,
    RESULT,
    InnerClassification,
    aucs_of_all,
)
from phenoprot.tasks.settings import RowSettings, SelectionSettings, TaskSettings

DIRECTIONS = ("up", "down")
KEY = [REPEAT, FOLD, PROTEIN]
TYPES = {INSIDE_AUC: "float64", ALL_AUC: "float64", INSIDE: "bool", ALL: "bool"}
_PLACE = "params.yaml: tasks.regression.selection.row"


def choose_proteins(
    paths: Paths,
    rows: Mapping[str, RowSettings],
    settings: TaskSettings,
    execution: ExecutionSettings,
) -> None:
    """Write ``paths.chosen``: a line per repeat, outer fold and protein of the regression.

    Columns: ``Metadata_Repeat``, ``Fold``, ``Metadata_Protein``; ``inside_auc`` and ``all_auc``,
    the better of UP and DOWN (NaN: too few labels), see :mod:`phenoprot.tasks.selection`;
    ``inside`` and ``all``: whether it is chosen. No line if nothing is to be chosen.

    Parameters
    ----------
    paths
        Paths of the screen's artefacts: profiles, labels, folds, predictions of the classification.
    rows, settings
        Rows of the screen, and the block ``tasks`` of params.yaml.
    execution
        Where and how many at a time; the results do not depend on it.

    Raises
    ------
    UserError
        A file is missing or damaged; the row that chooses is none of the tables, or has shuffled
        labels; there are two folds only.
    """
    chosen = settings.regression.selection
    if chosen is None or not _is_there(chosen.row, rows, paths.screen):
        empty = pd.DataFrame({column: [] for column in KEY} | {c: [] for c in TYPES})
        types = {REPEAT: "int64", FOLD: "int64", PROTEIN: "str", **TYPES}
        write_parquet(paths.chosen, empty.astype(types))
        return
    row = rows[chosen.row]
    if row.variant or row.shuffled or row.model is None:
        raise UserError(
            f"row {quoted(chosen.row)} has shuffled labels, other folds, fewer compounds or no "
            "model",
            where=_PLACE,
            remedy="Name a plain row.",
        )
    if settings.splits.folds < 3:
        raise UserError(
            "with 2 folds the training part is one fold, which has no inner folds",
            where="params.yaml: tasks.splits.folds",
            remedy="Take 3 folds or more, or set tasks.regression.selection to null.",
        )
    write_parquet(paths.chosen, _chosen(paths, row, chosen, settings, execution))


def _is_there(name: str, rows: Mapping[str, RowSettings], screen: str) -> bool:
    there = name in rows and rows[name].takes_part(TASK.name)
    if not there:
        text = "no proteins are chosen for the regression: no row of the classification is called"
        sys.stderr.write(f"{screen}: {text} {quoted(name)}\n")
    return there


def _chosen(
    paths: Paths,
    row: RowSettings,
    chosen: SelectionSettings,
    settings: TaskSettings,
    execution: ExecutionSettings,
) -> pd.DataFrame:
    levels = read_table(paths.labels / "levels.parquet", TREATMENT_KEY)
    proteins = feature_columns(regression_labels(levels, settings.regression))
    splits = settings.splits
    grid = [range(splits.repeats), range(splits.folds), proteins]
    table = pd.DataFrame(index=pd.MultiIndex.from_product(grid, names=KEY)).reset_index()
    inside = _better(_inside(paths, row, settings, execution), INSIDE_AUC)
    parts = [paths.predictions(part.name) for part in (UP, DOWN)]
    everyone = _better(
        [aucs_of_all(p / ROWS / f"{chosen.row}.parquet", p / "labels.parquet") for p in parts],
        ALL_AUC,
    )
    table = table.merge(inside, how="left", on=KEY)
    table = table.merge(everyone, how="left", on=[REPEAT, PROTEIN])
    # A comparison with NaN is false: what cannot be judged is not chosen.
    enough = {INSIDE: table[INSIDE_AUC] >= chosen.min_auc, ALL: table[ALL_AUC] >= chosen.min_auc}
    return table.assign(**enough).astype(TYPES)


def _better(tables: list[pd.DataFrame], auc: str) -> pd.DataFrame:
    """The greater AUC of several tables, line by line; that of one if the others have none."""
    series = [table.set_index([c for c in table.columns if c != auc])[auc] for table in tables]
    best: pd.Series = reduce(lambda one, two: one.combine(two, np.fmax), series)
    return best.rename(auc).reset_index()


def _inside(
    paths: Paths, row: RowSettings, settings: TaskSettings, execution: ExecutionSettings
) -> list[pd.DataFrame]:
    """AUCs inside the training parts, of UP and of DOWN."""
    assert row.model is not None  # choose_proteins has seen to it
    model = find_model(row.model, settings, _PLACE)
    features = tuple(paths.profiles / f"{name}.parquet" for name in row.features)
    labels = paths.labels / "labels.parquet"
    folds = folds_of_kind(read_folds(paths.folds), settings.splits.kind, "tasks.splits.kind")
    device = choose_device() if model.on_device else CPU
    shards = []
    for direction in DIRECTIONS:
        for repeat in range(settings.splits.repeats):
            run = InnerClassification(
                *(direction, labels, features, paths.folds, settings.splits.kind, model),
                *(settings.classification, repeat),
            )
            key = fingerprint(
                [direction, repeat, model.name, model.settings.model_dump()],
                settings.classification.model_dump(),
                folds_of_repeat(folds, repeat).to_numpy().tolist(),
                [file_sha256(path) for path in (labels, *features)],
                device_name(device),
                code_fingerprint(selection.__name__, type(model).__module__),
            )
            shards.append(Shard(f"{direction} {repeat + 1}", key, payload=(run, device)))
    title = f"{paths.screen} choose"
    folders = iter(run_shards(selection.compute, shards, WORK / "selection", title, execution))
    return [_stacked(islice(folders, settings.splits.repeats)) for _ in DIRECTIONS]


def _stacked(folders: Iterable[Path]) -> pd.DataFrame:
    tables = [read_table(f / RESULT).assign(**{REPEAT: i}) for i, f in enumerate(folders)]
    return pd.concat(tables, ignore_index=True)
