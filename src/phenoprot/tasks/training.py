"""Many networks trained side by side, as one stack of batched matrix products.

A nested cross-validation needs hundreds of small networks: folds x grid points x inner splits x
members of an ensemble. One by one they spend their time in call overhead; as a stack, one step of
all of them is one batched matrix product per layer. Each member of a stack has rows, labels and
random numbers of its own: what it learns depends on no other member, not even on when one stops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phenoprot.tasks.fit_settings import Loss, MlpConfig, Precision
from phenoprot.tasks.mlp import (
    PRODUCTS,
    MlpStack,
    base_rate,
    dropped_levels,
    forward,
    kept_factor,
    known,
    weighted_loss,
)
from phenoprot.tasks.start import LinearStart

GATHERED = 2**28
"""Bytes of training or held-out rows that are copied together; each copy costs a call or two."""


@dataclass(frozen=True)
class Member:
    """What one network of a stack learns from."""

    fold: int
    """Outer fold: which scaled copy of features and labels it sees."""
    train: np.ndarray
    """Rows to fit."""
    stream: tuple[int, ...]
    """Seed of its own random numbers: weights, batches and dropout."""
    config: MlpConfig
    """Its grid point; those of one stack differ in weight decay alone."""
    start: LinearStart | None = None
    """The linear model that it begins as, or none, for all of one stack."""


@dataclass(frozen=True)
class TrainPlan:
    """How the networks of a stack train."""

    batch_size: int
    """Most treatments per step: an epoch is cut into equal batches."""
    epoch_rows: int
    """Rows that each member sees in an epoch, at least; one with fewer sees some of them twice."""
    loss: Loss
    """Objective."""
    base_rate: bool
    """Whether the outputs start at the base rate, or mean level, of the member's training rows."""
    held_rows: int = 0
    """Rows that each member is judged by, at least; where it has fewer the last count nothing."""
    precision: Precision = "float32"
    """What steps multiply matrices in; the held-out rows are judged in float32."""

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.epoch_rows // self.batch_size)

    @property
    def step_rows(self) -> int:
        """Treatments per step."""
        return -(-self.epoch_rows // self.steps)


class Adam:
    """Adam with L2 penalty (Kingma & Ba 2015, algorithm 1), as torch's on one buffer.

    Parameters
    ----------
    parameters
        Is changed in place.
    learning_rate
        Step size.
    decay
        Weight decay of each parameter.
    """

    BETAS = (0.9, 0.999)
    EPSILON = 1e-8

    def __init__(self, parameters: Tensor, learning_rate: float, decay: Tensor) -> None:
        self.parameters, self.learning_rate = parameters, learning_rate
        self.decay = decay if decay.any() else None
        self.steps = 0
        self.mean, self.square = torch.zeros_like(parameters), torch.zeros_like(parameters)
        """Moments of the gradient."""

    def go_on(self, steps: int, mean: Tensor, square: Tensor) -> None:
        """Take over the steps done and the moments of another optimiser."""
        self.steps, self.mean, self.square = steps, mean, square

    def step(self, gradient: Tensor) -> None:
        """Change the parameters; `gradient` is overwritten."""
        self.steps += 1
        if self.decay is not None:
            gradient.addcmul_(self.parameters, self.decay)
        # What torch.optim.Adam(fused=True) calls: one pass in place of six.
        torch._fused_adam_(
            [self.parameters],
            [gradient],
            [self.mean],
            [self.square],
            [],
            [self.parameters.new_tensor(self.steps, dtype=torch.float32)],
            lr=self.learning_rate,
            beta1=self.BETAS[0],
            beta2=self.BETAS[1],
            weight_decay=0.0,
            eps=self.EPSILON,
            amsgrad=False,
            maximize=False,
        )


class Training:
    """Networks that train together, epoch by epoch; any of them may leave.

    Parameters
    ----------
    features, labels
        (folds, rows, n_features) and (folds, rows, n_targets), on the device to train on: one copy
        per outer fold, scaled by the caller with that fold's training rows.
    members
        Rows, random numbers and grid point of each network.
    plan
        Batches and objective.
    """

    def __init__(
        self, features: Tensor, labels: Tensor, members: Sequence[Member], plan: TrainPlan
    ) -> None:
        self.features, self.labels, self.members, self.plan = features, labels, members, plan
        self.config = members[0].config
        self._rngs = {m.stream: np.random.default_rng(m.stream) for m in members}
        # Members with the same random numbers draw them once.
        seeds = {stream: int(rng.integers(2**63)) for stream, rng in self._rngs.items()}
        net = MlpStack.initial(
            [seeds[m.stream] for m in members], features.shape[2], labels.shape[2], self.config
        )
        if plan.base_rate:
            for m, bias in zip(members, net.output_bias, strict=True):
                bias[0] = base_rate(labels[m.fold, m.train].cpu(), plan.loss)
        for i, m in enumerate(members):
            if m.start is not None:
                net.begin_as(i, *m.start)
        self.running = list(range(len(members)))
        """The member in each lane of the stack."""
        self._set(MlpStack([p.to(features.device) for p in net.layers], self.config))

    def _set(self, net: MlpStack) -> None:
        """Train `net` from now on."""
        self.net = net
        rates = net.flat.new_tensor([self.members[i].config.weight_decay for i in self.running])
        decay = [rates.view(-1, 1, 1).expand_as(p).flatten() for p in net.layers]
        self.optimiser = Adam(net.flat, self.config.learning_rate, torch.cat(decay))

    @torch.no_grad()
    def epoch(self) -> None:
        """Show every running member its training rows once, in an order of its own."""
        loss, products = self.plan.loss, PRODUCTS[self.plan.precision]
        for x, y, weight, keep in self._batches():
            self.net.differentiate(x, y, weight, loss, keep, products)
            self.optimiser.step(self.net.gradient)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
        """Features, labels, their weights and dropout, step by step, of all lanes."""
        plan, config, lanes = self.plan, self.config, len(self.running)
        order = np.empty((plan.steps, lanes, plan.step_rows), dtype=np.int64)
        shape = (plan.steps, config.hidden_layers, plan.step_rows, config.width)
        keep = np.empty((*shape[:2], lanes, *shape[2:]), dtype=np.float32)
        dropped, factor = dropped_levels(config), np.float32(kept_factor(config))
        for stream, rng in self._rngs.items():
            own = [k for k, i in enumerate(self.running) if self.members[i].stream == stream]
            if not own:
                continue
            # Every stream has its own generator: another's stopping must not shift its numbers.
            drawn = rng.permutation(self.members[self.running[own[0]]].train)
            order[:, own] = np.resize(drawn, (plan.steps, 1, plan.step_rows))
            if dropped:
                kept = _bits(rng, shape) >= dropped
                for k in own:
                    np.multiply(kept, factor, out=keep[:, :, k])
        device = self.features.device
        folds = torch.tensor([self.members[i].fold for i in self.running], device=device)
        index = torch.from_numpy(order).to(device)
        factors = torch.from_numpy(keep).to(device) if dropped else None
        at_once = max(1, GATHERED // self._bytes(lanes * plan.step_rows))
        for first in range(0, plan.steps, at_once):
            some = index[first : first + at_once]
            x = _rows(self.features, folds[:, None], some)
            y, weight = known(_rows(self.labels, folds[:, None], some))
            for i in range(len(some)):
                yield x[i], y[i], weight[i], None if factors is None else factors[first + i]

    def _bytes(self, rows: int) -> int:
        """What so many rows take: features, labels and their weights."""
        return 4 * rows * (self.features.shape[2] + 2 * self.labels.shape[2])

    def keep_lanes(self, lanes: list[int]) -> None:
        """Go on with some lanes only, Adam's moments included."""
        if len(lanes) == len(self.running):
            return
        old, before = self.net, self.optimiser
        self.running = [self.running[lane] for lane in lanes]
        if not lanes:
            return
        self._set(MlpStack(old.select(old.flat, lanes), self.config))
        self.optimiser.go_on(
            before.steps,
            *(
                torch.cat([part.flatten() for part in old.select(moment, lanes)])
                for moment in (before.mean, before.square)
            ),
        )


class HeldOut:
    """Rows that the members of a training are judged by.

    Parameters
    ----------
    training
        The networks.
    rows
        Row numbers for each member.
    """

    def __init__(self, training: Training, rows: Sequence[np.ndarray]) -> None:
        self.training = training
        self._longest = max(training.plan.held_rows, *map(len, rows))
        self._index = np.stack([np.resize(r, self._longest) for r in rows])
        self._lengths = torch.tensor([[len(r)] for r in rows], device=training.features.device)
        self._gathered: tuple[list[int], tuple[Tensor, Tensor, Tensor]] | None = None

    def _rows(self, members: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Features, labels and their weights of some members; the last ones are kept."""
        if self._gathered is None or self._gathered[0] != members:
            training = self.training
            device = training.features.device
            index = torch.from_numpy(self._index[members]).to(device)
            folds = torch.tensor([[training.members[i].fold] for i in members], device=device)
            beyond = torch.arange(self._longest, device=device)[None] >= self._lengths[members]
            self._gathered = None
            target = _rows(training.labels, folds, index).masked_fill_(beyond[..., None], math.nan)
            x = _rows(training.features, folds, index)
            self._gathered = (members, (x, *known(target)))
        return self._gathered[1]

    @torch.no_grad()
    def losses(self) -> list[float]:
        """Loss of each running member."""
        training, losses = self.training, []
        at_once = max(1, GATHERED // training._bytes(self._longest))
        for first in range(0, len(training.running), at_once):
            lanes = slice(first, first + at_once)
            x, y, weight = self._rows(training.running[lanes])
            own = [values[lanes] for values in training.net.layers]
            output = forward(own, x, training.config)
            losses += weighted_loss(output, y, weight, training.plan.loss).tolist()
        return losses


def train_networks(
    features: Tensor,
    labels: Tensor,
    members: Sequence[Member],
    epochs: Sequence[int],
    plan: TrainPlan,
) -> list[list[Tensor]]:
    """Train each member for its number of epochs.

    Parameters
    ----------
    features, labels, members, plan
        As for :class:`Training`.
    epochs
        Of each member; 0: as it began.

    Returns
    -------
    list of list of torch.Tensor
        Weights (inputs, outputs) and biases (1, outputs) of each member's layers in turn.
    """
    training = Training(features, labels, members, plan)
    done: dict[int, list[Tensor]] = {}
    for epoch in range(max(epochs) + 1):
        if epoch:
            training.epoch()
        finished = [epoch >= epochs[i] for i in training.running]
        for lane, (i, ends) in enumerate(zip(training.running, finished, strict=True)):
            if ends:
                done[i] = training.net.member(lane)
        training.keep_lanes([lane for lane, ends in enumerate(finished) if not ends])
    return [done[i] for i in range(len(members))]


def learning_curves(
    training: Training,
    held_out: Sequence[np.ndarray],
    teams: Sequence[int],
    max_steps: int,
    patience: int,
) -> list[list[float]]:
    """Loss of each team on what its members hold out, epoch by epoch, until it stops falling.

    Parameters
    ----------
    training
        Networks that have not begun.
    held_out
        Rows that each member is judged by.
    teams
        Number of each member's team, from 0; a team is judged by the mean over its members.
    max_steps, patience
        Steps in all, and steps without a lower loss after which a team leaves; both in whole
        epochs, rounded up.

    Returns
    -------
    list of list of float
        For each team the loss after each number of epochs, from 0. Before the first one it counts
        as infinite, unless the members began as linear models.
    """
    untrained = [] if all(m.start for m in training.members) else [math.inf]
    curves: list[list[float]] = [untrained.copy() for _ in range(max(teams) + 1)]
    steps, judge = training.plan.steps, HeldOut(training, held_out)
    for epoch in range(len(untrained), -(-max_steps // steps) + 1):
        if epoch:
            training.epoch()
        losses = judge.losses()
        of_team = [teams[i] for i in training.running]
        for team in dict.fromkeys(of_team):
            own = [loss for loss, other in zip(losses, of_team, strict=True) if other == team]
            curves[team].append(sum(own) / len(own))
        going = [
            lane
            for lane, team in enumerate(of_team)
            if (epoch - best_epoch(curves[team])) * steps < patience
        ]
        if not going:
            break
        training.keep_lanes(going)
    return curves


def best_epoch(curve: Sequence[float]) -> int:
    """The least number of epochs with the lowest loss."""
    return min(range(len(curve)), key=curve.__getitem__)


def _bits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random uint16 numbers of all values, four from each draw of 64 bits."""
    size = math.prod(shape)
    drawn = rng.integers(2**64, size=-(-size // 4), dtype=np.uint64)
    return drawn.view(np.uint16)[:size].reshape(shape)


def _rows(values: Tensor, fold: Tensor, index: Tensor) -> Tensor:
    """``values[fold, index]`` of (folds, rows, columns), copied by whole rows."""
    flat = (fold * values.shape[1] + index).flatten()
    return values.flatten(0, 1).index_select(0, flat).unflatten(0, index.shape)
