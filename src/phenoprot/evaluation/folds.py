"""What all scores share: labels beside predictions, test folds, draws of compounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from phenoprot.screens.contract import COMPOUND, CONCENTRATION
from phenoprot.tasks.columns import FOLD, LABELS_OF, REPEAT


def label_rows(predictions: pd.DataFrame, labels: pd.DataFrame) -> np.ndarray:
    """Row (rows,) of the label matrix that each prediction is scored against; -1 without one.

    Parameters
    ----------
    predictions, labels
        The keys of both; other columns are not looked at. One line of `labels` per key.
    """
    key = [column for column in (COMPOUND, CONCENTRATION) if column in labels]
    wanted = predictions[[CONCENTRATION]].assign(**{COMPOUND: predictions[LABELS_OF]})[key]
    numbered = labels[key].assign(number=np.arange(len(labels)))
    found = wanted.merge(numbered, how="left", on=key, validate="many_to_one")["number"]
    return found.fillna(-1).to_numpy(dtype=np.int64)


def repeats_of(predictions: pd.DataFrame) -> list[list[np.ndarray]]:
    """Row numbers of each test fold, by repeat."""
    by_fold = predictions.groupby([REPEAT, FOLD], sort=True).indices
    repeats: dict[object, list[np.ndarray]] = {}
    for (repeat, _), rows in by_fold.items():
        repeats.setdefault(repeat, []).append(np.asarray(rows))
    return list(repeats.values())


def mean_over_folds(values: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over folds (first axis) where a fold has a value; NaN where none has.

    Rounded to 12 decimals: the mean of three 0.7 is 0.6999999999999998, and reaches 0.7.
    """
    return np.round(mean_of_present(np.stack(values), axis=0), 12)


def mean_of_present(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is there along `axis`; NaN where nothing is."""
    present = ~np.isnan(values)
    n = present.sum(axis=axis)
    return np.where(present, values, 0.0).sum(axis=axis) / np.where(n > 0, n, np.nan)
