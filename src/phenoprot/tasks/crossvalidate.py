"""One cross-validation: what a worker process computes.

The import closure of this module and of the model's is the code in the key of each result, so it
imports neither tasks nor the registry of models, neither execution nor reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY
from phenoprot.tasks.columns import GAUGE, PAIRS, REPEAT, ROWS, VARIANTS
from phenoprot.tasks.data import align, split_by_treatment
from phenoprot.tasks.fewer import cross_validate_share
from phenoprot.tasks.fit_settings import Loss, SplitKind, SplitSettings
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.model import Model
from phenoprot.tasks.pairs import cross_validate_pairs
from phenoprot.tasks.predictions import write_predictions

RESULT = "predictions.parquet"
"""The file of a shard."""


@dataclass(frozen=True)
class CrossValidation:
    """One nested cross-validation: the payload of a shard."""

    row: str
    """Name of the table row."""
    folder: Path
    """Holds ``labels.parquet``; predictions go beside it."""
    features: tuple[Path, ...]
    """Treatment profiles, set side by side."""
    folds: Path
    """Fold table."""
    model: Model
    """What predicts, with its settings."""
    splits: SplitSettings
    """Seeds of shuffled labels and of the gauge's folds."""
    loss: Loss
    """Objective of the task."""
    repeat: int
    """Number of the draw of the folds."""
    shuffled: bool = False
    """Whether labels are permuted among the compounds, anew in each repeat."""
    leak_gauge: bool = False
    """Folds of treatments instead of compounds."""
    kind: SplitKind = "compound"
    """Kind of the folds."""
    train_share: float = 1.0
    """Share of the training compounds of each fold that are learned from."""
    pairs: bool = False
    """Models without two folds each, see :mod:`phenoprot.tasks.pairs`."""
    variant: bool = False
    """Whether it is no row of the tables, but one with other folds or fewer compounds."""

    @property
    def labels(self) -> Path:
        """The label matrix."""
        return self.folder / "labels.parquet"

    @property
    def name(self) -> str:
        """Name of the shard."""
        kind = " leak gauge" if self.leak_gauge else " pairs" if self.pairs else ""
        return f"{self.folder.name} {self.row}{kind} {self.repeat + 1}"

    @property
    def predictions(self) -> Path:
        """Where its predictions go: those of gauges, pairs and variants are no rows of a table."""
        kind = VARIANTS if self.variant else PAIRS if self.pairs else ROWS
        return self.folder / (GAUGE if self.leak_gauge else kind) / f"{self.row}.parquet"


def predict(run: CrossValidation, device: str = "cpu") -> pd.DataFrame:
    """Cross-validate and predict every treatment from the folds that do not hold it.

    Parameters
    ----------
    run
        Model, features, labels and folds.
    device
        Torch device of the model.

    Returns
    -------
    pandas.DataFrame
        Treatment, fold, ``Metadata_LabelsOf``, ``Metadata_Repeat`` and one float32 score per
        target; of pairs also ``Metadata_Without``.

    Raises
    ------
    UserError
        A file is damaged, or the model cannot be fitted.
    """
    seed = (run.splits.seed, run.repeat)
    data = align(
        [read_table(path, TREATMENT_KEY) for path in run.features],
        read_table(run.labels, [COMPOUND]),
        folds_of_repeat(folds_of_kind(read_folds(run.folds), run.kind), run.repeat),
        shuffle_seed=seed if run.shuffled else None,
    )
    if run.leak_gauge:
        data = split_by_treatment(data, run.splits.folds, seed)
    if run.pairs:
        table = cross_validate_pairs(run.model, data, run.loss, run.repeat, device)
        return table.assign(**{REPEAT: run.repeat})
    if run.train_share < 1:
        scores = cross_validate_share(
            run.model, data, run.train_share, run.loss, run.repeat, seed, device
        )
    else:
        scores = run.model.cross_validate(
            data.features, data.labels, data.folds, data.groups, run.loss, run.repeat, device
        )
    predictions = pd.DataFrame(scores, columns=data.targets)
    return pd.concat([data.key.assign(**{REPEAT: run.repeat}), predictions], axis=1)


def compute(payload: tuple[CrossValidation, str], folder: Path) -> None:
    """In a worker process: the result of one shard, from a cross-validation and its device."""
    write_predictions(folder / RESULT, predict(*payload))
