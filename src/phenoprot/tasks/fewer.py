"""Learn from a part of the training compounds: points of a learning curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import COMPOUND
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.folds import hashed_order
from phenoprot.tasks.model import Model


def cross_validate_share(
    model: Model,
    data: TaskData,
    share: float,
    loss: Loss,
    repeat: int,
    seed: Sequence[int],
    device: str,
) -> np.ndarray:
    """Predict every row by a model that saw a share of the training compounds of its fold.

    What is left out is left out altogether: scaling and components do not see it either.

    Parameters
    ----------
    model, data
        What predicts, and from what.
    share
        Of the training compounds, see :func:`kept_groups`.
    loss, repeat, device
        As of :meth:`phenoprot.tasks.model.Model.cross_validate`.
    seed
        Of the draw; each fold has one of its own.

    Returns
    -------
    numpy.ndarray
        (rows, n_targets) float32.

    Raises
    ------
    UserError
        Fewer than two groups of compounds would be left.
    """
    scores = np.full(data.labels.shape, np.nan, dtype=np.float32)
    compounds = data.key[COMPOUND].to_numpy()
    for fold in np.unique(data.folds):
        tested = data.folds == fold
        kept = kept_groups(data.groups[~tested], compounds[~tested], share, (*seed, int(fold)))
        rows = np.flatnonzero(tested | np.isin(data.groups, kept))
        # A model predicts each of two folds from the other one; half of that is not needed.
        found = model.cross_validate(
            data.features[rows],
            data.labels[rows],
            tested[rows].astype(np.int64),
            data.groups[rows],
            loss,
            repeat,
            device,
        )
        scores[tested] = found[tested[rows]]
    return scores


def kept_groups(
    groups: np.ndarray, compounds: np.ndarray, share: float, seed: Sequence[int]
) -> list[str]:
    """Groups that make up a share of the compounds, from the start of a hashed order.

    A group is kept if its middle lies within the share, so that a smaller share is a part of a
    larger one.

    Parameters
    ----------
    groups, compounds
        (rows,): group and compound of each training row.
    share, seed
        Share of the compounds; numbers that draw the order.

    Raises
    ------
    UserError
        Fewer than two groups would be left: inner splits need as many.
    """
    size = pd.Series(compounds).groupby(groups).nunique()
    size = size.reindex(hashed_order(size.index, seed))
    middles = size.cumsum() - size / 2
    kept = list(size.index[middles <= share * size.sum()])
    if len(kept) < 2:
        raise UserError(
            f"a share of {share:g} of the {size.sum()} training compounds of a fold is {len(kept)} "
            "group(s) of compounds, too few to learn from",
            where="params.yaml: train_share",
            remedy="Raise the share.",
        )
    return kept
