"""Many multi-target MLPs trained side by side, as one stack of batched matrix products.

A nested cross-validation needs hundreds of small networks: folds x grid points x inner splits x
label shuffles. One by one they spend their time in call overhead; as a stack, one step of all of
them is one batched matrix product per layer. Each member of a stack has rows, labels and dropout
masks of its own and never sees another's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phenoprot.tasks.settings import Loss, MlpConfig, TrainSettings


def forward(
    parameters: Sequence[Tensor],
    x: Tensor,
    config: MlpConfig,
    dropout: torch.Generator | None = None,
) -> Tensor:
    """Map (members, batch, n_features) to (members, batch, n_targets).

    `parameters` are weight and bias of each layer in turn. With a generator hidden units are
    dropped; without one the networks only predict.
    """
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    for weight, bias in layers[:-1]:
        x = torch.baddbmm(bias, x, weight)
        x = F.relu(x) if config.activation == "relu" else torch.tanh(x)
        if dropout is not None and config.dropout > 0:
            keep = torch.empty_like(x).bernoulli_(1 - config.dropout, generator=dropout)
            x = x * keep / (1 - config.dropout)
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
        cls, members: int, n_features: int, n_targets: int, config: MlpConfig, seed: int
    ) -> MlpStack:
        """Random networks, layers as in ``torch.nn.Linear``: U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
        generator = torch.Generator().manual_seed(seed)
        sizes = [n_features, *[config.width] * config.hidden_layers, n_targets]
        layers = []
        for fan_in, fan_out in pairwise(sizes):
            bound = 1.0 / math.sqrt(fan_in)
            for shape in ((members, fan_in, fan_out), (members, 1, fan_out)):
                layers.append(torch.empty(shape).uniform_(-bound, bound, generator=generator))
        return cls(layers, config)

    def forward(self, x: Tensor, dropout: torch.Generator | None = None) -> Tensor:
        """Map (members, batch, n_features) to (members, batch, n_targets)."""
        return forward(list(self.layers), x, self.config, dropout)

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

    Returns
    -------
    list of Fit
        In the order of `members`.
    """
    device = features.device
    rng = np.random.default_rng(settings.seed)
    net = MlpStack.initial(
        len(members), features.shape[2], labels.shape[2], config, settings.seed
    ).to(device)
    dropout = torch.Generator(device=device).manual_seed(settings.seed)
    optimiser = _adam(net, config, settings)
    best: list[Fit | None] = [None] * len(members)
    running = list(range(len(members)))  # the member in each lane of the stack
    for epoch in range(1, settings.max_epochs + 1):
        fold = torch.tensor([[members[i].fold] for i in running], device=device)
        for rows in _batches([members[i].train for i in running], settings.batch_size, rng):
            index = torch.from_numpy(rows).to(device)
            optimiser.zero_grad(set_to_none=True)
            # The gradient of the sum is each member's own: no parameter is shared.
            output = net(features[fold, index], dropout)
            masked_loss(output, labels[fold, index], loss).sum().backward()
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


def _batches(
    train: list[np.ndarray], batch_size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """One epoch of row numbers (members, batch). Shorter members wrap around to stay in step."""
    longest = max(len(rows) for rows in train)
    order = np.stack([np.resize(rng.permutation(rows), longest) for rows in train])
    for start in range(0, longest, batch_size):
        yield order[:, start : start + batch_size]


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
