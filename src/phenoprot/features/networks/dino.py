"""DINO's ViT-B/16 on Cell Painting crops (Caron et al. 2021; Doron et al. 2023).

The backbone is timm's ``vit_base_patch16_224`` with five input channels: same tensors, same
numbers. Its positions belong to one input size, that of the checkpoint (128 px: an 8 x 8 grid); for
other sizes they are interpolated as DINO does it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from phenoprot.core.errors import UserError
from phenoprot.features.networks.images import centre_square
from phenoprot.features.networks.statistics import Statistics, standardise
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under

STAINS = ("DNA", "RNA", "ER", "AGP", "Mito")
"""The order of the input channels. (The paper's figure swaps RNA and ER.)"""
WIDTH = 768
"""Elements of an embedding."""
PATCH = 16
"""Side of a patch (px)."""
TRAINED_SIZE = 128
"""Side of the crops that the published network was trained on (px)."""
MODEL = "vit_base_patch16_224"
POSITIONS = "pos_embed"


class DinoTower(nn.Module):
    """The backbone: CLS token after the final norm.

    Parameters
    ----------
    size
        Side of the input that the positions belong to (px).
    """

    def __init__(self, size: int = TRAINED_SIZE) -> None:
        super().__init__()
        import timm

        # dynamic_img_size lets the patch embedding take any size; positions are added below.
        self.vit: Any = timm.create_model(
            MODEL,
            in_chans=len(STAINS),
            img_size=size,
            num_classes=0,
            global_pool="token",
            dynamic_img_size=True,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Embed images.

        Parameters
        ----------
        images
            Standardised, channels in the order of `STAINS`, shape (B, 5, Y, X), Y and X multiples
            of 16 px.

        Returns
        -------
        embeddings
            Shape (B, 768).
        """
        patches = self.vit.patch_embed(images)
        positions = interpolate_positions(self.vit.pos_embed, patches.shape[1], patches.shape[2])
        cls = self.vit.cls_token.expand(len(images), -1, -1)
        x = torch.cat([cls, patches.flatten(1, 2)], dim=1) + positions
        for block in self.vit.blocks:
            x = block(x)
        return self.vit.norm(x)[:, 0]


def interpolate_positions(positions: Tensor, rows: int, columns: int) -> Tensor:
    """Fit positions to another grid, as DINO does.

    Bicubic without antialiasing; the scale is (n + 0.1) / N for n patches where N were trained
    (DINO adds the 0.1 against rounding, and it shifts the samples a little).

    Parameters
    ----------
    positions
        Of CLS and of a square grid, shape (1, 1 + N * N, D).
    rows, columns
        The grid wanted.

    Returns
    -------
    positions
        Shape (1, 1 + rows * columns, D).
    """
    side = math.isqrt(positions.shape[1] - 1)
    if rows == columns == side:
        return positions
    grid = positions[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    grid = functional.interpolate(
        grid, scale_factor=((rows + 0.1) / side, (columns + 0.1) / side), mode="bicubic"
    )
    return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def untrained_dino(seed: int, size: int = TRAINED_SIZE) -> DinoTower:
    """Make a backbone with the initial weights of timm's model, drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DinoTower(size).eval()


def load_dino(path: Path) -> DinoTower:
    """Load the teacher's backbone out of a DINO checkpoint; the input size is the checkpoint's.

    Parameters
    ----------
    path
        Checkpoint of a DINO training (``teacher`` with ``backbone.*`` and ``head.*`` beside
        student and optimiser), or the bare backbone.

    Raises
    ------
    UserError
        The file is damaged, holds another model, or one for another number of channels.
    """
    where = str(path)
    tensors = tensors_under(read_checkpoint(path), where, key="teacher", prefixes=("module.",))
    backbone = {
        name.removeprefix("backbone."): value
        for name, value in tensors.items()
        if not name.startswith("head.")
    }
    with torch.device("meta"):  # no time is lost on weights that are replaced
        tower = DinoTower(_trained_size(backbone, where))
    load_strictly(tower.vit, backbone, where, f"DINO ({MODEL})", "patch_embed.proj.weight")
    return tower.eval()


def _trained_size(backbone: Mapping[str, Tensor], where: str) -> int:
    """Side of the input that the positions of a checkpoint belong to (px)."""
    positions = backbone.get(POSITIONS)
    if positions is None or positions.ndim != 3:
        return TRAINED_SIZE  # loading names what is wrong
    side = math.isqrt(max(positions.shape[1] - 1, 0))
    if side < 1 or side * side != positions.shape[1] - 1:
        raise UserError(
            f"{POSITIONS} has {positions.shape[1]} tokens: not CLS and a square grid",
            where=where,
            remedy="Give the checkpoint of a network that was trained on square crops.",
        )
    return side * PATCH


def resized(images: Tensor, size: int | None) -> Tensor:
    """Bring square images to `size` px (bilinear, antialiased); None: leave them as they are.

    Raises
    ------
    UserError
        They are left as they are, and are not a multiple of 16 px.
    """
    if size is not None:
        if images.shape[2:] == (size, size):
            return images
        return functional.interpolate(images, (size, size), mode="bilinear", antialias=True)
    height, width = images.shape[2:]
    if height % PATCH or width % PATCH:
        raise UserError(
            f"crops of {height} x {width} px are not made of patches of {PATCH} px",
            where="dino",
            remedy=f"Set size, e.g. 224, or cut crops of a multiple of {PATCH} px.",
        )
    return images


def z_scores(images: Tensor) -> Tensor:
    """Standardise each channel of each image to its own mean and sd (over all its pixels, ddof 0).

    A channel of one value has no spread to be measured in: it is only centred, and becomes 0.
    """
    mean = images.mean(dim=(2, 3), keepdim=True)
    sd = images.std(dim=(2, 3), keepdim=True, correction=0)
    return (images - mean) / torch.where(sd > 1e-6 * mean.abs(), sd, torch.ones_like(sd))


def preprocess(images: Tensor, size: int | None, statistics: Statistics | None) -> Tensor:
    """Prepare crops or fields.

    Parameters
    ----------
    images
        Intensities in [0, 1], channels in the order of `STAINS`, shape (B, 5, Y, X).
    size
        Side of the input (px); None: as the crops are.
    statistics
        Of the negative controls (poster); None: each crop's own (upstream).
    """
    images = resized(centre_square(images), size)
    return z_scores(images) if statistics is None else standardise(images, statistics, STAINS)
