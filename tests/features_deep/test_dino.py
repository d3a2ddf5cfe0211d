"""DINO: the backbone against timm and against a plain transformer."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from timm.layers import resample_abs_pos_embed
from torch import Tensor
from torch.nn import functional as f

from phenoprot.core.errors import UserError
from phenoprot.features.networks import dino
from phenoprot.features.networks.statistics import Statistics

from .conftest import blobs, of_shape

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def tower() -> dino.DinoTower:
    tower = dino.untrained_dino(0)
    # Positions as large as trained ones: wrong interpolation must show.
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        smooth = torch.randn(1, 768, 4, 4, generator=generator)
        grid = f.interpolate(smooth, (8, 8), mode="bilinear").flatten(2).transpose(1, 2)
        tower.vit.pos_embed[:, 1:] = grid
        for name, parameter in tower.vit.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return tower


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 5, 128, 128, generator=torch.Generator().manual_seed(1))


def timm_model(tower: dino.DinoTower, size: int, positions: Tensor) -> torch.nn.Module:
    model = timm.create_model(
        "vit_base_patch16_224", in_chans=5, img_size=size, num_classes=0, global_pool="token"
    )
    model.load_state_dict({**tower.vit.state_dict(), "pos_embed": positions}, strict=True)
    return model.eval()


def plain_forward(state: State, x: Tensor, positions: Tensor) -> Tensor:
    """A vision transformer in plain matrix products."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        variance = (x - mean).square().mean(-1, keepdim=True)
        scaled = (x - mean) / torch.sqrt(variance + 1e-6)
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    b, c, h, w = x.shape
    patches = x.reshape(b, c, h // 16, 16, w // 16, 16).permute(0, 2, 4, 1, 3, 5)
    weight = state["patch_embed.proj.weight"].reshape(768, -1)
    x = patches.reshape(b, -1, c * 256) @ weight.T + state["patch_embed.proj.bias"]
    x = torch.cat([state["cls_token"].expand(b, -1, -1), x], dim=1) + positions
    for block in range(12):
        name = f"blocks.{block}"
        y = linear(norm(x, f"{name}.norm1"), f"{name}.attn.qkv")
        q, k, v = y.reshape(b, -1, 3, 12, 64).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(64), dim=-1)
        y = (weights @ v).transpose(1, 2).reshape(b, -1, 768)
        x = x + linear(y, f"{name}.attn.proj")
        y = linear(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1")
        y = 0.5 * y * (1 + torch.erf(y / math.sqrt(2)))
        x = x + linear(y, f"{name}.mlp.fc2")
    return norm(x, "norm")[:, 0]


def bicubic(grid: np.ndarray, n: int) -> np.ndarray:
    """Interpolate (N, N, D) to (n, n, D): cubic convolution, a = -0.75, scale (n + 0.1) / N."""
    size = len(grid)
    matrix = np.zeros((n, size))
    for i in range(n):
        place = (i + 0.5) * size / (n + 0.1) - 0.5
        for tap in range(math.floor(place) - 1, math.floor(place) + 3):
            d, a = abs(place - tap), -0.75
            if d <= 1:
                weight = (a + 2) * d**3 - (a + 3) * d**2 + 1
            else:
                weight = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
            matrix[i, min(max(tap, 0), size - 1)] += weight
    return np.einsum("iy,jx,yxd->ijd", matrix, matrix, grid)


def test_equals_timm_and_a_plain_transformer(tower: dino.DinoTower, images: Tensor) -> None:
    positions = tower.vit.pos_embed.detach()
    with torch.inference_mode():
        found = tower(images)
        torch.testing.assert_close(
            found, timm_model(tower, 128, positions)(images), rtol=0, atol=1e-5
        )
        plain = plain_forward(tower.vit.state_dict(), images, positions)
    torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-5)
    assert found.shape == (2, dino.WIDTH)
    assert len(tower.vit.state_dict()) == 150


@pytest.mark.parametrize("n", [4, 14])
def test_positions_are_interpolated_as_dino_does(tower: dino.DinoTower, n: int) -> None:
    positions = tower.vit.pos_embed.detach()
    found = dino.interpolate_positions(positions, n, n)
    assert found.shape == (1, 1 + n * n, 768)
    torch.testing.assert_close(found[:, :1], positions[:, :1])
    expected = bicubic(positions[0, 1:].reshape(8, 8, 768).double().numpy(), n)
    np.testing.assert_allclose(found[0, 1:].numpy(), expected.reshape(n * n, 768), atol=1e-5)
    # timm's own is close, but for DINO's 0.1.
    near = resample_abs_pos_embed(positions, [n, n], antialias=False)
    assert 1e-4 < (found - near).abs().mean() < 0.05


def test_other_sizes_equal_timm(tower: dino.DinoTower) -> None:
    images = torch.randn(1, 5, 224, 224, generator=torch.Generator().manual_seed(4))
    positions = dino.interpolate_positions(tower.vit.pos_embed.detach(), 14, 14)
    with torch.inference_mode():
        expected = timm_model(tower, 224, positions)(images)
        torch.testing.assert_close(tower(images), expected, rtol=0, atol=1e-5)


def test_no_interpolation_at_the_trained_size(tower: dino.DinoTower) -> None:
    assert dino.interpolate_positions(tower.vit.pos_embed, 8, 8) is tower.vit.pos_embed


def upstream_checkpoint(state: State, path: Path) -> Path:
    """A file as DINO's training writes it."""
    head = {
        "head.mlp.0.weight": torch.ones(4, 768),
        "head.last_layer.weight_g": torch.ones(8, 1),
    }
    backbone = {f"backbone.{name}": value for name, value in state.items()}
    torch.save(
        {
            "student": {"module.backbone.cls_token": torch.zeros(1, 1, 768)},
            "teacher": {f"module.{name}": value for name, value in (backbone | head).items()},
            "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4}]},
            "epoch": 100,
            "args": argparse.Namespace(arch="vit_base", patch_size=16),
            "dino_loss": {"center": torch.zeros(1, 8)},
        },
        path,
    )
    return path


@pytest.fixture(scope="module")
def checkpoint(tower: dino.DinoTower, tmp_path_factory: pytest.TempPathFactory) -> Path:
    half = {name: value.half() for name, value in tower.vit.state_dict().items()}
    return upstream_checkpoint(half, tmp_path_factory.mktemp("dino") / "dino.pth")


def test_an_upstream_checkpoint_is_loaded(tower: dino.DinoTower, checkpoint: Path) -> None:
    loaded = dino.load_dino(checkpoint)
    assert not loaded.training
    for name, value in tower.vit.state_dict().items():
        expected = value.half().float()
        torch.testing.assert_close(loaded.vit.state_dict()[name], expected, rtol=0, atol=0)
    # The checkpoint of 128 px takes both sizes.
    with torch.inference_mode():
        for size in (128, 224):
            assert loaded(torch.zeros(1, 5, size, size)).shape == (1, 768)


def test_the_geometry_is_the_checkpoints(tmp_path: Path) -> None:
    with torch.device("meta"):
        state = dino.DinoTower(224).vit.state_dict()
    shapes = {name: torch.zeros(1).expand(value.shape) for name, value in state.items()}
    torch.save(shapes, tmp_path / "bare.pth")
    loaded = dino.load_dino(tmp_path / "bare.pth")
    assert loaded.vit.pos_embed.shape == (1, 197, 768)
    assert loaded.vit.patch_embed.img_size == (224, 224)


def test_other_models_are_refused(tower: dino.DinoTower, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"

    def message(state: State) -> str:
        torch.save({"teacher": state}, path)
        with pytest.raises(UserError) as fault:
            dino.load_dino(path)
        return str(fault.value)

    good = of_shape(tower.vit.state_dict())
    three = of_shape(good, **{"patch_embed.proj.weight": (768, 3, 16, 16)})
    assert "takes 3 input channels, expected 5" in message(three)
    tiny = timm.create_model("vit_tiny_patch16_224", in_chans=5, img_size=128, num_classes=0)
    assert "have another shape (cls_token (1, 1, 192), expected (1, 1, 768)" in message(
        of_shape(tiny.state_dict())
    )
    resnet = timm.create_model("resnet10t", in_chans=5, num_classes=0)
    assert "no weights of DINO (vit_base_patch16_224): 150 tensors are missing (cls_token" in (
        message(of_shape(resnet.state_dict()))
    )
    uneven = {**good, "pos_embed": torch.zeros(1, 60, 768)}
    assert "pos_embed has 60 tokens: not CLS and a square grid" in message(uneven)
    deep = {f"blocks.12.{n}": torch.zeros(1) for n in range(4)}
    assert "no weights of DINO (vit_base_patch16_224): 4 are not expected (blocks.12.0" in message(
        good | deep
    )


def test_z_scores_by_hand() -> None:
    image = torch.zeros(1, 5, 2, 2)
    image[0, 0] = torch.tensor([[0.1, 0.3], [0.1, 0.3]])
    image[0, 1] = 0.7
    scores = dino.z_scores(image)
    torch.testing.assert_close(scores[0, 0], torch.tensor([[-1.0, 1.0], [-1.0, 1.0]]))
    # A channel of one value is centred, not divided by a rounding error.
    assert scores[0, 1:].abs().max() < 1e-6


def test_preprocessing(statistics: Statistics) -> None:
    images = torch.from_numpy(blobs(2, 60, 48))
    found = dino.preprocess(images, 32, None)
    assert found.shape == (2, 5, 32, 32)
    torch.testing.assert_close(found.mean(dim=(2, 3)), torch.zeros(2, 5), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.std(dim=(2, 3), correction=0), torch.ones(2, 5))
    square = images[:, :, 6:54]
    expected = f.interpolate(square, (32, 32), mode="bilinear", antialias=True)
    torch.testing.assert_close(found, dino.z_scores(expected))
    native = dino.preprocess(images[:, :, :48], None, statistics)
    by_hand = (images[0, 1, 3, 5] - 0.06) / 0.14  # the second channel is RNA
    moved = dino.preprocess(images[:, [0, 2, 1, 3, 4], :48], None, statistics)
    assert native.shape == (2, 5, 48, 48)
    torch.testing.assert_close(native[0, 1, 3, 5], by_hand)
    torch.testing.assert_close(moved[0, 2, 3, 5], (images[0, 1, 3, 5] - 0.04) / 0.12)


def test_crops_that_are_not_made_of_patches() -> None:
    with pytest.raises(UserError, match="crops of 72 x 72 px are not made of patches of 16 px"):
        dino.preprocess(torch.zeros(1, 5, 72, 72), None, None)
