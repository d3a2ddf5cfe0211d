"""Settings that decide what a cross-validation computes: splits, and each model's own.

They stand apart from the settings of tasks and rows, so that an edit of those trains no model
again.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phenoprot.core.settings import Count, Seed, Settings

Activation = Literal["relu", "tanh"]
Loss = Literal["bce", "mse", "smape"]
"""``bce``: cross-entropy of 1 / 0 labels. ``mse``, ``smape``: errors of levels."""
Precision = Literal["float32", "bfloat16"]
Scorer = Literal["auc", "levels"]
"""``auc``: ROC AUC of 1 / 0 labels. ``levels``: R2, SMAPE and concordance of measured levels."""
Layers = Annotated[int, Field(ge=0, le=1000)]
Width = Annotated[int, Field(ge=1, le=2**16)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0, le=1e9)]
Clip = Annotated[float, Field(gt=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=1)]
SplitKind = Literal["compound", "scaffold", "target", "plate", "random"]


class SplitSettings(Settings):
    """The outer folds of the cross-validation."""

    folds: int = Field(ge=2, le=1000)
    """Outer folds (poster: 5); what stays together is decided by `kind`."""
    repeats: int = Field(ge=1, le=1000)
    """How often the folds are drawn. Scores are averaged over the draws."""
    kind: SplitKind
    """What is kept on one side: ``compound``, ``scaffold`` (Bemis-Murcko), ``target`` (compounds
    that share a target, directly or through others), ``plate`` (compounds of one set of plates), or
    nothing but the compound's own name: ``random``."""
    others: list[SplitKind] = []
    """Kinds of folds that are drawn beside it, for rows that ask for them by `splits`. Those that a
    screen cannot have are left out."""
    seed: Seed
    """Seed of the folds and of shuffled labels."""

    @property
    def kinds(self) -> tuple[SplitKind, ...]:
        """All kinds to draw, that of the tables first."""
        return tuple(dict.fromkeys((self.kind, *self.others)))


class InnerSettings(Settings):
    """Random sub-samplings of a training part, in which hyperparameters compete."""

    splits: int = Field(ge=1, le=1000)
    """Number of sub-samplings."""
    share: float = Field(gt=0, lt=0.5)
    """Share of the training compounds that each of them holds out."""


class MlpConfig(Settings):
    """Shape, regularisation and step size of one network: a point of the grid."""

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
    learning_rate: Rate
    """Adam's step size (poster: 1e-4)."""
    skip: bool
    """Whether a linear path leads from the inputs to the outputs, beside the hidden layers."""


class MlpSettings(Settings):
    """A multi-target network, and how it is trained.

    Lists are a grid: every combination competes in the inner splits.
    """

    components: Count | None
    """Principal components of the training part's features that the network sees, on one common
    scale; null: the standardised features themselves."""
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
    learning_rate: list[Rate] = Field(min_length=1)
    """Adam's step sizes (poster: 1e-4)."""
    skip: list[bool] = Field(min_length=1)
    """Whether a linear path leads from the inputs to the outputs, beside the hidden layers, so that
    the network need not bend itself to say what a linear model can."""
    ridge: list[Penalty] | None
    """Penalties of a ridge regression that compete in the inner splits, as of `tasks.linear`. The
    linear path starts at the best, in log odds by the slope at the base rate, and the hidden layers
    at an output of 0: the network begins as that linear model and learns what it leaves, if there
    is any. null: the linear path starts at 0, the hidden layers at random outputs."""
    output_bias: Literal["base_rate", "random"]
    """First bias of the outputs. ``base_rate``: log odds of each target in the training part, or
    its mean level. ``random``: near 0, as the other biases; a rare target's base rate must then be
    learned first."""
    batch_size: Count
    """Most treatments per step; an epoch is cut into equal batches."""
    max_steps: Count
    """Steps after which training stops in any case, rounded up to whole epochs."""
    patience: Count
    """Steps without a lower loss on the held-out inner compounds before training stops."""
    precision: Precision = "float32"
    """What training multiplies matrices in. ``bfloat16``: mixed precision, for a GPU; weights and
    their updates, losses, the ridge regression and all that is predicted stay float32."""
    ensemble: int = Field(ge=1, le=1000)
    """Networks per fold, of different seeds; their outputs are averaged."""
    inner: InnerSettings
    """The inner splits."""
    seed: Seed
    """Seed of initial weights, batches, dropout and inner splits."""

    @model_validator(mode="after")
    def _ridge_has_a_path(self) -> Self:
        if self.ridge is not None and (
            not self.ridge or self.skip != [True] or self.output_bias != "base_rate"
        ):
            raise ValueError(
                "ridge needs a penalty, skip: [true] and output_bias: base_rate; or set it to null"
            )
        return self

    def points(self) -> list[MlpConfig]:
        """All combinations, in the order of the lists."""
        names = list(MlpConfig.model_fields)
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
    inner: InnerSettings
    """The inner splits."""
    seed: Seed
    """Seed of the inner splits."""


class MlpModelSettings(Settings):
    """All that a network's results depend on."""

    network: MlpSettings
    """Grid and training."""
    clip: Clip
    """Features are clipped to this many standard deviations of the training part."""


class LinearModelSettings(Settings):
    """All that the linear model's results depend on."""

    linear: LinearSettings
    """Components, penalties and inner splits."""
    clip: Clip
    """Features are clipped to this many standard deviations of the training part."""
