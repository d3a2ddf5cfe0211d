"""Stacks of MLPs against torch's own modules, scikit-learn, and hand-computed losses."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from sklearn.metrics import log_loss, mean_squared_error
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from phenoprot.tasks.fit_settings import MlpConfig
from phenoprot.tasks.mlp import (
    PRODUCTS,
    MlpStack,
    base_rate,
    forward,
    hidden_units,
    kept_factor,
    known,
    loss_gradient,
    outputs,
    predict,
    weighted_loss,
)

NAN = math.nan


def config(**changes: object) -> MlpConfig:
    plain = {"hidden_layers": 2, "width": 16, "activation": "tanh", "dropout": 0.2}
    return MlpConfig.model_validate(
        {**plain, "weight_decay": 0.0, "learning_rate": 0.01, "skip": False, **changes}
    )


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
    output = stack.outputs(x)
    assert output.shape == (3, 7, 4)
    for i in range(3):
        parameters = stack.member(i)
        assert len(parameters) == 2 * (hidden_layers + 1)
        expected = plain_network(parameters, activation)(x[i])
        torch.testing.assert_close(output[i], expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(predict(parameters, x[i], shape), expected)


def test_the_linear_path_is_added_and_starts_at_zero() -> None:
    with_path, without = (config(skip=skip) for skip in (True, False))
    stack, x = MlpStack.initial([1, 2], 5, 4, with_path), normal(2, 7, 5)
    assert len(stack.layers) == 7
    assert not stack.layers[-1].any()
    torch.testing.assert_close(stack.outputs(x), MlpStack.initial([1, 2], 5, 4, without).outputs(x))
    stack.layers[-1].copy_(normal(2, 5, 4, seed=3))
    expected = MlpStack.initial([1, 2], 5, 4, without).outputs(x) + x @ normal(2, 5, 4, seed=3)
    torch.testing.assert_close(stack.outputs(x), expected)
    assert stack.output_bias is stack.layers[5]


def plain_loss(output: torch.Tensor, target: torch.Tensor, loss: str) -> torch.Tensor:
    """torch's own mean over the known values of one member."""
    there = ~target.isnan()
    p, y = output[there], target[there]
    if loss == "bce":
        return nn.functional.binary_cross_entropy_with_logits(p, y)
    if loss == "mse":
        return nn.functional.mse_loss(p, y)
    return ((p - y).abs() / (p.abs() + y.abs())).mean()


@pytest.mark.parametrize("loss", ["bce", "mse", "smape"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_gradients_equal_autograd(loss: str, activation: str, skip: bool, dropout: float) -> None:
    """torch's modules, its losses and its backward pass, member by member in float64."""
    shape = config(activation=activation, skip=skip, dropout=dropout, hidden_layers=3)
    random = MlpStack.initial([1, 2], 5, 3, shape).layers
    stack = MlpStack([p.double() + 0.1 * normal(*p.shape, seed=9).double() for p in random], shape)
    x, y = normal(2, 7, 5).double(), normal(2, 7, 3, seed=1).double()
    y = (y > 0).double() if loss == "bce" else y
    y[normal(2, 7, 3, seed=2) > 0.8] = NAN
    keep = (normal(3, 2, 7, 16, seed=4) > -0.6).double() * kept_factor(shape) if dropout else None
    expected = []
    for i in range(2):
        network = plain_network(stack.member(i)[:8], activation)
        straight = stack.member(i)[8].requires_grad_() if skip else None
        hidden = x[i]
        for j, layer in enumerate(network):
            hidden = layer(hidden)
            if j % 2 and keep is not None:
                hidden = hidden * keep[j // 2, i]
        if straight is not None:
            hidden = hidden + x[i] @ straight
        plain_loss(hidden, y[i], loss).backward()
        own = [g for layer in network[::2] for g in (layer.weight.grad.T, layer.bias.grad[None])]
        expected.append(own if straight is None else [*own, straight.grad])
    stack.differentiate(x, *known(y), loss, keep)
    found = stack.select(stack.gradient, [0, 1])
    for layer, *members in zip(found, *expected, strict=True):
        torch.testing.assert_close(layer, torch.stack(members), rtol=1e-10, atol=1e-12)


# Mixed precision


class Products(TorchDispatchMode):
    """Types of the factors of every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.dtype] = []

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "bmm" in op.name():
            self.seen += [value.dtype for value in args if isinstance(value, torch.Tensor)]
        return op(*args, **(kwargs or {}))


@pytest.mark.parametrize(("precision", "dtype"), PRODUCTS.items())
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("loss", ["bce", "mse", "smape"])
def test_products_are_of_the_precision_and_gradients_of_float32(
    precision: str, dtype: torch.dtype | None, activation: str, loss: str
) -> None:
    shape = config(skip=True, activation=activation)
    stack = MlpStack.initial([1, 2], 5, 3, shape)
    x, y, keep = normal(2, 64, 5), (normal(2, 64, 3, seed=1) > 0).float(), torch.ones(2, 2, 64, 16)
    y[normal(2, 64, 3, seed=2) > 1] = NAN
    before = stack.flat.clone()
    with Products() as products:
        stack.differentiate(x, *known(y), loss, keep, dtype)
    assert len(products.seen) > 20
    assert set(products.seen) == {dtype or torch.float32}
    assert stack.gradient.dtype == stack.flat.dtype == torch.float32
    assert torch.isfinite(stack.gradient).all()
    assert torch.equal(stack.flat, before)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_gradients_in_bfloat16_are_near_those_of_autocast(loss: str, activation: str) -> None:
    """torch's own mixed precision: modules, losses and backward pass under its autocast."""
    shape = config(activation=activation)
    stack = MlpStack.initial([1], 5, 3, shape)
    x, y = normal(1, 64, 5), (normal(1, 64, 3, seed=1) > 0).float()
    network = plain_network(stack.member(0), activation)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(x[0])
        assert output.dtype == torch.bfloat16
    plain_loss(output.float(), y[0], loss).backward()
    theirs = [g for layer in network[::2] for g in (layer.weight.grad.T, layer.bias.grad[None])]
    exact, ours = [], []
    for found, dtype in ((exact, None), (ours, torch.bfloat16)):
        stack.differentiate(x, *known(y), loss, products=dtype)
        found += [g[0].clone() for g in stack.select(stack.gradient, [0])]
    # Layer by layer: a sum over rows that nearly cancels keeps few digits.
    far, their_far = (
        [float((g - plain).norm() / plain.norm()) for g, plain in zip(found, exact, strict=True)]
        for found in (ours, theirs)
    )
    assert 0 < max(far) < 2 * max(their_far)
    whole, plain = (torch.cat([g.flatten() for g in found]) for found in (ours, exact))
    assert (whole - plain).norm() < 0.1 * plain.norm()


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


def test_dropped_units_and_the_scale_of_the_kept_ones() -> None:
    shape = config(hidden_layers=1)
    stack, x = MlpStack.initial([0], 3, 2, shape), normal(1, 6, 3)
    keep = (normal(1, 1, 6, 16, seed=4) > 0).float() / 0.8
    first, _, second, bias = stack.member(0)
    hidden = torch.tanh(x[0] @ first + stack.member(0)[1]) * keep[0, 0]
    found = outputs(stack.layers, hidden_units(stack.layers, x, shape, keep), shape)
    torch.testing.assert_close(found[0], hidden @ second + bias)
    torch.testing.assert_close(forward(stack.layers, x, shape), stack.outputs(x))


# Losses


def test_cross_entropy_equals_scikit_learn() -> None:
    logits = normal(1, 6, 3)
    labels = torch.tensor([[1.0, 0, NAN], [0, 1, 1], [NAN, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 0]])
    there = ~labels.isnan()
    expected = log_loss(labels[there].numpy(), logits[0].double().sigmoid()[there].numpy())
    loss = weighted_loss(logits, *known(labels[None]), "bce")
    assert loss.shape == (1,)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_squared_error_and_smape_by_hand() -> None:
    output = torch.tensor([[[1.0, 2.0], [3.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    target = torch.tensor([[[2.0, NAN], [1.0, 0.0]], [[NAN, NAN], [NAN, 5.0]]])
    # Errors 1, 2, 0 and 4.
    torch.testing.assert_close(
        weighted_loss(output, *known(target), "mse"), torch.tensor([5 / 3, 16.0])
    )
    assert mean_squared_error([2, 1, 0], [1, 3, 0]) == pytest.approx(5 / 3)
    # 1 / 3, 2 / 4, 0 / 0 and 4 / 6.
    expected = torch.tensor([(1 / 3 + 0.5) / 3, 4 / 6])
    torch.testing.assert_close(weighted_loss(output, *known(target), "smape"), expected)


@pytest.mark.parametrize("loss", ["bce", "mse", "smape"])
def test_masked_values_have_no_gradient_and_no_nan(loss: str) -> None:
    output = torch.zeros(1, 4, 2)
    target = torch.tensor([[[1.0, NAN], [0.0, NAN], [NAN, NAN], [1.0, NAN]]])
    gradient = loss_gradient(output.clone(), *known(target), loss)
    assert torch.isfinite(gradient).all()
    assert (gradient[target.isnan()] == 0).all()
    nothing = weighted_loss(output, *known(torch.full_like(target, NAN)), loss)
    assert nothing.tolist() == [0.0]


# The first bias


def test_base_rates_by_hand() -> None:
    labels = torch.tensor([[1.0, 0.0, NAN], [0.0, 0.0, NAN], [0.0, NAN, NAN]])
    expected = [math.log(1.5 / 2.5), math.log(0.5 / 2.5), 0.0]
    assert base_rate(labels, "bce").tolist() == pytest.approx(expected)
    levels = torch.tensor([[1.0, NAN], [2.0, NAN]])
    assert base_rate(levels, "mse").tolist() == [1.5, 0.0]
