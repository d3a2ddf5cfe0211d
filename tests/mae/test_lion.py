"""Lion against lion-pytorch, and the gradient in parts against that of the whole."""

from __future__ import annotations

import pytest
import torch
from lion_pytorch import Lion as Reference  # type: ignore[import-untyped]
from torch import nn

from phenoprot.features.mae import lion
from phenoprot.features.mae.batches import Sampler
from phenoprot.features.mae.gradient import add_gradient, shared_out
from phenoprot.features.mae.loop import Objective, gradient_norm
from phenoprot.features.mae.model import seeded_model

from .toy import STANDARD, ArrayCrops, settings


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("piece", [1, 7, 2**17])
def test_lion_is_lion(piece: int, pooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lion, "PIECE", piece)
    torch.manual_seed(0)
    models = [nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    betas = (0.9, 0.95)
    both: list[lion.Group] = [
        {"params": [*model.parameters()], "lr": 0.01, "weight_decay": 0.3} for model in models
    ]
    ours_and_theirs = (lion.Lion(both[:1], betas), Reference(both[1:], betas=betas))
    for model, optimiser in zip(models, ours_and_theirs, strict=True):
        generator = torch.Generator().manual_seed(1)
        with shared_out() as pool:
            if pooled and isinstance(optimiser, lion.Lion):
                optimiser.pool = pool
            for _ in range(5):
                for parameter in model.parameters():
                    parameter.grad = torch.randn(parameter.shape, generator=generator)
                optimiser.step()
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("cells", [1, 3])
def test_the_gradient_in_parts_is_that_of_the_whole(cells: int) -> None:
    s = settings(cells=cells, fields=1)  # one crop, and a number that two threads do not share
    crops = ArrayCrops()
    sampler = Sampler(crops.fields, torch.arange(6).numpy(), s.model, s.training)
    batches = [sampler.read(crops, step, 0, 0) for step in range(2)]
    model, objective = seeded_model(s.model, 0), Objective(STANDARD, s)
    expected: dict[str, torch.Tensor] = {}
    for batch in batches:
        loss, parts = objective(model, batch)
        (loss / 2).backward()
        expected = parts
    gradient = [p.grad for p in model.parameters()]
    again = []
    for _ in range(2):
        model.zero_grad()
        with shared_out() as pool:
            for batch in batches:
                found = add_gradient(objective, model, batch, 0.5, pool)
            norms = [gradient_norm(model, None, p) for p in (pool, None)]
        again.append([p.grad for p in model.parameters()])
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)
    for whole, first, second in zip(gradient, *again, strict=True):
        assert whole is not None
        torch.testing.assert_close(first, whole, rtol=1e-4, atol=1e-6)
        assert torch.equal(first, second)  # the same bits, whichever thread was first
    assert norms[0] == norms[1]
    squares = sum(float(whole.double().square().sum()) for whole in gradient if whole is not None)
    torch.testing.assert_close(float(norms[0]), squares**0.5, rtol=1e-4, atol=0)
