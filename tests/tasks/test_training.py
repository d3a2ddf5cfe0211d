"""Networks that train side by side: each is what it would be alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from phenoprot.tasks.fit_settings import MlpConfig
from phenoprot.tasks.mlp import base_rate, masked_loss, predict
from phenoprot.tasks.training import (
    Member,
    Training,
    TrainPlan,
    learning_curves,
    train_networks,
)

from .test_mlp import NAN, config, normal

PLAN = TrainPlan(batch_size=8, epoch_rows=30, loss="bce", base_rate=True)
HELD_OUT = np.arange(30, 40)
Data = tuple[torch.Tensor, torch.Tensor, list[Member]]


def data(members: int = 3, rows: int = 40, seed: int = 0) -> Data:
    """Features and labels of one fold per member, and members that learn from 30 of the rows."""
    x = normal(members, rows, 6)
    y = (x[..., : 16 % 6] + 0.5 * normal(members, rows, 4, seed=1) > 0).float()
    y = torch.nn.functional.pad(y, (0, 12), value=NAN)
    return x, y, [Member(i, np.arange(30), (seed, i)) for i in range(members)]


def trained(task: Data, epochs: list[int], plan: TrainPlan = PLAN) -> list[list[torch.Tensor]]:
    x, y, members = task
    return train_networks(x, y, members, epochs, config(), plan)


def same(one: list[torch.Tensor], two: list[torch.Tensor]) -> bool:
    return all(torch.equal(p, q) for p, q in zip(one, two, strict=True))


def curves(task: Data, patience: int = 12, steps: int = 200) -> list[list[float]]:
    x, y, members = task
    return learning_curves(
        Training(x, y, members, config(), PLAN),
        [HELD_OUT] * len(members),
        list(range(len(members))),
        steps,
        patience,
    )


def test_two_runs_are_the_same_to_the_bit_and_seeds_differ() -> None:
    epochs = [3, 5, 4]
    first, again = trained(data(), epochs), trained(data(), epochs)
    assert all(same(one, two) for one, two in zip(first, again, strict=True))
    other = trained(data(seed=1), epochs)
    assert not any(same(one, two) for one, two in zip(first, other, strict=True))


def test_a_member_alone_is_the_same_as_in_a_stack() -> None:
    """Whether the others stop early or late: its random numbers and its rounding are its own."""
    x, y, members = data()
    epochs = [9, 3, 6]
    stack = trained((x, y, members), epochs)
    for i, member in enumerate(members):
        assert same(trained((x, y, [member]), [epochs[i]])[0], stack[i])
    assert same(trained((x, y, members[::-1]), epochs[::-1])[0], stack[-1])


def test_poisoning_one_member_leaves_the_others() -> None:
    task = data()
    before = trained(task, [4, 4, 4])
    task[0][1], task[1][1, :, :4] = 1e6, 1 - task[1][1, :, :4]
    after = trained(task, [4, 4, 4])
    assert [same(one, two) for one, two in zip(before, after, strict=True)] == [True, False, True]


def test_rows_outside_the_training_part_are_not_seen() -> None:
    task = data()
    before = trained(task, [4, 4, 4])
    task[0][:, 30:], task[1][:, 30:] = NAN, 1e6
    assert all(same(one, two) for one, two in zip(before, trained(task, [4, 4, 4]), strict=True))


def test_outputs_start_at_the_base_rate_unless_random() -> None:
    x, y, members = data(1)
    net = Training(x, y, members, config(), PLAN).net
    torch.testing.assert_close(net.output_bias[0, 0], base_rate(y[0, :30], "bce"))
    random = Training(x, y, members, config(), replace(PLAN, base_rate=False)).net
    assert random.output_bias.abs().max() <= 1 / math.sqrt(16)
    assert torch.equal(random.layers[0], net.layers[0])


def test_dropout_drops_the_expected_share_anew_in_each_epoch() -> None:
    x, y, members = data(2)
    training = Training(x, y, members, config(width=64, dropout=0.25), PLAN)
    keep, again = training._keep(), training._keep()
    assert keep.shape == (2, 2, 30, 64)
    assert keep.float().mean().item() == pytest.approx(0.75, abs=0.02)
    assert not torch.equal(keep[:, 0], keep[:, 1])
    assert not torch.equal(keep, again)
    assert training._scaled(keep).unique().tolist() == pytest.approx([0, 4 / 3])
    assert Training(x, y, members, config(dropout=0.0), PLAN)._keep() is None


def test_a_curve_is_the_loss_of_networks_trained_so_long() -> None:
    x, y, members = task = data(2)
    for i, losses in enumerate(curves(task)):
        for epochs in (1, 2, len(losses)):
            weights = trained((x, y, [members[i]]), [epochs])[0]
            output = predict(weights, x[i, HELD_OUT], config())[None]
            truth = y[i : i + 1, HELD_OUT]
            assert losses[epochs - 1] == masked_loss(output, truth, "bce").item()


def test_a_team_leaves_when_its_loss_has_not_fallen_for_so_many_steps() -> None:
    task = data(3)
    for curve in curves(task, patience=12):  # 3 epochs of 4 steps
        best = curve.index(min(curve))
        assert len(curve) == min(best + 1 + 3, 50)
    assert len({len(curve) for curve in curves(task)}) > 1
    assert [len(curve) for curve in curves(task, patience=10_000, steps=17)] == [5, 5, 5]


def test_a_team_is_judged_by_the_mean_of_its_members() -> None:
    x, y, members = data(3)
    alone = curves((x, y, members), patience=10_000, steps=20)
    training = Training(x, y, members, config(), PLAN)
    team, single = learning_curves(training, [HELD_OUT] * 3, [0, 1, 0], 20, 10_000)
    assert team == pytest.approx((np.array(alone[0]) + alone[2]) / 2)
    assert single == alone[1]


def test_members_may_hold_out_different_numbers_of_rows() -> None:
    x, y, members = data(2)
    held = [np.arange(30, 40), np.arange(30, 34)]
    both = learning_curves(Training(x, y, members, config(), PLAN), held, [0, 1], 8, 99)
    for i in range(2):
        training = Training(x, y, members[i : i + 1], config(), PLAN)
        alone = learning_curves(training, held[i : i + 1], [0], 8, 99)[0]
        assert both[i] == pytest.approx(alone)


def test_an_epoch_is_a_permutation_and_wraps_around() -> None:
    x, y, _ = data(1)
    rows = np.array([3, 5, 8, 9])
    for length in (4, 6):
        plan = replace(PLAN, epoch_rows=length)
        order = Training(x, y, [Member(0, rows, (0,))], config(), plan)._order(0)
        assert sorted(order[:4]) == [3, 5, 8, 9]
        assert order[4:].tolist() == order[: length - 4].tolist()


def test_the_step_size_is_that_of_the_grid_point() -> None:
    x, y, members = data(1)
    shape: MlpConfig = config(learning_rate=1e-5)
    training = Training(x, y, members, shape, PLAN)
    before = training.net.layers[0].detach().clone()
    training.epoch()
    # Adam moves a weight by about one step size per step.
    assert 0 < (training.net.layers[0] - before).abs().max() <= 4.1e-5
