"""Many multi-target MLPs trained side by side, as one stack of batched matrix products.

A nested cross-validation needs hundreds of small networks: folds x grid points x inner splits x
label shuffles. One by one they spend their time in call overhead; as a stack, one step of all of
them is one batched matrix product per layer. Each member of a stack has rows, labels and random
numbers of its own: what it learns depends on no other member, not even on when one stops.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phenoprot.tasks.fit_settings import Loss, MlpConfig, TrainSettings


def forward(
    parameters: Sequence[Tensor],
    x: Tensor,
    config: MlpConfig,
    keep: Tensor | None = None,
) -> Tensor:
    """Map (members, batch, n_features) to (members, batch, n_targets).

    `parameters` are weight and bias of each layer in turn. `keep` (hidden_layers, members, batch,
    width) is 0 for hidden units that are dropped; without it the networks only predict.
    """
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    for i, (weight, bias) in enumerate(layers[:-1]):
        x = torch.baddbmm(bias, x, weight)
        x = F.relu(x) if config.activation == "relu" else torch.tanh(x)
        if keep is not None:
            x = x * keep[i] / (1 - config.dropout)
    weight, bias = layers[-1]
    return torch.baddbmm(bias, x, weight)


class MlpStack(nn.Module):
    """Independent MLPs of one shape.

    Parameters
    ----------
    layers
        Weight (members, inputs, outputs) and bias (members, 1, outputs) of each layer in turn.
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
        """Random networks, layers as in ``torch.nn.Linear``: U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
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
        return cls(layers, config)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Map (members, batch, n_features) to (members, batch, n_targets)."""
        return forward(list(self.layers), x, self.config, keep)

    def member(self, i: int, *, copy: bool = True) -> list[Tensor]:
        """Weights and biases of network `i`."""
        return [p[i].detach().clone() if copy else p[i].detach() for p in self.layers]


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


@dataclass(frozen=True)
class Member:
    """What one network of a stack learns from."""

    fold: int
    """Outer fold: which scaled copy of features and labels it sees."""
    train: np.ndarray
    """Rows to fit."""
    stop: np.ndarray
    """Rows whose loss decides when to stop; empty where `epochs` is given."""
    epochs: int | None = None
    """Train this long; None: stop early."""
    stream: int = 0
    """Number of its random stream: weights, batches and dropout."""


@dataclass(frozen=True)
class Fit:
    """A trained network."""

    epochs: int
    """Epochs behind the weights that were kept."""
    stop_loss: float
    """Their loss on the stopping rows; NaN without such rows."""
    parameters: list[Tensor]
    """Weight (inputs, outputs) and bias (1, outputs) of each layer in turn."""


def train_stack(
    features: Tensor,
    labels: Tensor,
    members: list[Member],
    config: MlpConfig,
    settings: TrainSettings,
    loss: Loss,
    epoch_rows: int,
) -> list[Fit]:
    """Train all members together, each until its own stopping loss stops falling.

    Parameters
    ----------
    features, labels
        (folds, rows, n_features) and (folds, rows, n_targets), on the device to train on: one copy
        per outer fold, scaled by the caller with that fold's training rows.
    members
        Rows of each network.
    config, settings, loss
        Shape of the networks, optimiser and patience, objective.
    epoch_rows
        Rows that each member sees in an epoch; one with fewer sees some of them twice.

    Returns
    -------
    list of Fit
        In the order of `members`.
    """
    device = features.device
    rngs = [np.random.default_rng([settings.seed, member.stream]) for member in members]
    seeds = [rng.integers(2**63, size=2).tolist() for rng in rngs]
    net = MlpStack.initial(
        [first for first, _ in seeds], features.shape[2], labels.shape[2], config
    ).to(device)
    dropout = [torch.Generator(device=device).manual_seed(second) for _, second in seeds]
    optimiser = _adam(net, config, settings)
    best: list[Fit | None] = [None] * len(members)
    running = list(range(len(members)))  # the member in each lane of the stack
    for epoch in range(1, settings.max_epochs + 1):
        fold = torch.tensor([[members[i].fold] for i in running], device=device)
        order = np.stack([_epoch(members[i].train, epoch_rows, rngs[i]) for i in running])
        for start in range(0, epoch_rows, settings.batch_size):
            index = torch.from_numpy(order[:, start : start + settings.batch_size]).to(device)
            keep = _keep_units([dropout[i] for i in running], index.shape[1], config)
            optimiser.zero_grad(set_to_none=True)
            # The gradient of the sum is each member's own: no parameter is shared.
            output = net(_rows(features, fold, index), keep)
            masked_loss(output, _rows(labels, fold, index), loss).sum().backward()
            optimiser.step()
        going = []
        for lane, i in enumerate(running):
            member, kept = members[i], best[i]
            stop_loss = _stop_loss(net, lane, features, labels, member, loss)
            if member.epochs is not None:
                if epoch == min(member.epochs, settings.max_epochs):
                    best[i] = Fit(epoch, stop_loss, net.member(lane))
                    continue
            elif kept is None or stop_loss < kept.stop_loss:
                best[i] = Fit(epoch, stop_loss, net.member(lane))
            elif epoch - kept.epochs >= settings.patience:
                continue
            going.append(lane)
        if not going:
            break
        if len(going) < len(running):
            net, optimiser = _keep_lanes(net, optimiser, going, settings)
            running = [running[lane] for lane in going]
    return [fit for fit in best if fit is not None]


def _rows(values: Tensor, fold: Tensor, index: Tensor) -> Tensor:
    """``values[fold, index]`` of (folds, rows, columns), copied by whole rows."""
    flat = (fold * values.shape[1] + index).flatten()
    return values.flatten(0, 1).index_select(0, flat).unflatten(0, index.shape)


def _adam(net: MlpStack, config: MlpConfig, settings: TrainSettings) -> torch.optim.Adam:
    return torch.optim.Adam(
        net.parameters(), lr=settings.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def _keep_lanes(
    net: MlpStack, optimiser: torch.optim.Adam, lanes: list[int], settings: TrainSettings
) -> tuple[MlpStack, torch.optim.Adam]:
    """Shrink the stack to the lanes that still train, Adam's moments included."""
    smaller = MlpStack([p.detach()[lanes] for p in net.layers], net.config)
    successor = _adam(smaller, net.config, settings)
    for old, new in zip(net.layers, smaller.layers, strict=True):
        state = optimiser.state[old]
        successor.state[new] = {
            "step": state["step"],
            "exp_avg": state["exp_avg"][lanes],
            "exp_avg_sq": state["exp_avg_sq"][lanes],
        }
    return smaller, successor


def _epoch(train: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of one epoch in random order; too few wrap around to stay in step."""
    return np.resize(rng.permutation(train), length)


def _keep_units(generators: list[torch.Generator], batch: int, config: MlpConfig) -> Tensor | None:
    """Hidden units that dropout keeps in one step: 0 or 1 (hidden_layers, members, batch, width).

    Every member draws from its own generator: another's stopping must not shift its numbers.
    """
    if config.dropout == 0:
        return None
    shape = (config.hidden_layers, batch, config.width)
    drawn = [
        torch.empty(shape, device=g.device).bernoulli_(1 - config.dropout, generator=g)
        for g in generators
    ]
    return torch.stack(drawn, dim=1)


@torch.no_grad()
def _stop_loss(
    net: MlpStack, lane: int, features: Tensor, labels: Tensor, member: Member, loss: Loss
) -> float:
    """Loss of one lane on its member's stopping rows; NaN for a member without any."""
    if not len(member.stop):
        return math.nan
    output = predict(net.member(lane, copy=False), features[member.fold, member.stop], net.config)
    target = labels[member.fold, member.stop]
    return float(masked_loss(output[None], target[None], loss))


@torch.no_grad()
def predict(parameters: list[Tensor], x: Tensor, config: MlpConfig) -> Tensor:
    """Output (rows, n_targets) of one trained network for (rows, n_features)."""
    return forward([p[None] for p in parameters], x[None], config)[0]
