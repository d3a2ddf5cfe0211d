"""Settings of the prediction tasks."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phenoprot.core.settings import Count, Name, Seed, Settings
from phenoprot.wells.treatments import PROTEOME

Activation = Literal["relu", "tanh"]
Loss = Literal["bce", "mse", "smape"]
Task = Literal["classification", "regression", "targets"]
Layers = Annotated[int, Field(ge=0, le=1000)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0, le=1e9)]


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


class ClassificationSettings(Settings):
    """UP-vs-NOT and DOWN-vs-NOT."""

    min_positives: Count
    """Compounds that must be regulated for a protein to enter."""
    min_negatives: Count
    """Compounds that must be not regulated for a protein to enter."""


class RegressionSettings(Settings):
    """Protein level per treatment."""

    loss: Literal["mse", "smape"]
    """Objective of the MLP (poster: MSE; SMAPE failed to converge)."""
    min_treatments: int = Field(ge=2)
    """Treatments that must have a level for a protein to enter."""


class TargetSettings(Settings):
    """Annotated compound targets."""

    min_compounds: Count
    """Annotated compounds that a target needs to enter."""


class TaskSettings(Settings):
    """All prediction tasks."""

    splits: SplitSettings
    """Cross-validation."""
    training: TrainSettings
    """Optimiser of the MLP."""
    mlp: MlpGrid
    """Hyperparameter grid of the MLP."""
    linear: LinearSettings
    """The linear model beside it."""
    clip: float = Field(gt=0, le=1e6)
    """Features are clipped to this many standard deviations of the training part."""
    shuffles: int = Field(ge=1, le=10_000)
    """Label permutations, each with a full nested cross-validation, behind the shuffled row."""
    classification: ClassificationSettings
    """Up / down regulation."""
    regression: RegressionSettings
    """Protein level."""
    targets: TargetSettings
    """Compound targets."""


class RowSettings(Settings):
    """One row of the tables: which features, which model."""

    features: list[Name] = Field(min_length=1)
    """Profile tables of the screen, side by side. ``plate_position`` is made from the well names,
    ``proteome`` is the protein readout itself."""
    model: Literal["mlp", "linear"]
    """What predicts from them."""
    shuffled: bool = False
    """Permute the labels among the compounds: the row's score is what no information gives."""
    tasks: tuple[Task, ...] = ("classification", "regression", "targets")
    """Tasks the row takes part in."""
    leak_gauge: bool = False
    """Cross-validate the row once more with folds of treatments instead of compounds, so that doses
    of a compound stand on both sides. The gain is what a leak would be worth; it enters no table
    but that of the gauge."""

    @model_validator(mode="after")
    def _no_circle(self) -> Self:
        if PROTEOME in self.features and set(self.tasks) != {"targets"}:
            raise ValueError("the proteome can only predict targets, not itself: set tasks")
        return self

    @model_validator(mode="after")
    def _gauge_of_true_labels(self) -> Self:
        if self.leak_gauge and self.shuffled:
            raise ValueError("a leak is gauged with true labels: set shuffled or leak_gauge")
        return self
