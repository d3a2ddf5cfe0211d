"""Networks that train side by side: each is what it would be alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from phenoprot.tasks.mlp import base_rate, kept_factor, known, predict, weighted_loss
from phenoprot.tasks.training import (
    Adam,
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
    return x, y, [Member(i, np.arange(30), (seed, i), config()) for i in range(members)]


def trained(task: Data, epochs: list[int], plan: TrainPlan = PLAN) -> list[list[torch.Tensor]]:
    x, y, members = task
    return train_networks(x, y, members, epochs, plan)


def same(one: list[torch.Tensor], two: list[torch.Tensor]) -> bool:
    return all(torch.equal(p, q) for p, q in zip(one, two, strict=True))


def curves(task: Data, patience: int = 12, steps: int = 200) -> list[list[float]]:
    x, y, members = task
    return learning_curves(
        Training(x, y, members, PLAN),
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


def test_in_bfloat16_a_member_is_its_own_and_its_weights_are_float32() -> None:
    task, epochs = data(), [6, 3, 6]
    plan = replace(PLAN, precision="bfloat16")
    stack = trained(task, epochs, plan)
    x, y, members = task
    for i, member in enumerate(members):
        assert same(trained((x, y, [member]), [epochs[i]], plan)[0], stack[i])
        assert not same(trained((x, y, [member]), [epochs[i]])[0], stack[i])
    training = Training(x, y, members, plan)
    training.epoch()
    kept = (training.net.flat, training.optimiser.mean, training.optimiser.square)
    assert {values.dtype for values in kept} == {torch.float32}
    # Changes far below what bfloat16 resolves add up.
    assert not torch.equal(training.net.flat, training.net.flat.bfloat16().float())


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
    net = Training(x, y, members, PLAN).net
    torch.testing.assert_close(net.output_bias[0, 0], base_rate(y[0, :30], "bce"))
    random = Training(x, y, members, replace(PLAN, base_rate=False)).net
    assert random.output_bias.abs().max() <= 1 / math.sqrt(16)
    assert torch.equal(random.layers[0], net.layers[0])


def with_config(members: list[Member], **changes: object) -> list[Member]:
    return [replace(member, config=config(**changes)) for member in members]


def dropped(training: Training) -> torch.Tensor:
    """Dropout of one epoch, (steps, hidden_layers, lanes, batch, width)."""
    return torch.stack([keep for *_, keep in training._batches()])


def test_dropout_drops_the_expected_share_anew_in_each_epoch() -> None:
    x, y, members = data(2)
    members = with_config(members, width=64, dropout=0.25)
    training = Training(x, y, members, PLAN)
    keep, again = dropped(training), dropped(training)
    assert keep.shape == (4, 2, 2, 8, 64)
    assert (keep > 0).float().mean().item() == pytest.approx(0.75, abs=0.02)
    assert not torch.equal(keep[:, :, 0], keep[:, :, 1])
    assert not torch.equal(keep, again)
    assert keep.unique().tolist() == pytest.approx([0, 4 / 3])
    assert kept_factor(members[0].config) == 4 / 3
    none = Training(x, y, with_config(members, dropout=0.0), PLAN)
    assert [keep for *_, keep in none._batches()] == [None] * 4


def test_members_with_one_stream_draw_the_same_numbers() -> None:
    """Grid points of one inner split: the same batches and dropout, whoever else trains."""
    x, y, (first, other) = data(2)
    decayed = replace(first, config=config(weight_decay=0.1))
    together = trained((x, y, [first, decayed, other]), [3, 5, 4])
    for member, epochs, found in zip([first, decayed, other], [3, 5, 4], together, strict=True):
        assert same(trained((x, y, [member]), [epochs])[0], found)
    assert not same(together[0], trained((x, y, [decayed]), [3])[0])


def test_steps_are_those_of_torch() -> None:
    """Weight decay of each parameter, and moments that are taken over."""
    decay = torch.tensor([0.0, 0.3, 0.0, 0.3], dtype=torch.float64).repeat(4)
    ours, theirs = normal(16).double(), torch.nn.Parameter(normal(16).double())
    other = torch.nn.Parameter(normal(16).double())
    optimisers = [
        torch.optim.Adam([p], 0.01, weight_decay=w) for p, w in ((theirs, 0), (other, 0.3))
    ]
    adam = Adam(ours, 0.01, decay)
    for step in range(12):
        if step == 5:
            before, adam = adam, Adam(ours, 0.01, decay)
            adam.go_on(before.steps, before.mean, before.square)
        gradient = normal(16, seed=step).double()
        theirs.grad, other.grad = gradient.clone(), gradient.clone()
        for optimiser in optimisers:
            optimiser.step()
        adam.step(gradient)
        expected = torch.where(decay > 0, other.detach(), theirs.detach())
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


def test_a_curve_is_the_loss_of_networks_trained_so_long() -> None:
    x, y, members = task = data(2)
    for i, losses in enumerate(curves(task)):
        assert losses[0] == math.inf
        for epochs in (1, 2, len(losses) - 1):
            weights = trained((x, y, [members[i]]), [epochs])[0]
            output = predict(weights, x[i, HELD_OUT], config())[None]
            truth = known(y[i : i + 1, HELD_OUT])
            assert losses[epochs] == weighted_loss(output, *truth, "bce").item()


def test_a_team_leaves_when_its_loss_has_not_fallen_for_so_many_steps() -> None:
    task = data(3)
    for curve in curves(task, patience=12):  # 3 epochs of 4 steps
        best = curve.index(min(curve))
        assert len(curve) == 1 + min(best + 3, 50)
    assert len({len(curve) for curve in curves(task)}) > 1
    assert [len(curve) for curve in curves(task, patience=10_000, steps=17)] == [6, 6, 6]


def test_a_team_is_judged_by_the_mean_of_its_members() -> None:
    x, y, members = data(3)
    alone = curves((x, y, members), patience=10_000, steps=20)
    training = Training(x, y, members, PLAN)
    team, single = learning_curves(training, [HELD_OUT] * 3, [0, 1, 0], 20, 10_000)
    assert team == pytest.approx((np.array(alone[0]) + alone[2]) / 2)
    assert single == alone[1]


def test_members_may_hold_out_different_numbers_of_rows() -> None:
    x, y, members = data(2)
    held = [np.arange(30, 40), np.arange(30, 34)]
    both = learning_curves(Training(x, y, members, PLAN), held, [0, 1], 8, 99)
    for i in range(2):
        training = Training(x, y, members[i : i + 1], PLAN)
        alone = learning_curves(training, held[i : i + 1], [0], 8, 99)[0]
        assert both[i] == pytest.approx(alone)


@pytest.mark.parametrize("length", [4, 6])
def test_an_epoch_is_a_permutation_and_wraps_around(length: int) -> None:
    _, y, _ = data(1)
    x = torch.arange(40.0)[None, :, None].expand(1, 40, 6).contiguous()  # a row says its number
    member = Member(0, np.array([3, 5, 8, 9]), (0,), config())
    training = Training(x, y, [member], replace(PLAN, epoch_rows=length))
    ((seen, *_),) = training._batches()
    order = seen[0, :, 0].tolist()
    assert sorted(order[:4]) == [3, 5, 8, 9]
    assert order[4:] == order[: length - 4]


def test_an_epoch_is_cut_into_equal_batches() -> None:
    plan = replace(PLAN, batch_size=64, epoch_rows=230)
    assert (plan.steps, plan.step_rows) == (4, 58)
    assert (replace(plan, batch_size=500).steps, replace(plan, epoch_rows=64).step_rows) == (1, 64)


def test_the_step_size_is_that_of_the_grid_point() -> None:
    x, y, members = data(1)
    training = Training(x, y, with_config(members, learning_rate=1e-5), PLAN)
    before = training.net.layers[0].clone()
    training.epoch()
    # Adam moves a weight by about one step size per step.
    assert 0 < (training.net.layers[0] - before).abs().max() <= 4.1e-5
