"""The models of the outer folds, as functions of what groups of features add to their inputs.

Both of our models see a fold's features through a linear map: standardised by the training part,
projected on its principal components. So a component is a sum of parts, one of each group of
features, and a group can be exchanged among the test rows, or left alone, without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from phenoprot.core.errors import UserError, quoted
from phenoprot.tasks.data import TaskData
from phenoprot.tasks.fit_settings import Loss
from phenoprot.tasks.folds import inner_holdouts
from phenoprot.tasks.linear import Linear
from phenoprot.tasks.mlp import predict
from phenoprot.tasks.model import Model
from phenoprot.tasks.nested import FoldModel, Mlp, nested_mlp
from phenoprot.tasks.ridge import Products, best_penalty, ridge_weights
from phenoprot.tasks.scaling import Scaler, principal_components, scale_features, train_rows


@dataclass(frozen=True)
class FittedFold:
    """The model of one outer fold, and the rows that it has not seen."""

    test: np.ndarray
    """Numbers of the n test rows."""
    features: np.ndarray
    """(n, n_features): standardised and clipped by the training part."""
    axes: np.ndarray
    """(n_features, inputs): from these to the inputs of the model."""
    predict: Callable[[np.ndarray], np.ndarray]
    """From inputs (rows, inputs) to scores (rows, targets)."""
    weights: np.ndarray | None
    """(inputs, targets): slopes of the scores, if they are linear in the inputs."""

    def parts(self, columns: Sequence[np.ndarray]) -> np.ndarray:
        """(groups, n, inputs): what the features of each group add to the inputs."""
        return np.stack([self.features[:, own] @ self.axes[own] for own in columns])


def fitted_folds(
    model: Model, data: TaskData, loss: Loss, repeat: int, device: str
) -> list[FittedFold]:
    """Cross-validate a model as the tables do, and keep the model of each outer fold.

    Parameters
    ----------
    model
        `Linear`, or `Mlp` with principal components.
    data
        Features, labels and folds.
    loss, repeat, device
        As of :meth:`phenoprot.tasks.model.Model.cross_validate`.

    Raises
    ------
    UserError
        It is another model.
    """
    if isinstance(model, Linear):
        return _fitted_linear(model, data, repeat)
    if isinstance(model, Mlp) and model.settings.network.components is not None:
        return _fitted_mlp(model, data, loss, repeat, device)
    raise UserError(
        f"no contributions of features are known of model {quoted(model.name)}",
        where="params.yaml: contributions",
        remedy="Ask for those of rows of model linear, or of mlp with tasks.mlp.components.",
    )


def _fitted_linear(model: Linear, data: TaskData, repeat: int) -> list[FittedFold]:
    linear, fitted = model.settings.linear, []
    for i, fold in enumerate(np.unique(data.folds)):
        train, test = train_rows(data.folds, fold), np.flatnonzero(data.folds == fold)
        scaled = scale_features(data.features, train, model.settings.clip)
        x = principal_components(scaled, train, linear.components)
        holdouts = list(inner_holdouts(data.groups, train, linear.inner, (linear.seed, repeat, i)))
        products = Products(x, ~np.isnan(data.labels), train, holdouts)
        penalty = best_penalty(products, data.labels, linear.penalties)
        scaler = Scaler.fit(data.labels[train])
        weights, intercepts = ridge_weights(
            x, scaler.scale(data.labels), train, [penalty], products
        )
        slopes, level = weights[0] * scaler.sd, scaler.restore(intercepts[0])
        seen = scaled[test].astype(np.float64)
        line = partial(_line, slopes=slopes, level=level)
        fitted.append(FittedFold(test, seen, _axes(scaled, x, train), line, slopes))
    return fitted


def _line(inputs: np.ndarray, slopes: np.ndarray, level: np.ndarray) -> np.ndarray:
    return inputs @ slopes + level


def _axes(scaled: np.ndarray, x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The axes (n_features, components) of components `x` (rows, components) of `scaled`.

    With scores X V = U S of the training rows, X' U S / S^2 = V.
    """
    squares = np.maximum((x[train].astype(np.float64) ** 2).sum(axis=0), np.finfo(float).tiny)
    axes: np.ndarray = scaled[train].astype(np.float64).T @ (x[train] / squares)
    return axes


def _fitted_mlp(
    model: Mlp, data: TaskData, loss: Loss, repeat: int, device: str
) -> list[FittedFold]:
    settings, fitted = model.settings, []
    components = settings.network.components
    assert components is not None  # fitted_folds has seen to it
    result = nested_mlp(
        data.features, data.labels, data.folds, data.groups, settings, loss, repeat, device
    )
    for fold, network in zip(np.unique(data.folds), result.models, strict=True):
        train, test = train_rows(data.folds, fold), np.flatnonzero(data.folds == fold)
        scaled = scale_features(data.features, train, settings.clip)
        x = principal_components(scaled, train, components)
        # As common_scale has it: one factor for all components.
        square = float((x[train] ** 2).mean())
        axes = _axes(scaled, x, train) / (np.sqrt(square) if square > 0 else 1.0)
        inputs = network.networks[0][0].shape[0]  # a fold of lower rank ends in zeros
        fitted.append(
            FittedFold(
                test,
                scaled[test].astype(np.float64),
                np.pad(axes, ((0, 0), (0, inputs - axes.shape[1]))),
                _predictor(network, data.labels.shape[1]),
                None,
            )
        )
    return fitted


def _predictor(model: FoldModel, targets: int) -> Callable[[np.ndarray], np.ndarray]:
    """The mean of the networks of a fold, as :func:`phenoprot.tasks.nested.nested_mlp` has it."""

    def mean(inputs: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(inputs.astype(np.float32)).to(model.networks[0][0].device)
        outputs = [predict(weights, x, model.config) for weights in model.networks]
        output: np.ndarray = torch.stack(outputs).mean(dim=0)[:, :targets].cpu().numpy()
        return output if model.labels is None else model.labels.restore(output)

    return mean
