"""Predictions beside their labels, a block of targets at a time.

Tables of predictions and labels have one column per target. They are given as frames, or as files
of which no more than a block of columns is in memory. The scores do not depend on the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError, listed
from phenoprot.evaluation.folds import label_rows
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, feature_columns

VALUES = 2**23
"""Numbers in one array of a block, of rows x targets: 64 MiB."""


class WideFile:
    """A parquet table that a stage wrote, with keys and one column per target.

    Parameters
    ----------
    path
        The table.
    needed
        Keys that it must have.

    Raises
    ------
    UserError
        The file is missing or damaged, or lacks a key.
    """

    def __init__(self, path: Path, needed: Sequence[str]) -> None:
        self.path = path
        read_table(path, columns=[])  # says what is wrong with a file that has no schema
        schema = pq.read_schema(path)
        # An index that pandas wrote is no column of the table, as in a frame.
        index = (schema.pandas_metadata or {}).get("index_columns", [])
        self.columns = [name for name in schema.names if name not in index]
        present = [name for name in (*needed, CONCENTRATION) if name in self.columns]
        self.key = read_table(path, needed, columns=list(dict.fromkeys(present)))

    def values(self, names: Sequence[str]) -> pd.DataFrame:
        """Some of the columns."""
        return read_table(self.path, columns=names)


Wide: TypeAlias = pd.DataFrame | WideFile
"""Predictions, or labels: keys and one column per target."""


def key_of(table: Wide) -> pd.DataFrame:
    """The table, or of a file its keys."""
    return table if isinstance(table, pd.DataFrame) else table.key


def targets_of(labels: Wide) -> list[str]:
    """Targets of a label matrix."""
    if isinstance(labels, pd.DataFrame):
        return feature_columns(labels)
    return [name for name in labels.columns if not name.startswith("Metadata_")]


def values_of(table: Wide, names: Sequence[str]) -> np.ndarray:
    """Values (targets, rows) of some targets, float64, target by target in memory."""
    own = table if isinstance(table, pd.DataFrame) else table.values(names)
    return np.ascontiguousarray(own[list(names)].to_numpy(dtype=np.float64).T)


def slices(n_targets: int, n_rows: int) -> list[slice]:
    """Blocks of targets.

    None is of a single one, unless that is all: numpy adds up the values of a single column in
    another order than those of several.
    """
    n = max(1, n_targets // max(2, VALUES // max(n_rows, 1)))
    ends = [n_targets * i // n for i in range(n + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


@dataclass(frozen=True)
class Block:
    """Some targets."""

    where: slice
    """Their numbers."""
    names: list[str]
    own_labels: np.ndarray
    """(targets, rows of the label matrix)."""
    labels: np.ndarray
    """(targets, rows): those that the predictions are scored against; NaN where there is none."""
    scores: np.ndarray
    """(targets, rows)."""


def in_blocks(
    predictions: Wide, labels: Wide, targets: Sequence[str] | None = None
) -> Iterator[Block]:
    """Targets of a label matrix, beside the predictions of them.

    Parameters
    ----------
    predictions
        Treatments with fold, repeat and one score per target.
    labels
        By compound, or by treatment.
    targets
        Some of the targets; None: all.

    Raises
    ------
    UserError
        A file is damaged, or a prediction is no finite number.
    """
    names = targets_of(labels) if targets is None else list(targets)
    at = label_rows(key_of(predictions), key_of(labels))
    for where in slices(len(names), len(at)):
        of_block = names[where]
        own = values_of(labels, of_block)
        # Where there is no label, the number of the row is -1: that of the NaN at the end.
        padded = np.concatenate([own, np.full((len(own), 1), np.nan)], axis=1)
        scores = values_of(predictions, of_block)
        _require_finite(predictions, of_block, scores)
        yield Block(where, of_block, own, padded.take(at, axis=1), scores)


def _require_finite(predictions: Wide, names: Sequence[str], scores: np.ndarray) -> None:
    """Stop at a score that is in no order with others, or at no distance from a level."""
    wrong = ~np.isfinite(scores)
    if wrong.any():
        of_targets = [names[number] for number in np.flatnonzero(wrong.any(axis=1)).tolist()]
        raise UserError(
            f"{wrong.sum()} prediction(s) of {len(of_targets)} target(s) are no finite numbers: "
            f"{listed(of_targets)}",
            where="predictions" if isinstance(predictions, pd.DataFrame) else str(predictions.path),
            remedy="If the model diverged, change its settings in params.yaml; then `dvc repro`.",
        )


def labels_of_compounds(labels: Wide, compounds: np.ndarray) -> np.ndarray:
    """Labels (compounds, targets) of some compounds; NaN for those that have none.

    Parameters
    ----------
    labels
        By compound.
    compounds
        (compounds,): names.
    """
    names, key = targets_of(labels), key_of(labels)
    at = pd.Index(key[COMPOUND]).get_indexer(compounds)
    found = np.full((len(names), len(compounds)), np.nan)
    for where in slices(len(names), len(key)):
        found[where] = np.where(at >= 0, values_of(labels, names[where]).take(at, axis=1), np.nan)
    return found.T
