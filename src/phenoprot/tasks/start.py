"""Where a network starts that is to learn what a linear model leaves: at a ridge regression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.mlp import base_rate
from phenoprot.tasks.ridge import ridge_weights


class LinearStart(NamedTuple):
    """A linear model: the first linear path and output bias of a network."""

    weights: Tensor
    """(n_features, n_targets) float32."""
    bias: Tensor
    """(n_targets,) float32."""


def linear_start(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, penalty: float, loss: Loss
) -> LinearStart:
    """Ridge regression of the training rows, on the scale of the network's outputs.

    For ``bce`` that of the labels 1 / 0, divided by p (1 - p), the slope of p by its log odds, at
    the base rate p: the first Newton step of a logistic regression that starts there.

    Parameters
    ----------
    x, y, train
        (rows, n_features) and (rows, n_targets) of one fold; NaN in `y` is left out. Rows to fit.
    penalty, loss
        The penalty; objective of the network.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    weights, intercepts = (part[0] for part in ridge_weights(x, y, train, [penalty]))
    known = ~np.isnan(y[train])
    level = np.where(known, y[train], 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    base = base_rate(torch.from_numpy(y[train]), loss).numpy().astype(np.float64)
    steepness = np.ones_like(base)
    if loss == "bce":
        rate = 1 / (1 + np.exp(-base))
        steepness = 1 / (rate * (1 - rate))
    bias = base + (intercepts - level) * steepness
    return LinearStart(
        torch.from_numpy((weights * steepness).astype(np.float32)),
        torch.from_numpy(bias.astype(np.float32)),
    )
