"""Our transformer block against timm's, and what a process that trains does not load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from timm.layers.norm import LayerNorm
from timm.models.vision_transformer import Block as Reference
from torch import Tensor, nn

from phenoprot.features.mae.block import Block

ROOT = Path(__file__).parents[2]


def drawn(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    if kind is Block:
        return Block(24, 3, 2.5)
    return Reference(24, 3, 2.5, qkv_bias=True, norm_layer=LayerNorm)


@pytest.mark.parametrize("barred", [False, True])
def test_weights_outputs_and_gradients_are_timm_s(barred: bool) -> None:
    ours, theirs = drawn(Block), drawn(Reference)
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)  # one seed, one network
    allowed = torch.rand(2, 1, 1, 7) < 0.6
    allowed[..., 0] = True
    found: list[list[Tensor | None]] = []
    for block in (ours, theirs):
        x = torch.randn(2, 7, 24, generator=torch.Generator().manual_seed(5), requires_grad=True)
        y = block(x, allowed) if barred else block(x)
        y.square().sum().backward()
        found.append([y, x.grad, *(p.grad for p in block.parameters())])
    for one, other in zip(*found, strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


def test_a_process_that_trains_on_a_cpu_loads_neither_fabric_nor_timm_nor_the_compiler() -> None:
    script = (
        "import sys; from pathlib import Path; from tempfile import TemporaryDirectory\n"
        "from tests.mae.toy import run_toy\n"
        "with TemporaryDirectory() as folder: run_toy(Path(folder), {'steps': 1})\n"
        "print({'timm', 'torchvision', 'lightning', 'torch._dynamo'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "set()\n", run.stdout
