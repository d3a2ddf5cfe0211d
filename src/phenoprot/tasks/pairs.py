"""Predictions by models that have seen neither of two test folds: what a stack may learn from."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from phenoprot.tasks.columns import FOLD, WITHOUT
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.model import Model


def cross_validate_pairs(
    model: Model, data: TaskData, loss: Loss, repeat: int, device: str
) -> pd.DataFrame:
    """Predict every row by models without its own fold and one other.

    One model for each pair of folds predicts both of them.

    Parameters
    ----------
    model, data
        What predicts, and from what.
    loss, repeat, device
        As of :meth:`phenoprot.tasks.model.Model.cross_validate`.

    Returns
    -------
    pandas.DataFrame
        The key of the rows, `WITHOUT` (the other fold) and one float32 score per target; each row
        once for each fold but its own.
    """
    parts = []
    for pair in combinations(np.unique(data.folds), 2):
        left_out = np.isin(data.folds, pair)
        scores = model.cross_validate(
            data.features,
            data.labels,
            np.where(left_out, 1, -1),
            data.groups,
            loss,
            repeat,
            device,
        )
        key = data.key[left_out]
        other = np.where(key[FOLD] == pair[0], pair[1], pair[0])
        found = pd.DataFrame(scores[left_out], columns=data.targets, index=key.index)
        parts.append(pd.concat([key.assign(**{WITHOUT: other}), found], axis=1))
    return pd.concat(parts, ignore_index=True)
