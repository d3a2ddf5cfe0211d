"""The encoder of OpenPhenom: a vision transformer whose tokens are patches of single stains.

Kraus et al. 2024 (channel-agnostic masked autoencoder): one projection for the patches of all
channels, the same positions in each, and one sequence of the tokens of all channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from phenoprot.features.networks.dino import z_scores
from phenoprot.features.networks.images import centre_crop, centre_square
from phenoprot.features.networks.statistics import Statistics, standardise
from phenoprot.screens.contract import STAINS
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under
from phenoprot_openphenom.settings import Architecture, Pool

ENCODER = "encoder.vit_backbone."
"""Prefix of the encoder's tensors in the published file."""
TRAINING = ("decoder.", "decoder_pred.", "encoder_decoder_proj.")
"""Prefixes of what the file holds besides: parts that only training needs."""


class OpenPhenom(nn.Module):
    """The encoder.

    Parameters
    ----------
    sizes
        Its architecture.
    pool
        Which tokens an embedding is the mean of: ``all``, or those of each stain.
    """

    def __init__(self, sizes: Architecture, pool: Pool = "all") -> None:
        super().__init__()
        from timm.models.vision_transformer import ParallelScalingBlock, VisionTransformer

        self.tokens, self.pool = sizes.tokens, pool
        self.vit: Any = VisionTransformer(
            img_size=sizes.image_size,
            patch_size=sizes.patch_size,
            in_chans=1,
            num_classes=0,
            global_pool="avg",
            embed_dim=sizes.width,
            depth=sizes.depth,
            num_heads=sizes.heads,
            qkv_bias=False,
            qk_norm=True,
            init_values=1e-4,
            block_fn=ParallelScalingBlock,
        )
        self.vit.pos_embed = nn.Parameter(positions(sizes), requires_grad=False)

    def forward(self, tiles: Tensor) -> Tensor:
        """Embed images that are cut into tiles.

        Parameters
        ----------
        tiles
            Standardised, shape (B, T, C, S, S).

        Returns
        -------
        embeddings
            Means over the tiles, shape (B, D), or (B, C D) if each stain is pooled for itself.
        """
        n, _, channels = tiles.shape[:3]
        patches = self.vit.patch_embed(tiles.flatten(0, 2)[:, None])
        tokens = patches.unflatten(0, (-1, channels)).flatten(1, 2)
        x = torch.cat([self.vit.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        x = self.vit.norm_pre(x + self.vit.pos_embed[:, : x.shape[1]])
        # The published embedding is taken before the last norm, which belongs to a head.
        x = self.vit.blocks(x)[:, 1:].unflatten(1, (channels, self.tokens))
        pooled = x.mean(dim=(1, 2)) if self.pool == "all" else x.mean(dim=2).flatten(1)
        return pooled.unflatten(0, (n, -1)).mean(dim=1)


def positions(sizes: Architecture) -> Tensor:
    """Sines and cosines of row and column, the same for each channel, zeros for CLS.

    Returns
    -------
    positions
        Shape (1, 1 + channels * tokens, width); a quarter of the width for each of the four.
    """
    side, quarter = sizes.image_size // sizes.patch_size, sizes.width // 4
    rates = 10000.0 ** (-torch.arange(quarter) / quarter)
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [place.reshape(-1, 1) * rates for place in (row, column)]
    grid = torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)
    return torch.cat([torch.zeros(1, sizes.width), grid.repeat(sizes.channels, 1)])[None]


def untrained(sizes: Architecture, pool: Pool, seed: int) -> OpenPhenom:
    """Make the encoder with the initial weights of timm's model, drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OpenPhenom(sizes, pool).eval()


def load(path: Path, sizes: Architecture, pool: Pool) -> OpenPhenom:
    """Load the encoder out of the published file, which holds the decoder, too.

    Raises
    ------
    UserError
        The file is damaged, or tensors are missing, left over or of other shapes.
    """
    tensors = tensors_under(read_checkpoint(path), str(path), key="state_dict")
    own = {
        name.removeprefix(ENCODER): value
        for name, value in tensors.items()
        if not name.startswith(TRAINING)
    }
    with torch.device("meta"):  # no time is lost on weights that are replaced
        network = OpenPhenom(sizes, pool)
    load_strictly(network.vit, own, str(path), "OpenPhenom", "patch_embed.proj.weight")
    return network.eval()


def tiles_of(images: Tensor, size: int) -> Tensor:
    """Cut images into whole tiles around their centre.

    An image that is shorter than two tiles gives one: its centre square, resized (antialiased).

    Parameters
    ----------
    images
        Shape (B, C, Y, X).
    size
        Side of a tile (px).

    Returns
    -------
    tiles
        Shape (B, T, C, size, size), row by row.
    """
    rows, columns = (length // size for length in images.shape[2:])
    if min(images.shape[2:]) < 2 * size:
        square = centre_square(images)
        if square.shape[2] != size:
            square = functional.interpolate(square, (size, size), mode="bilinear", antialias=True)
        return square[:, None]
    whole = centre_crop(images, (rows * size, columns * size))
    split = whole.unflatten(3, (columns, size)).unflatten(2, (rows, size))
    return split.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def preprocess(images: Tensor, size: int, statistics: Statistics | None) -> Tensor:
    """Cut images into standardised tiles.

    Parameters
    ----------
    images
        Intensities in [0, 1], channels in the order of ``STAINS``, shape (B, C, Y, X).
    size
        Side of a tile (px).
    statistics
        Of the negative controls; None: each stain of each tile by its own mean and sd.

    Returns
    -------
    tiles
        Shape (B, T, C, size, size).
    """
    if statistics is not None:
        return tiles_of(standardise(images, statistics, STAINS), size)
    tiles = tiles_of(images, size)
    return z_scores(tiles.flatten(0, 1)).unflatten(0, tiles.shape[:2])
