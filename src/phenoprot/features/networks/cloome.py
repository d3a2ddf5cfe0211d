"""CLOOME's image tower (Sanchez-Fernandez et al. 2023, doi:10.1038/s41467-023-42328-w).

A ResNet-50 whose residual blocks follow CLIP (Radford et al. 2021, section 2.3): a block that
halves the image does so by average pooling, on its shortcut before the 1x1 convolution and on its
main path after the 3x3 convolution, where the original ResNet takes strided convolutions. The stem
is that of the original: a 7x7 convolution of stride 2, then a 3x3 max pool of stride 2. The head is
a 7x7 average pool of stride 1 and the mean over what it leaves, hence a mean that counts border
pixels less; then a linear projection to 512 and the L2 norm. Names and shapes of all tensors are
those of torchvision's resnet50: its weights load there without an error, and yield other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from phenoprot.core.errors import UserError
from phenoprot.features.networks.images import centre_crop
from phenoprot.features.networks.statistics import Statistics, standardise
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under

STAINS = ("Mito", "ER", "RNA", "AGP", "DNA")
"""The order of CLOOME's input channels."""
WIDTH = 512
"""Elements of an embedding."""
CROP = (520, 696)
"""Height and width that CLOOME was trained on (px)."""
CHANNEL_MEANS = (47.1314, 40.8138, 53.7692, 46.2656, 28.7243)
"""Means of its training images on the scale 0-255, in the order of `STAINS`."""
BRIGHTEST = 1e-4
"""Share of an image's pixels that is clipped."""
HEAD = 7
"""Side of the last average pool (px of the last feature map)."""
SMALLEST = 221
"""Least height and width of an input (px): the stem makes 56 of 221, and three pools 7 of 56."""
EXPANSION = 4
COUNTS = 65535
"""Full scale of a 16-bit image."""


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; a stride is an average pool.

    Parameters
    ----------
    channels
        Channels of the input.
    width
        Channels of the 3x3 convolution; the output has four times as many.
    stride
        1 or 2.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.downsample: nn.Module | None = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, Y, X) to (B, 4 width, Y // stride, X // stride)."""
        y = functional.relu_(self.bn1(self.conv1(x)))
        y = self.pool(functional.relu_(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(self.pool(x))
        return functional.relu_(y.add_(x))


def _layer(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels, width, stride)
    rest = [Bottleneck(width * EXPANSION, width, 1) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class ImageTower(nn.Module):
    """The image tower, 24,563,392 parameters for five channels.

    Parameters
    ----------
    channels
        Channels of the input.
    """

    def __init__(self, channels: int = len(STAINS)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _layer(64, 64, 3, 1)
        self.layer2 = _layer(256, 128, 4, 2)
        self.layer3 = _layer(512, 256, 6, 2)
        self.layer4 = _layer(1024, 512, 3, 2)
        self.avgpool = nn.AvgPool2d(HEAD, stride=1)
        self.fc = nn.Linear(512 * EXPANSION, WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images.

        Parameters
        ----------
        images
            Preprocessed, channels in the order of `STAINS`, shape (B, C, Y, X), at least
            `SMALLEST` px high and wide.

        Returns
        -------
        embeddings
            Of Euclidean norm 1, shape (B, 512).
        """
        x = self.maxpool(functional.relu_(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.avgpool(x).mean(dim=(2, 3))
        return functional.normalize(self.fc(x))


def untrained_tower(seed: int) -> ImageTower:
    """Make an image tower with initial weights as its authors draw them, from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tower = ImageTower()
        for module in tower.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return _ready(tower)


def load_tower(path: Path) -> ImageTower:
    """Load the image tower out of a CLOOME checkpoint.

    Parameters
    ----------
    path
        Checkpoint: ``state_dict`` with ``module.visual.*`` beside the molecule tower, which is
        not read.

    Raises
    ------
    UserError
        The file is damaged, holds another model, or one for another number of channels.
    """
    tensors = tensors_under(
        read_checkpoint(path), str(path), key="state_dict", prefixes=("module.",)
    )
    visual = {
        name.removeprefix("visual."): value
        for name, value in tensors.items()
        if name.startswith("visual.")
    }
    with torch.device("meta"):
        tower = ImageTower()
    load_strictly(tower, visual or tensors, str(path), "the image tower of CLOOME", "conv1.weight")
    return _ready(tower)


def _ready(tower: ImageTower) -> ImageTower:
    # Channels last: the same sums to rounding, in an eighth less time on a CPU.
    return tower.eval().to(memory_format=torch.channels_last)


def folded(tower: ImageTower) -> ImageTower:
    """Put the batch norms of a tower into its convolutions, in place: equal but for rounding.

    A norm of fixed statistics scales and shifts a channel; by itself it walks through all of it.
    """
    _fold(tower, "conv1", "bn1")
    for block in tower.modules():
        if isinstance(block, Bottleneck):
            for number in "123":
                _fold(block, f"conv{number}", f"bn{number}")
            if block.downsample is not None:
                _fold(block.downsample, "0", "1")
    return tower


def _fold(parent: Any, convolution: str, norm: str) -> None:
    pair = (parent.get_submodule(name) for name in (convolution, norm))
    parent.set_submodule(convolution, fuse_conv_bn_eval(*pair))
    parent.set_submodule(norm, nn.Identity())


def eight_bits(images: Tensor) -> Tensor:
    """Clip the brightest 0.01 % of the pixels of each image and channel, and scale to 0..255.

    The threshold is the smallest of the brightest pixels; at least one pixel counts as brightest,
    so that images below 5,000 pixels have a threshold, too (upstream divides by zero). Levels are
    ``floor(256 value / threshold)``, at most 255, as where the training images were prepared; the
    authors' class for new images takes 255, which differs by one level at most. A black channel
    stays 0.

    Parameters
    ----------
    images
        Intensities in [0, 1], shape (B, C, Y, X); taken as 16-bit counts.

    Returns
    -------
    levels
        Whole numbers 0..255, float32, shape (B, C, Y, X).
    """
    counts = (images.double() * COUNTS).round()
    pixels = counts.flatten(2)
    brightest = max(round(pixels.shape[2] * BRIGHTEST), 1)
    threshold = pixels.topk(brightest, dim=2).values[:, :, -1, None, None]
    levels = (counts * (256 / threshold)).floor().clamp(max=255)
    return torch.where(threshold > 0, levels, torch.zeros_like(levels)).float()


def preprocess_published(images: Tensor, crop: Sequence[int]) -> Tensor:
    """Prepare images as CLOOME's authors do: 8 bits, centre crop, (x - m) / m per channel.

    Parameters
    ----------
    images
        Intensities in [0, 1], channels in the order of `STAINS`, shape (B, C, Y, X).
    crop
        Height and width (px).
    """
    means = torch.tensor(CHANNEL_MEANS, device=images.device)[:, None, None]
    return (_fitting(centre_crop(eight_bits(images), crop)) - means) / means


def preprocess_controls(images: Tensor, crop: Sequence[int], statistics: Statistics) -> Tensor:
    """Prepare images as the poster does: centre crop, standardised to the negative controls."""
    return standardise(_fitting(centre_crop(images, crop)), statistics, STAINS)


def _fitting(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    if min(height, width) < SMALLEST:
        raise UserError(
            f"a field of {height} x {width} px is too small for CLOOME, which needs "
            f"{SMALLEST} x {SMALLEST} px",
            where="field of view",
            remedy="Give larger fields of view, or a larger crop.",
        )
    return images
