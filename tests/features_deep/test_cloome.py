"""CLOOME: the tower against a plain implementation, the images against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor
from torch.nn import functional as f

from phenoprot.core.errors import UserError
from phenoprot.features.networks import cloome
from phenoprot.features.networks.cloome_method import Cloome
from phenoprot.features.networks.images import centre_crop
from phenoprot.features.networks.settings import CloomeSettings
from phenoprot.features.networks.statistics import Statistics

from .conftest import blobs, of_shape

State = dict[str, Tensor]


def trained_like(seed: int = 0) -> cloome.ImageTower:
    """A tower whose batch norms are not the identity."""
    tower = cloome.untrained_tower(seed)
    generator = torch.Generator().manual_seed(seed)
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            n = module.num_features
            module.running_mean = 0.1 * torch.randn(n, generator=generator)
            module.running_var = 0.5 + torch.rand(n, generator=generator)
            module.weight.data = 0.3 + 0.2 * torch.rand(n, generator=generator)
            module.bias.data = 0.1 * torch.randn(n, generator=generator)
    return tower


def plain_forward(state: State, x: Tensor) -> Tensor:
    """The tower as one reads it in its description, on the tensors of the checkpoint."""

    def conv_norm(x: Tensor, conv: str, norm: str, **how: int) -> Tensor:
        x = f.conv2d(x, state[f"{conv}.weight"], **how)
        mean, variance, weight, bias = (
            state[f"{norm}.{name}"][None, :, None, None]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    x = conv_norm(x, "conv1", "bn1", stride=2, padding=3).clamp(min=0)
    x = f.max_pool2d(x, 3, 2, 1)
    for layer, blocks in ((1, 3), (2, 4), (3, 6), (4, 3)):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            halve = layer > 1 and block == 0
            y = conv_norm(x, f"{name}.conv1", f"{name}.bn1").clamp(min=0)
            y = conv_norm(y, f"{name}.conv2", f"{name}.bn2", padding=1).clamp(min=0)
            y = f.avg_pool2d(y, 2) if halve else y
            y = conv_norm(y, f"{name}.conv3", f"{name}.bn3")
            if block == 0:
                x = f.avg_pool2d(x, 2) if halve else x
                x = conv_norm(x, f"{name}.downsample.0", f"{name}.downsample.1")
            x = (x + y).clamp(min=0)
    windows = x.unfold(2, 7, 1).unfold(3, 7, 1)  # every 7 x 7 window
    x = windows.mean(dim=(4, 5)).mean(dim=(2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    return x / x.square().sum(dim=1, keepdim=True).sqrt()


@pytest.fixture(scope="module")
def tower() -> cloome.ImageTower:
    return trained_like()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 5, 230, 290, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def embeddings(tower: cloome.ImageTower, images: Tensor) -> Tensor:
    with torch.inference_mode():
        return tower(images)


def test_size(tower: cloome.ImageTower) -> None:
    assert sum(parameter.numel() for parameter in tower.parameters()) == 24_563_392
    assert len(tower.state_dict()) == 320


def test_equals_a_plain_implementation(
    tower: cloome.ImageTower, images: Tensor, embeddings: Tensor
) -> None:
    with torch.inference_mode():
        expected = plain_forward(tower.state_dict(), images)
    torch.testing.assert_close(embeddings, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


def test_folding_the_norms_changes_nothing(images: Tensor, embeddings: Tensor) -> None:
    tower = cloome.folded(trained_like())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in tower.modules())
    with torch.inference_mode():
        torch.testing.assert_close(tower(images), embeddings, rtol=0, atol=1e-6)


def test_loads_into_torchvision_and_differs_from_it(
    tower: cloome.ImageTower, images: Tensor, embeddings: Tensor
) -> None:
    other = torchvision.models.resnet50(num_classes=512)
    other.conv1 = torch.nn.Conv2d(5, 64, 7, stride=2, padding=3, bias=False)
    other.load_state_dict(tower.state_dict(), strict=True)
    with torch.inference_mode():
        theirs = f.normalize(other.eval()(images))
    difference = (theirs - embeddings).norm(dim=1)
    assert (difference > 0.005).all()
    assert (difference < 0.3).all()


def upstream_checkpoint(state: State, path: Path) -> Path:
    """A file as CLOOME's training writes it: 351 tensors, data-parallel names, both towers."""
    tensors = {f"module.visual.{name}": value for name, value in state.items()}
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    molecules = [f"{n}.0.{name}" for n in range(5) for name in ("weight", "bias")]
    molecules += [f"{n}.1.{name}" for n in range(4) for name in norm]
    tensors |= {f"module.transformer.layers.{name}": torch.ones(3) for name in molecules}
    tensors["module.logit_inv_tau"] = torch.tensor(14.3)
    torch.save(
        {"epoch": 63, "name": "cloome", "state_dict": tensors, "optimizer": {"state": {}}}, path
    )
    return path


def test_an_upstream_checkpoint_is_loaded(tower: cloome.ImageTower, tmp_path: Path) -> None:
    path = upstream_checkpoint(tower.state_dict(), tmp_path / "cloome.pt")
    assert len(torch.load(path, weights_only=True, mmap=True)["state_dict"]) == 351
    loaded = cloome.load_tower(path)
    assert not loaded.training
    for name, value in tower.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=0, atol=0)


def test_the_baseline_may_see_less_of_a_field(tower: cloome.ImageTower, tmp_path: Path) -> None:
    path = upstream_checkpoint(tower.state_dict(), tmp_path / "cloome.pt")
    field = torch.rand(1, 5, 240, 250)
    settings = CloomeSettings(preprocessing="published", untrained_side=224)
    shapes = []
    for weights in (None, path):
        prepared = Cloome(settings, trained=bool(weights)).make(weights, None).prepare(field)
        shapes.append(prepared.shape[2:])
    assert shapes == [(224, 224), (240, 250)]


def test_half_precision_becomes_single(tower: cloome.ImageTower, tmp_path: Path) -> None:
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in tower.state_dict().items()
    }
    loaded = cloome.load_tower(upstream_checkpoint(half, tmp_path / "cloome.pt"))
    assert loaded.fc.weight.dtype == torch.float32
    torch.testing.assert_close(loaded.fc.weight, tower.fc.weight, rtol=1e-3, atol=1e-4)


def test_other_models_are_refused(tower: cloome.ImageTower, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"

    def message(state: State) -> str:
        upstream_checkpoint(state, path)
        with pytest.raises(UserError) as fault:
            cloome.load_tower(path)
        return str(fault.value)

    good = of_shape(tower.state_dict())
    three = of_shape(good, **{"conv1.weight": (64, 3, 7, 7)})
    assert message(three).startswith(f"{path}: takes 3 input channels, expected 5. Give weights of")
    wide = of_shape(good, **{"fc.weight": (1000, 2048)})
    assert "1 have another shape (fc.weight (1000, 2048), expected (512, 2048))" in message(wide)
    short = {name: value for name, value in good.items() if not name.startswith("layer4")}
    assert "no weights of the image tower of CLOOME: 60 tensors are missing (layer4.0.conv1" in (
        message(short)
    )
    torch.save({"state_dict": {"a": torch.ones(1)}}, path)
    with pytest.raises(UserError, match=r"320 tensors are missing \(conv1.weight, .*\(a\)"):
        cloome.load_tower(path)


def published_levels(image: np.ndarray) -> np.ndarray:
    """8 bits of one channel as published: numpy, the threshold by sorting."""
    n = max(int(np.around(image.size * 0.01 / 100)), 1)
    threshold = np.sort(image, axis=None)[-n]
    scaled = image.astype(float) * (256.0 / threshold)
    scaled[scaled > 255] = 255
    return scaled.astype(np.uint8)


@pytest.mark.parametrize("shape", [(520, 696), (230, 231), (20, 30)])
def test_eight_bits_equal_numpy(shape: tuple[int, int]) -> None:
    counts = np.random.default_rng(0).gamma(2, 3000, (2, 5, *shape)).clip(0, 65535)
    counts = counts.astype(np.uint16)
    levels = cloome.eight_bits(torch.from_numpy((counts / np.float32(65535)).astype(np.float32)))
    expected = np.stack([[published_levels(channel) for channel in image] for image in counts])
    np.testing.assert_array_equal(levels.numpy(), expected)


def test_eight_bits_by_hand() -> None:
    image = torch.zeros(1, 5, 2, 2)
    image[0, 0] = torch.tensor([[0.5, 0.25], [0.125, 0.0]])  # 32768, 16384, 8192 counts
    levels = cloome.eight_bits(image)
    # One of four pixels counts as brightest; a black channel stays black.
    torch.testing.assert_close(levels[0, 0], torch.tensor([[255.0, 128.0], [64.0, 0.0]]))
    assert not levels[0, 1:].any()


def test_published_preprocessing_equals_torchvision() -> None:
    images = torch.from_numpy(blobs(1, 301, 251))
    crop = (222, 240)
    levels = cloome.eight_bits(images)
    cut = torchvision.transforms.functional.center_crop(levels, list(crop))
    means = list(cloome.CHANNEL_MEANS)
    expected = torchvision.transforms.functional.normalize(cut, means, means)
    found = cloome.preprocess_published(images, crop)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(10, 10), (11, 14), (13, 9), (5, 20), (6, 6)])
def test_centre_crop(shape: tuple[int, int]) -> None:
    image = torch.arange(shape[0] * shape[1], dtype=torch.float32).reshape(1, 1, *shape)
    crop = (min(6, shape[0]), min(7, shape[1]))
    expected = torchvision.transforms.functional.center_crop(image, list(crop))
    # An axis that is too short stays whole, where torchvision would pad it with black.
    torch.testing.assert_close(centre_crop(image, (6, 7)), expected)


def test_control_preprocessing_by_hand(statistics: Statistics) -> None:
    images = torch.full((1, 5, 230, 240), 0.5)
    found = cloome.preprocess_controls(images, (520, 696), statistics)
    assert found.shape == (1, 5, 230, 240)
    # Mito, ER, RNA, AGP, DNA
    expected = [
        (0.5 - m) / s
        for m, s in ((0.1, 0.18), (0.04, 0.12), (0.06, 0.14), (0.08, 0.16), (0.02, 0.1))
    ]
    torch.testing.assert_close(found[0, :, 0, 0], torch.tensor(expected))


def test_fields_that_are_too_small(statistics: Statistics) -> None:
    with pytest.raises(UserError, match="220 x 400 px is too small for CLOOME, which needs 221"):
        cloome.preprocess_controls(torch.zeros(1, 5, 220, 400), (520, 696), statistics)
    with torch.device("meta"):
        tower = cloome.ImageTower()
        assert tower(torch.zeros(2, 5, 221, 221)).shape == (2, 512)
        with pytest.raises(RuntimeError, match="too small"):
            tower(torch.zeros(2, 5, 221, 220))
