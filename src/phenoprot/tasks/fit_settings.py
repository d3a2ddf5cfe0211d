"""Settings that decide what a cross-validation computes: splits, and each model's own.

They stand apart from the settings of tasks and rows, so that an edit of those trains no model
again.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal

from pydantic import Field

from phenoprot.core.settings import Count, Seed, Settings

Activation = Literal["relu", "tanh"]
Loss = Literal["bce", "mse", "smape"]
"""``bce``: cross-entropy of 1 / 0 labels. ``mse``, ``smape``: errors of levels."""
Scorer = Literal["auc", "levels"]
"""``auc``: ROC AUC of 1 / 0 labels. ``levels``: R2, SMAPE and concordance of measured levels."""
Layers = Annotated[int, Field(ge=0, le=1000)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0, le=1e9)]
Clip = Annotated[float, Field(gt=0, le=1e6)]


class SplitSettings(Settings):
    """Cross-validation, outer and inner."""

    folds: int = Field(ge=2, le=1000)
    """Outer folds, grouped by compound."""
    inner_splits: int = Field(ge=1, le=1000)
    """Random sub-samplings of the training part in which grid points compete."""
    inner_share: float = Field(gt=0, lt=0.5)
    """Share of the training compounds that each of them holds out for early stopping."""
    seed: Seed
    """Seed of the folds and of the inner sub-samplings."""


class TrainSettings(Settings):
    """How a network is trained."""

    learning_rate: float = Field(gt=0, le=1)
    """Adam's step size (poster: 1e-4)."""
    batch_size: Count
    """Treatments per step."""
    max_epochs: Count
    """Epochs after which training stops in any case."""
    patience: Count
    """Epochs without a lower loss on the held-out inner compounds before it stops."""
    seed: Seed
    """Seed of initial weights, batches and dropout."""


class MlpConfig(Settings):
    """Shape and regularisation of one network: a point of the grid."""

    hidden_layers: Layers
    """Number of hidden layers (poster: 4)."""
    width: Width
    """Units per hidden layer."""
    activation: Activation
    """Nonlinearity of the hidden layers."""
    dropout: Dropout
    """Share of hidden units dropped in training (poster: 0.2)."""
    weight_decay: Penalty
    """L2 penalty in Adam."""


class MlpGrid(Settings):
    """Every combination is tried in the inner splits."""

    hidden_layers: list[Layers] = Field(min_length=1)
    """Numbers of hidden layers (poster: 4)."""
    width: list[Width] = Field(min_length=1)
    """Units per hidden layer."""
    activation: list[Activation] = Field(min_length=1)
    """Nonlinearities of the hidden layers."""
    dropout: list[Dropout] = Field(min_length=1)
    """Shares of hidden units dropped in training (poster: 0.2)."""
    weight_decay: list[Penalty] = Field(min_length=1)
    """L2 penalties in Adam."""

    def points(self) -> list[MlpConfig]:
        """All combinations, in the order of the lists."""
        names = list(type(self).model_fields)
        return [
            MlpConfig(**dict(zip(names, values, strict=True)))
            for values in product(*(getattr(self, name) for name in names))
        ]


class LinearSettings(Settings):
    """Principal components, then ridge regression."""

    components: Count
    """Principal components of the training part's features that are kept."""
    penalties: list[Penalty] = Field(min_length=1)
    """Ridge penalties that compete in the inner splits, relative to the training rows' number."""


class MlpModelSettings(Settings):
    """All that the MLP's results depend on."""

    splits: SplitSettings
    """Cross-validation."""
    training: TrainSettings
    """Optimiser."""
    mlp: MlpGrid
    """Hyperparameter grid."""
    clip: Clip
    """Features are clipped to this many standard deviations of the training part."""


class LinearModelSettings(Settings):
    """All that the linear model's results depend on."""

    splits: SplitSettings
    """Cross-validation."""
    linear: LinearSettings
    """Components and penalties."""
    clip: Clip
    """Features are clipped to this many standard deviations of the training part."""
