"""How well the direction of each protein is classified: by training compounds alone, and by all.

The poster predicts the levels of those 2,944 of 6,782 genes that its classification did best. If a
cross-validation of all compounds chooses, the test compounds have a say in which proteins they are
tested on. Inside the training part of each fold they have none; the difference is the optimism.

The import closure of this module and of the model's is the code in the key of each result.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import write_parquet
from phenoprot.screens.contract import COMPOUND, PROTEIN, TREATMENT_KEY, feature_columns
from phenoprot.tasks.classification import classification_labels
from phenoprot.tasks.columns import FOLD, LABEL_COLUMNS, LABELS_OF, PREDICTION_COLUMNS, REPEAT
from phenoprot.tasks.data import TaskData, align
from phenoprot.tasks.fit_settings import SplitKind
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, read_folds
from phenoprot.tasks.model import Model
from phenoprot.tasks.scaling import train_rows
from phenoprot.tasks.settings import ClassificationSettings

INSIDE_AUC, ALL_AUC, INSIDE, ALL = "inside_auc", "all_auc", "inside", "all"
"""Columns: the better AUC of UP and DOWN, of the training compounds and of all; who is chosen."""
RESULT = "aucs.parquet"
"""The file of a shard."""


@dataclass(frozen=True)
class InnerClassification:
    """The payload of a shard: one direction, in all outer folds of one repeat."""

    direction: str
    """``up`` or ``down``."""
    labels: Path
    """``labels.parquet``."""
    features: tuple[Path, ...]
    """Treatment profiles, set side by side."""
    folds: Path
    """Fold table."""
    kind: SplitKind
    """Kind of the folds."""
    model: Model
    """What predicts."""
    limits: ClassificationSettings
    """Fewest positives and negatives of a protein among all compounds."""
    repeat: int
    """Number of the draw of the folds."""


def compute(payload: tuple[InnerClassification, str], folder: Path) -> None:
    """In a worker process: the table of :func:`aucs_inside`."""
    run, device = payload
    any_label = ClassificationSettings(min_positives=1, min_negatives=1)
    table = read_table(run.labels, LABEL_COLUMNS)
    data = align(
        [read_table(path, TREATMENT_KEY) for path in run.features],
        classification_labels(table, run.direction, any_label),
        folds_of_repeat(folds_of_kind(read_folds(run.folds), run.kind), run.repeat),
    )
    write_parquet(folder / RESULT, aucs_inside(run.model, data, run.limits, run.repeat, device))


def aucs_inside(
    model: Model, data: TaskData, limits: ClassificationSettings, repeat: int, device: str
) -> pd.DataFrame:
    """AUC of each protein in an inner cross-validation of the training part of each outer fold.

    The other outer folds are the inner ones. A protein enters if it has as many positives and
    negatives among the training compounds as `limits` asks for, in proportion to their number.

    Parameters
    ----------
    model
        What predicts.
    data
        Features, labels of one direction, outer folds.
    limits
        Fewest positives and negatives among all compounds.
    repeat, device
        As of :meth:`phenoprot.tasks.model.Model.cross_validate`.

    Returns
    -------
    pandas.DataFrame
        ``Fold``, ``Metadata_Protein``, ``inside_auc``; those that enter.
    """
    first = ~data.key[COMPOUND].duplicated().to_numpy()  # one row per compound, which has one label
    tables = []
    for fold in np.unique(data.folds):
        train = train_rows(data.folds, fold)
        labels, once = data.labels[train], first[train]
        share = once.sum() / first.sum()
        enters = ((labels[once] == 1).sum(axis=0) >= share * limits.min_positives) & (
            (labels[once] == 0).sum(axis=0) >= share * limits.min_negatives
        )
        if not enters.any():
            continue
        labels, inner = labels[:, enters], data.folds[train]
        scores = model.cross_validate(
            data.features[train], labels, inner, data.groups[train], "bce", repeat, device
        )
        names = np.array(data.targets, dtype=object)[enters]
        aucs = auc_within_folds(labels, scores, inner)
        tables.append(pd.DataFrame({FOLD: fold, PROTEIN: names, INSIDE_AUC: aucs}))
    if not tables:
        none = pd.DataFrame({FOLD: [], PROTEIN: [], INSIDE_AUC: []})
        return none.astype({FOLD: "int64", PROTEIN: "str"})
    return pd.concat(tables, ignore_index=True)


def aucs_of_all(predictions: Path, labels: Path) -> pd.DataFrame:
    """AUC of each protein in the cross-validation of all compounds, repeat by repeat.

    Parameters
    ----------
    predictions, labels
        Tables of a row and of its part.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Repeat``, ``Metadata_Protein``, ``all_auc``.

    Raises
    ------
    UserError
        A table is missing or damaged.
    """
    known = read_table(labels, [COMPOUND]).set_index(COMPOUND)
    names = feature_columns(known)
    tables = []
    for repeat, own in read_table(predictions, [*PREDICTION_COLUMNS, *names]).groupby(REPEAT):
        true = known.reindex(own[LABELS_OF])[names].to_numpy()
        aucs = auc_within_folds(true, own[names].to_numpy(), own[FOLD].to_numpy())
        tables.append(pd.DataFrame({REPEAT: repeat, PROTEIN: names, ALL_AUC: aucs}))
    return pd.concat(tables, ignore_index=True)


def auc_within_folds(labels: np.ndarray, scores: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """ROC AUC within each fold, and the mean over folds weighted by their positives.

    By the ranks of the positives (Mann & Whitney 1947, doi:10.1214/aoms/1177730491), ties by half.

    Parameters
    ----------
    labels, scores
        (rows, targets): 1, 0 or NaN; finite.
    folds
        (rows,): fold of each row.

    Returns
    -------
    numpy.ndarray
        (targets,); NaN where no fold has both classes.
    """
    total, weight = np.zeros(labels.shape[1]), np.zeros(labels.shape[1])
    for fold in np.unique(folds):
        own, rated = labels[folds == fold], scores[folds == fold]
        positive, negative = own == 1, (own == 0).sum(axis=0)
        n = positive.sum(axis=0)
        # Rows without a label rank behind all others.
        ranks = rankdata(np.where(np.isnan(own), np.inf, rated), axis=0)
        above = np.where(positive, ranks, 0).sum(axis=0) - n * (n + 1) / 2
        total += above / np.maximum(negative, 1) * (negative > 0)
        weight += n * (negative > 0)
    return total / np.where(weight > 0, weight, np.nan)
