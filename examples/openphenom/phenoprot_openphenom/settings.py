"""Settings of the method: no torch here, so that tables are made without it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phenoprot.core.settings import Count, Seed, Settings
from phenoprot.weights.settings import WeightsSettings

Pool = Literal["all", "stains"]


class Architecture(Settings):
    """Sizes of the network; the defaults are those of OpenPhenom-S/16."""

    image_size: Count = 256
    """Side of a tile (px)."""
    patch_size: Count = 16
    """Side of a patch (px)."""
    width: Count = 384
    """Elements of a token."""
    depth: Count = 12
    """Number of blocks."""
    heads: Count = 6
    """Attention heads."""
    channels: Count = 11
    """Most channels that there are positions for."""

    @property
    def tokens(self) -> int:
        """Patches of one stain."""
        return (self.image_size // self.patch_size) ** 2


class OpenPhenomSettings(Settings):
    """The block ``features.others.openphenom`` of params.yaml."""

    weights: WeightsSettings | None = None
    """File of the weights, and its hash. openphenom-untrained takes none."""
    seed: Seed = 0
    """Seed of the initial weights of the untrained network."""
    reads: Literal["crops", "fields"] = "fields"
    """``fields``: tiles of the field of view (as published). ``crops``: single cells, resized."""
    pool: Pool = "all"
    """``all``: one embedding. ``stains``: one of each stain, side by side."""
    standardisation: Literal["image", "controls"] = "image"
    """``image``: each stain of each tile to its own mean and sd (as published). ``controls``: to
    the negative controls."""
    architecture: Architecture = Field(default_factory=Architecture)
    """Sizes of the network."""
    batch_size: Count = 4
    """Images that go through the network together (count)."""
