"""Model ``linear``: a regularised linear model on the same features. Is the MLP any better?

Principal components of the training part, then ridge regression per target. For labels 1 / 0 the
ridge score ranks as a least-squares classifier, which is all that an AUC looks at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phenoprot.tasks.fit_settings import LinearModelSettings, Loss
from phenoprot.tasks.folds import inner_holdouts
from phenoprot.tasks.model import BOTH, refuse_parameters
from phenoprot.tasks.ridge import (
    FEW_ROWS,
    Products,
    best_penalty,
    blocks,
    ridge_path,
    ridge_weights,
)
from phenoprot.tasks.scaling import (
    Scaler,
    principal_components,
    scale_features,
    tested_folds,
    train_rows,
)

if TYPE_CHECKING:
    from phenoprot.tasks.settings import TaskSettings


@dataclass(frozen=True)
class Linear:
    """Principal components and ridge regression; the penalty is chosen inside each fold."""

    settings: LinearModelSettings
    name = "linear"
    scorers = BOTH
    on_device = False

    @classmethod
    def make(cls, settings: TaskSettings, parameters: Mapping[str, Any]) -> Linear:
        """The model as ``tasks`` of params.yaml has it."""
        refuse_parameters(cls.name, parameters, "tasks.linear")
        return cls(LinearModelSettings(linear=settings.linear, clip=settings.clip))

    def cross_validate(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        folds: np.ndarray,
        groups: np.ndarray,
        loss: Loss,
        repeat: int,
        device: str,
    ) -> np.ndarray:
        """Scores (rows, n_targets) float32: least squares whatever the loss, on the CPU."""
        del loss, device
        return nested_linear(features, labels, folds, groups, self.settings, repeat)


def nested_linear(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray,
    settings: LinearModelSettings,
    repeat: int = 0,
) -> np.ndarray:
    """Cross-validate principal components and ridge; the penalty is chosen inside each fold.

    Arguments as in :func:`phenoprot.tasks.nested.nested_mlp`. The penalty with the lowest squared
    error on the inner hold-outs (in training-part standard deviations, over all targets) wins.

    Returns
    -------
    numpy.ndarray
        (rows, n_targets) float32: scores, or levels in the labels' own units.
    """
    linear = settings.linear
    scores = np.full(labels.shape, np.nan, dtype=np.float32)
    names = np.unique(folds).tolist()
    for fold in tested_folds(folds):
        i = names.index(fold)  # a fold draws the same inner splits whichever others are tested
        train, test = train_rows(folds, fold), np.flatnonzero(folds == fold)
        scaled = scale_features(features, train, settings.clip)
        x = principal_components(scaled, train, linear.components)
        del scaled
        holdouts = inner_holdouts(groups, train, linear.inner, (linear.seed, repeat, i))
        products = Products(x, ~np.isnan(labels), train, holdouts)
        best = best_penalty(products, labels, linear.penalties)
        if len(train) > FEW_ROWS:
            _predict(scores, x, labels, test, products, best)
            continue
        scaler = Scaler.fit(labels[train])
        path = ridge_path(x, scaler.scale(labels), train, [best])
        scores[test] = scaler.restore(path[0][test])
    return scores


def _predict(
    scores: np.ndarray,
    x: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    products: Products,
    penalty: float,
) -> None:
    """Fill in the scores of the test rows, block by block of targets."""
    weights, intercepts = ridge_weights(x, labels, products.train, [penalty], products)
    for some in blocks(labels.shape[1]):
        scores[test, some] = x[test] @ weights[0][:, some] + intercepts[0, some]
