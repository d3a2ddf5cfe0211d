"""Settings of the embeddings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from phenoprot.core.settings import Name, Seed, Settings
from phenoprot.weights.settings import WeightsSettings

Batch = Annotated[int, Field(ge=1, le=2**16)]
SampleSize = Annotated[int, Field(ge=1, le=2**16)] | None


class CloomeSettings(Settings):
    """CLOOME: 512 features of a field of view."""

    weights: WeightsSettings | None = None
    """Weights of the method cloome: cloome-bioactivity, cloome-retrieval-zero-shot, or a file.
    cloome-untrained takes none."""
    seed: Seed = 0
    """Seed of the initial weights of the untrained network."""
    preprocessing: Literal["published", "controls"] = "controls"
    """``controls``: standardised to the negative controls (poster). ``published``: brightest 0.01 %
    clipped, 8 bits, (x - m) / m with the means of CLOOME's training images."""
    crop_height: int = Field(default=520, ge=221, le=2**16)
    """Height of the centre crop (px); a smaller field stays whole."""
    crop_width: int = Field(default=696, ge=221, le=2**16)
    """Width of the centre crop (px); a smaller field stays whole."""
    untrained_side: int | None = Field(default=None, ge=221, le=2**16)
    """Side of the centre square of a field that cloome-untrained sees (px): a baseline need not see
    all. None: the centre crop. cloome sees that."""
    batch_size: Batch = 4
    """Fields that go through the network together (count)."""


class DinoSettings(Settings):
    """DINO: 768 features of a single-cell crop, or of a field of view."""

    weights: WeightsSettings | None = None
    """Weights of the method dino: dino, or a file. dino-untrained takes none."""
    seed: Seed = 0
    """Seed of the initial weights of the untrained network."""
    reads: Literal["crops", "fields"] = "crops"
    """``crops``: single cells, averaged over the field. ``fields``: the centre square of the whole
    field as one image."""
    size: int | None = Field(default=224, ge=16, le=4096, multiple_of=16)
    """Side to which images are resized (px, a multiple of 16). None: crops as they are, positions
    interpolated; 64 px crops then cost a twelfth of 224 px."""
    standardisation: Literal["crop", "controls"] = "controls"
    """``controls``: to the negative controls (poster). ``crop``: each channel of each image to its
    own mean and sd (as published)."""
    untrained_cells: SampleSize = None
    """Cells of a field that dino-untrained embeds (count), drawn by `seed`, plate, well, site and
    label: a baseline need not see all. None: all. dino takes all."""
    batch_size: Batch = 64
    """Images that go through the network together (count)."""

    @model_validator(mode="after")
    def _fields_have_a_size(self) -> DinoSettings:
        if self.reads == "fields" and self.size is None:
            raise ValueError("fields of view need a size")
        return self


class TimmSettings(Settings):
    """Any model of timm: pooled features before its classifier."""

    weights: WeightsSettings | None = None
    """Weights of the method timm:<model>: a file of yours (PyTorch or safetensors), e.g. as timm
    publishes them. timm:<model>-untrained takes none."""
    seed: Seed = 0
    """Seed of the initial weights of the untrained network."""
    channels: Literal["repeat", "mean", "per_channel"] = "repeat"
    """``repeat``: the first layer takes five channels, its weights repeated over them and scaled by
    3/5. ``mean``: the mean of the stains as a grey image. ``per_channel``: each stain alone as a
    grey image, and the five embeddings side by side."""
    reads: Literal["crops", "fields"] = "crops"
    """``crops``: single cells, averaged over the field. ``fields``: the centre square of the whole
    field as one image."""
    size: int | None = Field(default=None, ge=16, le=4096)
    """Side to which images are resized (px). None: the model's own."""
    standardisation: Literal["model", "controls"] = "model"
    """``model``: mean and sd of the model's data configuration. ``controls``: to the negative
    controls."""
    untrained_cells: SampleSize = None
    """Cells of a field that timm:<model>-untrained embeds (count), drawn as for dino. None: all.
    timm:<model> takes all."""
    batch_size: Batch = 64
    """Images that go through the network together (count)."""


class DeepSettings(Settings):
    """Embeddings of published networks."""

    cloome: CloomeSettings = Field(default_factory=CloomeSettings)
    """Methods ``cloome`` and ``cloome-untrained``."""
    dino: DinoSettings = Field(default_factory=DinoSettings)
    """Methods ``dino`` and ``dino-untrained``."""
    timm: dict[Name, TimmSettings] = Field(default_factory=dict)
    """Methods ``timm:<model>`` and ``timm:<model>-untrained``, by the name of the model, one of
    ``timm.list_models()``, e.g. resnet18. A model that is not named here has the defaults."""
