"""Stacks of multi-target MLPs: their outputs, losses and ranking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phenoprot.tasks.fit_settings import Loss, MlpConfig


def forward(
    parameters: Sequence[Tensor],
    x: Tensor,
    config: MlpConfig,
    keep: Tensor | None = None,
) -> Tensor:
    """Map (members, batch, n_features) to (members, batch, n_targets).

    `parameters` are weight and bias of each layer in turn, and at the end the weight of the linear
    path, if ``config.skip``. `keep` (hidden_layers, members, batch,
    width) multiplies the hidden units: 0 where one is dropped, above 1 where it is kept; without it
    the networks only predict.
    """
    depth = 2 * (config.hidden_layers + 1)
    layers = list(zip(parameters[:depth:2], parameters[1:depth:2], strict=True))
    straight = torch.bmm(x, parameters[depth]) if config.skip else None
    for i, (weight, bias) in enumerate(layers[:-1]):
        x = torch.baddbmm(bias, x, weight)
        x = F.relu(x) if config.activation == "relu" else torch.tanh(x)
        if keep is not None:
            x = x * keep[i]
    weight, bias = layers[-1]
    output = torch.baddbmm(bias, x, weight)
    return output if straight is None else output + straight


class MlpStack(nn.Module):
    """Independent MLPs of one shape.

    Parameters
    ----------
    layers
        Weight (members, inputs, outputs) and bias (members, 1, outputs) of each layer in turn, and
        the weight of the linear path, if ``config.skip``.
    config
        Width, number of hidden layers, activation and dropout.
    """

    def __init__(self, layers: Iterable[Tensor], config: MlpConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ParameterList(nn.Parameter(values) for values in layers)

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
    def output_bias(self) -> nn.Parameter:
        """(members, 1, n_targets)."""
        bias: nn.Parameter = self.layers[2 * self.config.hidden_layers + 1]
        return bias

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Map (members, batch, n_features) to (members, batch, n_targets)."""
        return forward(list(self.layers), x, self.config, keep)

    def member(self, i: int) -> list[Tensor]:
        """Copies of the weights and biases of network `i`."""
        return [p[i].detach().clone() for p in self.layers]


def masked_loss(output: Tensor, target: Tensor, loss: Loss) -> Tensor:
    """Loss per member over the values that are there.

    Parameters
    ----------
    output, target
        (members, batch, n_targets); NaN in `target` is a missing annotation and counts nothing.
    loss
        ``bce``: binary cross-entropy on logits. ``mse``: squared error. ``smape``:
        |p - y| / (|p| + |y|), 0 where both are 0.

    Returns
    -------
    torch.Tensor
        (members,): mean over the unmasked values of each member.
    """
    present = ~torch.isnan(target)
    y = torch.where(present, target, torch.zeros_like(target))
    if loss == "bce":
        value = F.binary_cross_entropy_with_logits(output, y, reduction="none")
    elif loss == "mse":
        value = (output - y) ** 2
    else:
        total = output.abs() + y.abs()
        value = (output - y).abs() / torch.where(total > 0, total, torch.ones_like(total))
    weight = present.to(value.dtype)
    return (value * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1)


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
