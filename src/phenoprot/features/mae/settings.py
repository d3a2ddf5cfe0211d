"""Settings of the masked autoencoder: network, objective, training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from phenoprot.core.settings import Count, Seed, Settings, Share

MAE_NAMES = ("mae", "mae-untrained")
"""Feature methods that read the finished model: the network as trained, and as it began."""

Size = Annotated[int, Field(ge=1, le=2**16)]
Small = Annotated[int, Field(ge=1, le=1024)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class ModelSettings(Settings):
    """The network. ViT-B/8/224 of the poster: 224 px, patch 8, width 768, depth 12, heads 12."""

    image_size: Annotated[int, Field(ge=1, le=4096)] = 64
    """Side of a crop (px)."""
    patch_size: Count = 4
    """Side of a patch (px); divides the image size."""
    channels: Small = 5
    """Channels of a crop, in the order of the stains (count)."""
    tokens: Literal["joint", "channel"] = "joint"
    """``joint``: one token holds a patch of all channels. ``channel``: one token per patch and
    channel, all masked independently."""
    mask_ratio: float = Field(default=0.9, gt=0, lt=1)
    """Share of the tokens that the encoder does not see."""
    width: Size = 128
    """Width of the encoder (elements of a token)."""
    depth: Small = 4
    """Transformer blocks of the encoder (count)."""
    heads: Small = 4
    """Attention heads of the encoder (count)."""
    mlp_ratio: float = Field(default=4.0, gt=0, le=64)
    """Width of a block's hidden layer, in widths of the network."""
    decoder_width: Size = 64
    """Width of the decoder (elements of a token; poster's reference: 512)."""
    decoder_depth: Small = 1
    """Transformer blocks of the decoder (count; poster: 1)."""
    decoder_heads: Small = 2
    """Attention heads of the decoder (count; poster's reference: 16)."""

    @model_validator(mode="after")
    def _consistent(self) -> ModelSettings:
        if self.image_size % self.patch_size:
            raise ValueError(
                f"patch_size {self.patch_size} does not divide image_size {self.image_size}"
            )
        for name, width, heads in (
            ("width", self.width, self.heads),
            ("decoder_width", self.decoder_width, self.decoder_heads),
        ):
            if width % heads:
                raise ValueError(f"{name} {width} is no multiple of its {heads} heads")
            if width % 4:
                raise ValueError(f"{name} {width} is no multiple of 4, as positions need")
        if not 0 < self.visible < self.n_tokens:
            raise ValueError(
                f"mask_ratio {self.mask_ratio:g} leaves {self.visible} of {self.n_tokens} tokens "
                "visible: at least one must be, and one must not"
            )
        return self

    @property
    def grid(self) -> int:
        """Patches along a side (count)."""
        return self.image_size // self.patch_size

    @property
    def n_tokens(self) -> int:
        """Tokens of a crop, CLS aside (count)."""
        return self.grid**2 * (self.channels if self.tokens == "channel" else 1)

    @property
    def token_values(self) -> int:
        """Pixel values of a token (count)."""
        return self.patch_size**2 * (1 if self.tokens == "channel" else self.channels)

    @property
    def visible(self) -> int:
        """Tokens that the encoder sees (count).

        ``floor(n (1 - mask_ratio))``, rounded first so that no token is lost to floating point:
        ``int(100 * (1 - 0.9))`` is 9, and 10 is meant.
        """
        return int(round(self.n_tokens * (1 - self.mask_ratio), 6))


class LossSettings(Settings):
    """The objective L_MAE+ = (1 - a) L_MAE + a L_FT."""

    fourier_weight: Share = 0.01
    """Weight a of the Fourier loss."""
    norm_pix: bool = False
    """Compare patches standardised to their own mean and sd, per channel."""
    foreground_weight: float = Field(default=0.0, ge=0, le=1e6)
    """Extra weight of a masked token whose patch lies in the cell: 1 + this times the cell's share
    of the patch. 0: off."""


class TrainingSettings(Settings):
    """Training. The poster: 100,000 steps, 32 fields x 8 cells x 4 devices x 2 = 2048 a batch."""

    seed: Seed = 0
    """Seed of initialisation, batches, augmentation and masks."""
    steps: Count = 3000
    """Steps of the optimiser (count)."""
    fields: Size = 16
    """Fields of view drawn for each device and micro-batch (count)."""
    cells: Size = 1
    """Cells drawn from each field (count)."""
    devices: Small = 1
    """Processes that share a batch (count); ``torchrun`` must start as many."""
    accumulation: Size = 1
    """Micro-batches whose gradients are added before a step (count)."""
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Peak learning rate of Lion (poster's reference: 1e-4)."""
    weight_decay: float = Field(default=0.05, ge=0, le=1000)
    """Decoupled weight decay of Lion; not for biases, norms, CLS and mask token."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    """Lion's betas."""
    warmup_share: Share = 0.1
    """Share of the steps over which the learning rate rises from 0."""
    final_learning_rate: float = Field(default=0.0, ge=0, le=1)
    """Learning rate that the cosine ends at."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Largest norm of the gradient; null: not clipped."""
    flips: bool = True
    """Flip crops at random."""
    rotations: bool = True
    """Turn crops by a random multiple of 90 degrees."""
    brightness: float = Field(default=0.0, ge=0, le=5)
    """Sd of a random factor on each channel's intensity (natural log). 0: off."""
    held_out_share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the fields that are not trained on: their reconstruction is measured."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """``auto``: bfloat16 on a GPU, float32 on a CPU."""
    compile: bool = False
    """Compile the network with ``torch.compile``."""
    log_every: Count = 50
    """Steps between two log lines (count)."""
    checkpoint_every: Count = 500
    """Steps between two checkpoints (count): what a kill costs at most."""
    picture_every: Count = 1000
    """Steps between two pictures of reconstructions (count)."""

    @property
    def micro_batch(self) -> int:
        """Crops in a micro-batch of one device (count)."""
        return self.fields * self.cells

    @property
    def batch(self) -> int:
        """Crops behind one step: fields x cells x devices x accumulation (count)."""
        return self.micro_batch * self.devices * self.accumulation


class MAESettings(Settings):
    """The ``mae`` block of params.yaml."""

    model: ModelSettings = ModelSettings()
    """The network."""
    loss: LossSettings = LossSettings()
    """The objective."""
    training: TrainingSettings = TrainingSettings()
    """The training."""


class EmbeddingSettings(Settings):
    """How features are taken with the finished network; a change trains nothing again."""

    reads: Literal["crops", "tiles"] = "crops"
    """``crops``: single cells on black, as trained on. ``tiles``: the whole field in squares of the
    same size, background and all, without regard to cells."""
    pool: Literal["cls", "mean"] = "mean"
    """Feature of a crop or tile: the CLS token, or the mean of the patch tokens."""
    tokens: Literal["all", "half", "quarter", "cell"] = "all"
    """Patch tokens of a crop that are encoded; with fewer, features tell less (docs/mae.md).
    ``half``: of one colour of a chessboard, in less than half of the time. ``quarter``: every
    second patch of every second row, in a quarter of it. The four quarter turns show each patch
    equally often. ``cell``: those that show some of the cell; tiles are then encoded whole."""
    orientations: Literal[1, 2, 4, 8] = 4
    """Orientations of a crop or tile whose embeddings are averaged: how a cell happens to lie tells
    nothing. 1: as it is; 2: upside down too; 4: all quarter turns; 8: mirrored too (count)."""
