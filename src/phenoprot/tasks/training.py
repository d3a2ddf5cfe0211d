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

from phenoprot.tasks.fit_settings import Loss, MlpConfig
from phenoprot.tasks.mlp import (
    MlpStack,
    base_rate,
    dropped_levels,
    kept_factor,
    known,
    weighted_loss,
)
from phenoprot.tasks.start import LinearStart


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
        for x, y, weight, keep in self._batches():
            self.net.differentiate(x, y, weight, self.plan.loss, keep)
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
        x = _rows(self.features, folds[:, None], index)
        y, weight = known(_rows(self.labels, folds[:, None], index))
        factors = torch.from_numpy(keep).to(device) if dropped else None
        for step in range(plan.steps):
            yield x[step], y[step], weight[step], None if factors is None else factors[step]

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
        Row numbers for each member; a shorter list ends in rows that count nothing.
    """

    def __init__(self, training: Training, rows: Sequence[np.ndarray]) -> None:
        self.training = training
        device = training.features.device
        longest = max(map(len, rows))
        index = torch.from_numpy(np.stack([np.resize(r, longest) for r in rows])).to(device)
        lengths = torch.tensor([[len(r)] for r in rows], device=device)
        folds = torch.tensor([[m.fold] for m in training.members], device=device)
        target = _rows(training.labels, folds, index)
        beyond = torch.arange(longest, device=device)[None] >= lengths
        self._x = _rows(training.features, folds, index)
        self._y, self._weight = known(target.masked_fill(beyond[..., None], math.nan))
        self._lanes = list(training.running)

    @torch.no_grad()
    def losses(self) -> list[float]:
        """Loss of each running member."""
        training = self.training
        if self._lanes != training.running:
            at = [self._lanes.index(i) for i in training.running]
            self._x, self._y, self._weight = self._x[at], self._y[at], self._weight[at]
            self._lanes = list(training.running)
        output = training.net.outputs(self._x)
        losses: list[float] = weighted_loss(
            output, self._y, self._weight, training.plan.loss
        ).tolist()
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
