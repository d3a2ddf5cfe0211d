"""Stacks of MLPs against torch's own modules, scikit-learn, and hand-computed losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error
from torch import nn

from phenoprot.tasks.fit_settings import MlpConfig, TrainSettings
from phenoprot.tasks.mlp import (
    Fit,
    Member,
    MlpStack,
    _epoch,
    _keep_units,
    masked_loss,
    predict,
    train_stack,
)

NAN = math.nan
SETTINGS = TrainSettings(learning_rate=0.01, batch_size=8, max_epochs=12, patience=3, seed=0)


def config(**changes: object) -> MlpConfig:
    plain = {"hidden_layers": 2, "width": 16, "activation": "tanh", "dropout": 0.2}
    return MlpConfig.model_validate({**plain, "weight_decay": 0.0, **changes})


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def plain_network(parameters: list[torch.Tensor], activation: str) -> nn.Sequential:
    """torch's own modules with the weights of one member."""
    layers: list[nn.Module] = []
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        layer = nn.Linear(*weight.shape)
        layer.weight.data, layer.bias.data = weight.T.clone(), bias[0].clone()
        layers += [layer, nn.Tanh() if activation == "tanh" else nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden_layers", [0, 1, 4])
def test_forward_equals_torch_modules(activation: str, hidden_layers: int) -> None:
    shape = config(activation=activation, hidden_layers=hidden_layers)
    stack = MlpStack.initial([1, 2, 3], 5, 4, shape)
    x = normal(3, 7, 5)
    output = stack(x)
    assert output.shape == (3, 7, 4)
    for i in range(3):
        parameters = stack.member(i)
        assert len(parameters) == 2 * (hidden_layers + 1)
        expected = plain_network(parameters, activation)(x[i])
        torch.testing.assert_close(output[i], expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(predict(parameters, x[i], shape), expected)


def test_gradients_equal_torch_modules() -> None:
    shape = config(dropout=0.0)
    stack, x, y = MlpStack.initial([1, 2], 5, 3, shape), normal(2, 7, 5), normal(2, 7, 3, seed=1)
    masked_loss(stack(x), y, "mse").sum().backward()
    for i in range(2):
        network = plain_network(stack.member(i), "tanh")
        nn.functional.mse_loss(network(x[i]), y[i]).backward()
        for j, layer in enumerate(network[::2]):
            torch.testing.assert_close(stack.layers[2 * j].grad[i], layer.weight.grad.T)
            torch.testing.assert_close(stack.layers[2 * j + 1].grad[i][0], layer.bias.grad)


def test_initial_weights_are_those_of_torch_linear() -> None:
    stack = MlpStack.initial([0], 400, 8, config(width=100))
    for parameter, fan_in in zip(stack.layers, (400, 400, 100, 100, 100, 100), strict=True):
        bound = 1 / math.sqrt(fan_in)
        assert parameter.abs().max() <= bound
        if parameter.numel() >= 800:
            assert parameter.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
            assert parameter.mean().item() == pytest.approx(0, abs=0.1 * bound)


def test_initial_weights_depend_on_the_seed_of_the_member_alone() -> None:
    both, one = (MlpStack.initial(seeds, 3, 2, config()) for seeds in ([5, 6], [6]))
    for p, q, r in zip(both.member(1), one.member(0), both.member(0), strict=True):
        assert torch.equal(p, q)
        assert not torch.equal(p, r)


def test_dropout_keeps_the_expected_share_and_scale() -> None:
    shape = config(width=64, dropout=0.25)
    keep = _keep_units([torch.Generator().manual_seed(s) for s in (1, 2)], 100, shape)
    assert keep.shape == (2, 2, 100, 64)
    assert set(keep.unique().tolist()) == {0.0, 1.0}
    assert keep.mean().item() == pytest.approx(0.75, abs=0.01)
    assert not torch.equal(keep[:, 0], keep[:, 1])
    assert _keep_units([torch.Generator()], 4, config(dropout=0.0)) is None
    # Inverted dropout: units that stay are divided by 1 - p.
    stack, x = MlpStack.initial([0], 3, 2, config(hidden_layers=1)), normal(1, 6, 3)
    keep = (normal(1, 1, 6, 16, seed=4) > 0).float()
    first, _, second, bias = stack.member(0)
    hidden = torch.tanh(x[0] @ first + stack.member(0)[1]) * keep[0, 0] / 0.8
    torch.testing.assert_close(stack(x, keep)[0], hidden @ second + bias)


# Losses


def test_cross_entropy_equals_scikit_learn() -> None:
    logits = normal(1, 6, 3)
    labels = torch.tensor([[1.0, 0, NAN], [0, 1, 1], [NAN, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 0]])
    there = ~labels.isnan()
    expected = log_loss(labels[there].numpy(), logits[0].double().sigmoid()[there].numpy())
    loss = masked_loss(logits, labels[None], "bce")
    assert loss.shape == (1,)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_squared_error_and_smape_by_hand() -> None:
    output = torch.tensor([[[1.0, 2.0], [3.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    target = torch.tensor([[[2.0, NAN], [1.0, 0.0]], [[NAN, NAN], [NAN, 5.0]]])
    # Errors 1, 2, 0 and 4.
    torch.testing.assert_close(masked_loss(output, target, "mse"), torch.tensor([5 / 3, 16.0]))
    assert mean_squared_error([2, 1, 0], [1, 3, 0]) == pytest.approx(5 / 3)
    # 1 / 3, 2 / 4, 0 / 0 and 4 / 6.
    expected = torch.tensor([(1 / 3 + 0.5) / 3, 4 / 6])
    torch.testing.assert_close(masked_loss(output, target, "smape"), expected)


@pytest.mark.parametrize("loss", ["bce", "mse", "smape"])
def test_masked_values_have_no_gradient_and_no_nan(loss: str) -> None:
    output = torch.zeros(1, 4, 2, requires_grad=True)
    target = torch.tensor([[[1.0, NAN], [0.0, NAN], [NAN, NAN], [1.0, NAN]]])
    masked_loss(output, target, loss).sum().backward()
    assert torch.isfinite(output.grad).all()
    assert (output.grad[target.isnan()] == 0).all()
    nothing = masked_loss(output, torch.full_like(target, NAN), loss)
    assert nothing.tolist() == [0.0]


# Training


def data(members: int = 3, rows: int = 40) -> tuple[torch.Tensor, torch.Tensor, list[Member]]:
    """Features and labels of one fold per member, and members that learn from 30 of the rows."""
    x = normal(members, rows, 6)
    y = (x[..., : 16 % 6] + 0.5 * normal(members, rows, 4, seed=1) > 0).float()
    y = torch.nn.functional.pad(y, (0, 12), value=NAN)
    train, stop = np.arange(30), np.arange(30, rows)
    return x, y, [Member(i, train, stop, stream=i) for i in range(members)]


def trained(
    x: torch.Tensor, y: torch.Tensor, members: list[Member], **changes: object
) -> list[Fit]:
    settings = SETTINGS.model_copy(update=changes)
    return train_stack(x, y, members, config(), settings, "bce", epoch_rows=30)


def same(one: Fit, two: Fit) -> bool:
    pairs = zip(one.parameters, two.parameters, strict=True)
    return (one.epochs, one.stop_loss) == (two.epochs, two.stop_loss) and all(
        torch.equal(p, q) for p, q in pairs
    )


def test_two_runs_are_the_same_to_the_bit() -> None:
    task = data()
    for one, two in zip(trained(*task), trained(*task), strict=True):
        assert same(one, two)
    assert not any(
        same(one, two) for one, two in zip(trained(*task), trained(*task, seed=1), strict=True)
    )


def test_a_member_alone_is_the_same_as_in_a_stack() -> None:
    """Whether the others stop early or late: its random numbers and its rounding are its own."""
    x, y, members = data()
    stack = trained(x, y, members)
    assert len({fit.epochs for fit in stack}) > 1
    for i, member in enumerate(members):
        assert same(trained(x, y, [member])[0], stack[i])
    assert same(trained(x, y, members[::-1])[0], stack[-1])


def test_poisoning_one_member_leaves_the_others() -> None:
    x, y, members = data()
    before = trained(x, y, members)
    x[1], y[1, :, :4] = 1e6, 1 - y[1, :, :4]
    after = trained(x, y, members)
    assert [same(one, two) for one, two in zip(before, after, strict=True)] == [True, False, True]


def test_rows_outside_train_and_stop_are_not_seen() -> None:
    x, y, members = data(rows=50)
    members = [Member(m.fold, m.train, np.arange(30, 40), stream=m.stream) for m in members]
    before = trained(x, y, members)
    x[:, 40:], y[:, 40:] = NAN, 1e6
    assert all(same(one, two) for one, two in zip(before, trained(x, y, members), strict=True))


def test_stopping_keeps_the_best_epoch() -> None:
    x, y, members = data(1)
    fit = trained(x, y, members, max_epochs=200)[0]
    output = predict(fit.parameters, x[0, 30:], config())
    loss = masked_loss(output[None], y[:, 30:], "bce").item()
    assert loss == fit.stop_loss
    # The same stream, trained for exactly so many epochs, gives the kept weights...
    fixed = Member(0, members[0].train, members[0].stop, fit.epochs)
    again = trained(x, y, [fixed], max_epochs=200)[0]
    assert same(again, fit)
    # ... and no epoch within the patience is better.
    for epochs in (*range(1, fit.epochs), *range(fit.epochs + 1, fit.epochs + 4)):
        other = Member(0, members[0].train, members[0].stop, epochs)
        assert trained(x, y, [other], max_epochs=200)[0].stop_loss >= fit.stop_loss


def test_epochs_are_capped_and_no_stopping_rows_are_needed() -> None:
    x, y, _ = data(1)
    member = Member(0, np.arange(30), np.empty(0, dtype=np.int64), epochs=99)
    fit = trained(x, y, [member])[0]
    assert fit.epochs == 12
    assert math.isnan(fit.stop_loss)


def test_an_epoch_is_a_permutation_and_wraps_around() -> None:
    rng = np.random.default_rng(0)
    train = np.array([3, 5, 8, 9])
    assert sorted(_epoch(train, 4, rng)) == [3, 5, 8, 9]
    longer = _epoch(train, 6, rng)
    assert sorted(longer[:4]) == [3, 5, 8, 9]
    assert longer[4:].tolist() == longer[:2].tolist()
