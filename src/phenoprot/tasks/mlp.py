"""Stacks of multi-target MLPs: outputs, losses and their gradients, and ranking.

The gradients are written out: autograd would spend half of the time of networks this small on
bookkeeping and temporary tensors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from phenoprot.tasks.fit_settings import Loss, MlpConfig, Precision

LEVELS_OF_DROPOUT = 2**16
"""Dropout probabilities are rounded to one of so many: 16 random bits decide on a unit."""
PRODUCTS: dict[Precision, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16}
"""Type of the products of :meth:`MlpStack.differentiate`. bfloat16 has the range of float32: its
gradients do not vanish, and losses need no scaling (Kalamkar et al. 2019, arXiv:1905.12322)."""


def dropped_levels(config: MlpConfig) -> int:
    """How many of the levels drop a unit."""
    return round(config.dropout * LEVELS_OF_DROPOUT)


def kept_factor(config: MlpConfig) -> float:
    """What a kept unit is multiplied by in training, to make up for the dropped ones."""
    return 1 / (1 - dropped_levels(config) / LEVELS_OF_DROPOUT)


def hidden_units(
    parameters: Sequence[Tensor], x: Tensor, config: MlpConfig, keep: Tensor | None = None
) -> list[Tensor]:
    """Inputs of each layer of (members, batch, n_features): `x`, then the hidden units.

    Parameters
    ----------
    parameters
        Weight (members, inputs, outputs) and bias (members, 1, outputs) of each layer in turn, and
        at the end the weight of the linear path, if ``config.skip``.
    x, config
        Features; number of hidden layers and activation.
    keep
        (hidden_layers, members, batch, width): multiplies the hidden units, with 0 where one is
        dropped and :func:`kept_factor` where it is kept; without it the networks only predict.
    """
    units = [x]
    for i in range(config.hidden_layers):
        hidden = torch.baddbmm(parameters[2 * i + 1], units[-1], parameters[2 * i])
        hidden = hidden.relu_() if config.activation == "relu" else _tanh(hidden)
        units.append(hidden if keep is None else hidden.mul_(keep[i]))
    return units


def _tanh(values: Tensor) -> Tensor:
    """Hyperbolic tangent, in place."""
    if values.dtype == torch.bfloat16:  # the subtraction below would cancel most of its 8 bits
        return values.tanh_()
    # tanh(x) = 2 sigmoid(2 x) - 1; torch's own tanh takes more than twice the time.
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


def outputs(parameters: Sequence[Tensor], units: Sequence[Tensor], config: MlpConfig) -> Tensor:
    """(members, batch, n_targets), from the inputs of each layer."""
    last = 2 * config.hidden_layers
    output = torch.baddbmm(parameters[last + 1], units[-1], parameters[last])
    return output.baddbmm_(units[0], parameters[last + 2]) if config.skip else output


def forward(parameters: Sequence[Tensor], x: Tensor, config: MlpConfig) -> Tensor:
    """Map (members, batch, n_features) to (members, batch, n_targets), nothing dropped."""
    return outputs(parameters, hidden_units(parameters, x, config), config)


class MlpStack:
    """Independent MLPs of one shape, all parameters in one buffer and all gradients in another.

    Parameters
    ----------
    layers
        As `parameters` of :func:`hidden_units`; they are copied.
    config
        Width, number of hidden layers and activation.
    """

    def __init__(self, layers: Sequence[Tensor], config: MlpConfig) -> None:
        self.config = config
        self.flat = torch.cat([values.flatten() for values in layers])
        """(parameters of all members,), layer by layer."""
        self.gradient = torch.zeros_like(self.flat)
        """Like `flat`."""
        self._shapes = [values.shape for values in layers]
        self.layers = self.by_layer(self.flat, self._shapes)
        """Views of `flat`."""
        self._gradients = self.by_layer(self.gradient, self._shapes)

    @staticmethod
    def by_layer(flat: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
        """A buffer as views of the layers' shapes."""
        parts = flat.split([shape.numel() for shape in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    @classmethod
    def initial(
        cls, seeds: Sequence[int], n_features: int, n_targets: int, config: MlpConfig
    ) -> MlpStack:
        """Random networks, layers as in ``torch.nn.Linear``: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).

        A linear path starts at 0.
        """
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        sizes = [n_features, *[config.width] * config.hidden_layers, n_targets]
        layers = []
        for fan_in, fan_out in pairwise(sizes):
            bound = 1.0 / math.sqrt(fan_in)
            for shape in ((fan_in, fan_out), (1, fan_out)):
                drawn = [
                    torch.empty(shape).uniform_(-bound, bound, generator=g) for g in generators
                ]
                layers.append(torch.stack(drawn))
        if config.skip:
            layers.append(torch.zeros(len(seeds), n_features, n_targets))
        return cls(layers, config)

    @property
    def output_bias(self) -> Tensor:
        """(members, 1, n_targets)."""
        return self.layers[2 * self.config.hidden_layers + 1]

    def begin_as(self, member: int, weights: Tensor, bias: Tensor) -> None:
        """Make the linear path (n_features, n_targets) and the bias (n_targets,) the whole output.

        The hidden layers stay, but for their last weights, which become 0.
        """
        self.layers[2 * self.config.hidden_layers][member] = 0
        self.output_bias[member, 0] = bias
        self.layers[-1][member] = weights

    def outputs(self, x: Tensor) -> Tensor:
        """Map (members, batch, n_features) to (members, batch, n_targets)."""
        return forward(self.layers, x, self.config)

    def differentiate(
        self,
        x: Tensor,
        y: Tensor,
        weight: Tensor,
        loss: Loss,
        keep: Tensor | None = None,
        products: torch.dtype | None = None,
    ) -> None:
        """Set `gradient` to that of each member's own loss.

        Parameters
        ----------
        x, keep
            Features and dropout, as for :func:`hidden_units`; `keep` is overwritten.
        y, weight, loss
            As for :func:`weighted_loss`.
        products
            Type of matrix products and hidden units, to which weights and inputs are rounded in
            each call, as under ``torch.autocast``; losses, sums and `gradient` keep the networks'
            own. None: that of the networks.
        """
        config, layers = self.config, self.layers
        if products is not None:
            layers, x = self.by_layer(self.flat.to(products), self._shapes), x.to(products)
            keep = None if keep is None else keep.to(products)
        units = hidden_units(layers, x, config, keep)
        output = outputs(layers, units, config).to(self.flat.dtype)
        change = loss_gradient(output, y, weight, loss).to(x.dtype)
        if config.skip:
            _multiply(x.mT, change, self._gradients[-1])
        for i in range(config.hidden_layers, -1, -1):
            _multiply(units[i].mT, change, self._gradients[2 * i])
            bias = self._gradients[2 * i + 1]
            torch.sum(change, dim=1, keepdim=True, dtype=bias.dtype, out=bias)
            if i:
                change = torch.bmm(change, layers[2 * i].mT)
                _through_units(change, units[i], None if keep is None else keep[i - 1], config)

    def select(self, flat: Tensor, members: Sequence[int]) -> list[Tensor]:
        """Layers of some members, from a buffer like `flat`."""
        return [values[list(members)] for values in self.by_layer(flat, self._shapes)]

    def member(self, i: int) -> list[Tensor]:
        """Copies of the weights and biases of network `i`."""
        return [values[i].clone() for values in self.layers]


def _multiply(first: Tensor, second: Tensor, out: Tensor) -> None:
    """Batched matrix product, in the type of its factors, into `out` of the same or another."""
    if first.dtype == out.dtype:
        torch.bmm(first, second, out=out)
    else:
        out.copy_(torch.bmm(first, second))


def _through_units(change: Tensor, units: Tensor, keep: Tensor | None, config: MlpConfig) -> None:
    """Multiply `change`, the gradient by hidden units, by their slope; `keep` is overwritten."""
    if config.activation == "relu":
        change.mul_(units > 0)
        if keep is not None:
            change.mul_(keep)
    elif keep is None:
        change.mul_(1 - units * units)
    else:
        # The slope is keep (1 - tanh^2), and tanh is units / factor where keep is not 0.
        change.mul_(keep.addcmul_(units, units, value=-1 / kept_factor(config)))


def known(target: Tensor) -> tuple[Tensor, Tensor]:
    """Targets with 0 for NaN, and the weight of each in the mean over the known ones.

    Parameters
    ----------
    target
        (..., batch, n_targets); NaN is a missing annotation and counts nothing.

    Returns
    -------
    y, weight
        Like `target`; weights of one batch sum to 1, or are 0 if nothing in it is known.
    """
    present = ~torch.isnan(target)
    weight = present.to(target.dtype)
    weight /= weight.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
    return torch.where(present, target, 0.0), weight


def weighted_loss(output: Tensor, y: Tensor, weight: Tensor, loss: Loss) -> Tensor:
    """Loss per member over the values that are known.

    Parameters
    ----------
    output, y, weight
        (members, batch, n_targets); see :func:`known`.
    loss
        ``bce``: binary cross-entropy on logits. ``mse``: squared error. ``smape``:
        |p - y| / (|p| + |y|), 0 where both are 0.

    Returns
    -------
    torch.Tensor
        (members,): weighted sum over batch and targets.
    """
    if loss == "bce":
        value = F.softplus(output) - y * output
    elif loss == "mse":
        value = (output - y) ** 2
    else:
        total = output.abs() + y.abs()
        value = (output - y).abs() / torch.where(total > 0, total, 1.0)
    return (value * weight).sum(dim=(1, 2))


def loss_gradient(output: Tensor, y: Tensor, weight: Tensor, loss: Loss) -> Tensor:
    """Gradient of :func:`weighted_loss` by `output`, which it overwrites."""
    if loss == "bce":
        return output.sigmoid_().sub_(y).mul_(weight)
    if loss == "mse":
        return output.sub_(y).mul_(weight).mul_(2)
    total = output.abs() + y.abs()
    total = torch.where(total > 0, total, 1.0)
    error = output - y
    return (error.sign() / total - error.abs() * output.sign() / total**2).mul_(weight)


def base_rate(labels: Tensor, loss: Loss) -> Tensor:
    """What to say of a target without looking at the features.

    Parameters
    ----------
    labels
        (rows, n_targets); NaN is left out.
    loss
        ``bce``: log odds of a 1, half a row added to each class (Haldane 1956; Anscombe 1956), so
        that a class without rows has finite ones. Otherwise: the mean, 0 without a row.

    Returns
    -------
    torch.Tensor
        (n_targets,) float32.
    """
    if loss == "bce":
        ones, zeros = (labels == 1).sum(dim=0), (labels == 0).sum(dim=0)
        return torch.log((ones + 0.5) / (zeros + 0.5))
    return torch.nan_to_num(torch.nanmean(labels, dim=0))


@torch.no_grad()
def predict(parameters: list[Tensor], x: Tensor, config: MlpConfig) -> Tensor:
    """Output (rows, n_targets) of one trained network for (rows, n_features)."""
    return forward([p[None] for p in parameters], x[None], config)[0]
