"""Many networks trained side by side, as one stack of batched matrix products.

A nested cross-validation needs hundreds of small networks: folds x grid points x inner splits x
members of an ensemble. One by one they spend their time in call overhead; as a stack, one step of
all of them is one batched matrix product per layer. Each member of a stack has rows, labels and
random numbers of its own: what it learns depends on no other member, not even on when one stops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phenoprot.tasks.fit_settings import Loss, MlpConfig
from phenoprot.tasks.mlp import MlpStack, base_rate, masked_loss

LEVELS_OF_DROPOUT = 2**16
"""Dropout probabilities are rounded to one of so many: 16 random bits decide on a unit."""


@dataclass(frozen=True)
class Member:
    """What one network of a stack learns from."""

    fold: int
    """Outer fold: which scaled copy of features and labels it sees."""
    train: np.ndarray
    """Rows to fit."""
    stream: tuple[int, ...]
    """Seed of its own random numbers: weights, batches and dropout."""


@dataclass(frozen=True)
class TrainPlan:
    """How the networks of a stack train."""

    batch_size: int
    """Treatments per step."""
    epoch_rows: int
    """Rows that each member sees in an epoch; one with fewer sees some of them twice."""
    loss: Loss
    """Objective."""
    base_rate: bool
    """Whether the outputs start at the base rate, or mean level, of the member's training rows."""

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.epoch_rows // self.batch_size)


class Training:
    """Networks that train together, epoch by epoch; any of them may leave.

    Parameters
    ----------
    features, labels
        (folds, rows, n_features) and (folds, rows, n_targets), on the device to train on: one copy
        per outer fold, scaled by the caller with that fold's training rows.
    members
        Rows and random numbers of each network.
    config
        Shape of the networks and step size.
    plan
        Batches and objective.
    """

    def __init__(
        self,
        features: Tensor,
        labels: Tensor,
        members: Sequence[Member],
        config: MlpConfig,
        plan: TrainPlan,
    ) -> None:
        self.features, self.labels, self.members = features, labels, members
        self.config, self.plan = config, plan
        self.rngs = [np.random.default_rng(member.stream) for member in members]
        seeds = [int(rng.integers(2**63)) for rng in self.rngs]
        net = MlpStack.initial(seeds, features.shape[2], labels.shape[2], config)
        if plan.base_rate:
            net.output_bias.data = torch.stack(
                [base_rate(labels[m.fold, m.train].cpu(), plan.loss)[None] for m in members]
            )
        self.net = net.to(features.device)
        self.optimiser = _adam(self.net, config)
        self.running = list(range(len(members)))
        """The member in each lane of the stack."""

    def epoch(self) -> None:
        """Show every running member its training rows once, in an order of its own."""
        plan, device = self.plan, self.features.device
        fold = torch.tensor([[self.members[i].fold] for i in self.running], device=device)
        order = np.stack([self._order(i) for i in self.running])
        keep = self._keep()
        for start in range(0, plan.epoch_rows, plan.batch_size):
            stop = start + plan.batch_size
            index = torch.from_numpy(order[:, start:stop]).to(device)
            kept = None if keep is None else self._scaled(keep[:, :, start:stop].to(device))
            self.optimiser.zero_grad(set_to_none=True)
            # The gradient of the sum is each member's own: no parameter is shared.
            output = self.net(_rows(self.features, fold, index), kept)
            target = _rows(self.labels, fold, index)
            masked_loss(output, target, plan.loss).sum().backward()
            self.optimiser.step()

    def _order(self, i: int) -> np.ndarray:
        """Row numbers of one epoch in random order; too few wrap around to stay in step."""
        return np.resize(self.rngs[i].permutation(self.members[i].train), self.plan.epoch_rows)

    def _keep(self) -> Tensor | None:
        """Hidden units that dropout keeps in one epoch, (hidden_layers, lanes, epoch_rows, width).

        Every member draws from its own generator: another's stopping must not shift its numbers.
        """
        if not self._dropped:
            return None
        shape = (self.config.hidden_layers, self.plan.epoch_rows, self.config.width)
        drawn = [
            self.rngs[i].integers(LEVELS_OF_DROPOUT, size=shape, dtype=np.uint16) >= self._dropped
            for i in self.running
        ]
        return torch.from_numpy(np.stack(drawn, axis=1))

    @property
    def _dropped(self) -> int:
        return round(self.config.dropout * LEVELS_OF_DROPOUT)

    def _scaled(self, keep: Tensor) -> Tensor:
        """Factor of each hidden unit: kept ones make up for the dropped ones."""
        return keep.to(torch.float32) * (1 / (1 - self._dropped / LEVELS_OF_DROPOUT))

    def keep_lanes(self, lanes: list[int]) -> None:
        """Go on with some lanes only, Adam's moments included."""
        if len(lanes) == len(self.running):
            return
        smaller = MlpStack([p.detach()[lanes] for p in self.net.layers], self.config)
        successor = _adam(smaller, self.config)
        for old, new in zip(self.net.layers, smaller.layers, strict=True):
            state = self.optimiser.state[old]
            successor.state[new] = {
                "step": state["step"],
                "exp_avg": state["exp_avg"][lanes],
                "exp_avg_sq": state["exp_avg_sq"][lanes],
            }
        self.net, self.optimiser = smaller, successor
        self.running = [self.running[lane] for lane in lanes]

    @torch.no_grad()
    def outputs(self, rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Outputs and labels of rows of each running member.

        Parameters
        ----------
        rows
            Row numbers for each member of the stack.

        Returns
        -------
        output, target
            (lanes, most rows, n_targets); a lane with fewer rows ends in masked labels.
        """
        device = self.features.device
        longest = max(len(rows[i]) for i in self.running)
        index = np.stack([np.resize(rows[i], longest) for i in self.running])
        lengths = torch.tensor([[len(rows[i])] for i in self.running], device=device)
        fold = torch.tensor([[self.members[i].fold] for i in self.running], device=device)
        at = torch.from_numpy(index).to(device)
        beyond = torch.arange(longest, device=device)[None] >= lengths
        target = _rows(self.labels, fold, at).masked_fill(beyond[..., None], math.nan)
        return self.net(_rows(self.features, fold, at)), target


def train_networks(
    features: Tensor,
    labels: Tensor,
    members: Sequence[Member],
    epochs: Sequence[int],
    config: MlpConfig,
    plan: TrainPlan,
) -> list[list[Tensor]]:
    """Train each member for its number of epochs.

    Parameters
    ----------
    features, labels, members, config, plan
        As for :class:`Training`.
    epochs
        Of each member, at least 1.

    Returns
    -------
    list of list of torch.Tensor
        Weights (inputs, outputs) and biases (1, outputs) of each member's layers in turn.
    """
    training = Training(features, labels, members, config, plan)
    done: dict[int, list[Tensor]] = {}
    for epoch in range(1, max(epochs) + 1):
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
        For each team one loss per epoch.
    """
    curves: list[list[float]] = [[] for _ in range(max(teams) + 1)]
    steps = training.plan.steps
    for _ in range(-(-max_steps // steps)):
        training.epoch()
        losses = masked_loss(*training.outputs(held_out), training.plan.loss).tolist()
        of_team = [teams[i] for i in training.running]
        for team in dict.fromkeys(of_team):
            own = [loss for loss, other in zip(losses, of_team, strict=True) if other == team]
            curves[team].append(sum(own) / len(own))
        going = [
            lane
            for lane, team in enumerate(of_team)
            if (len(curves[team]) - 1 - best_epoch(curves[team])) * steps < patience
        ]
        if not going:
            break
        training.keep_lanes(going)
    return curves


def best_epoch(curve: Sequence[float]) -> int:
    """Number of the first epoch with the lowest loss, from 0."""
    return min(range(len(curve)), key=curve.__getitem__)


def _rows(values: Tensor, fold: Tensor, index: Tensor) -> Tensor:
    """``values[fold, index]`` of (folds, rows, columns), copied by whole rows."""
    flat = (fold * values.shape[1] + index).flatten()
    return values.flatten(0, 1).index_select(0, flat).unflatten(0, index.shape)


def _adam(net: MlpStack, config: MlpConfig) -> torch.optim.Adam:
    return torch.optim.Adam(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
