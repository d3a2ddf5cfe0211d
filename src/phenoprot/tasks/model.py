"""What a model is: all that is fitted inside the folds of one cross-validation.

A model is a small picklable object that holds its own settings and no others, so that its results
are computed again when these change, and only then. It is declared in one module and found by its
name in :mod:`phenoprot.tasks.models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.settings import Settings
from phenoprot.tasks.fit_settings import Loss, Scorer

BOTH: frozenset[Scorer] = frozenset({"auc", "levels"})
"""Of a model for 1 / 0 labels and for levels."""


class Model(Protocol):
    """Predicts labels from features; equal settings give equal predictions."""

    @property
    def name(self) -> str:
        """Name of the model, as a row of params.yaml has it."""
        ...

    @property
    def settings(self) -> Settings:
        """All parameters that its predictions depend on: they are in the key of each result."""
        ...

    @property
    def scorers(self) -> frozenset[Scorer]:
        """Kinds of tasks that it can take part in, by how they are scored."""
        ...

    @property
    def on_device(self) -> bool:
        """Whether it computes on the GPU where there is one: then that is in the key, too."""
        ...

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
        """Predict every row from the rows of the other folds.

        Whatever is fitted (scaling, hyperparameters, weights) may see the rows outside the fold
        only, of features and of labels.

        Parameters
        ----------
        features
            (rows, n_features) float32; NaN is a missing value.
        labels
            (rows, n_targets) float32: 1 / 0 for loss ``bce``, levels otherwise; NaN is masked.
        folds, groups
            (rows,): outer fold and compound group of each row. Rows of one group stand together in
            the inner splits. Rows of a fold below 0 are learned from only: their scores are not
            read, and a model may leave them out.
        loss
            Objective of the task; a model that has one of its own may ignore it.
        repeat
            Number of the draw of the folds, from 0: a model with random numbers takes others in
            each.
        device
            Torch device; ``cpu`` unless `on_device`.

        Returns
        -------
        numpy.ndarray
            (rows, n_targets) float32: scores that rise with the probability of a 1, or levels in
            the labels' own units. Finite.
        """
        ...


def refuse_parameters(model: str, parameters: Mapping[str, Any], place: str) -> None:
    """Stop if a row gives parameters to a model whose settings stand elsewhere.

    Parameters
    ----------
    model
        Name of the model.
    parameters
        What the row gives.
    place
        Where its settings stand, e.g. ``tasks.linear``.

    Raises
    ------
    UserError
        There are any.
    """
    if parameters:
        raise UserError(
            f"model {quoted(model)} takes no parameters in a row: {listed(list(parameters))}",
            where="params.yaml",
            remedy=f"Set {place}.",
        )
