"""Any model of timm as a feature extractor: pooled features before its classifier."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from phenoprot.core.errors import UserError, listed
from phenoprot.features.networks.images import centre_square
from phenoprot.features.networks.statistics import Statistics, standardise
from phenoprot.screens.contract import STAINS
from phenoprot.weights.checkpoint import load_strictly, read_checkpoint, tensors_under

Channels = Literal["repeat", "mean", "per_channel"]
COLOURS = 3


class DataConfig(NamedTuple):
    """What a model of timm says of its inputs."""

    size: tuple[int, int]
    """Height and width (px)."""
    mean: tuple[float, ...]
    """Of red, green and blue, on the scale 0..1."""
    sd: tuple[float, ...]
    """Of red, green and blue."""
    interpolation: str
    """How images are resized: bilinear or bicubic."""


class StainNetwork(nn.Module):
    """A model of timm, and how stains become its input channels.

    Parameters
    ----------
    backbone
        The model, without classifier: takes (B, c, Y, X), gives (B, D).
    config
        What it says of its inputs.
    """

    def __init__(self, backbone: nn.Module, config: DataConfig) -> None:
        super().__init__()
        self.backbone, self.config = backbone, config

    def forward(self, groups: Tensor) -> Tensor:
        """Embed each group of channels by itself: (B, G, c, Y, X) to (B, G D)."""
        features = self.backbone(groups.flatten(0, 1))
        return features.unflatten(0, groups.shape[:2]).flatten(1)


def make_network(
    model: str, channels: Channels, seed: int, size: int | None = None, weights: Path | None = None
) -> StainNetwork:
    """Make a model of timm, untrained from `seed`, or with the weights of a file.

    Parameters
    ----------
    model
        Name, one of ``timm.list_models()``.
    channels
        ``repeat``: five input channels. ``mean``, ``per_channel``: three.
    seed
        Of the initial weights.
    size
        Side of the input (px); None: the model's own.
    weights
        State dictionary of the model with three input channels, with or without its classifier.

    Raises
    ------
    UserError
        timm has no such model, the model takes one size only, or the file does not fit.
    """
    import timm

    _check_model(model)
    _, inputs = _groups(channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = timm.create_model(model, num_classes=0, in_chans=inputs)
    config = _data_config(backbone, model, size)
    if weights is not None:
        tensors = tensors_under(
            read_checkpoint(weights), str(weights), key="state_dict", prefixes=("module.",)
        )
        _load(backbone, tensors, str(weights), model)
    return StainNetwork(backbone, config).eval()


def _check_model(model: str) -> None:
    import timm

    if not timm.is_model(model):
        near = difflib.get_close_matches(model, timm.list_models(), n=3)
        raise UserError(
            f"timm {timm.__version__} has no model '{model}'",
            where="timm",
            remedy=f"Perhaps {' or '.join(near)}." if near else "See timm.list_models().",
        )


def _data_config(backbone: Any, model: str, size: int | None) -> DataConfig:
    from timm.data.config import resolve_model_data_config

    resolved = resolve_model_data_config(backbone)
    own = tuple(resolved["input_size"][1:])
    if size is not None and (size, size) != own and backbone.pretrained_cfg.get("fixed_input_size"):
        raise UserError(
            f"{model} takes images of {own[0]} x {own[1]} px only, not {size}",
            where="timm",
            remedy="Leave size out.",
        )
    return DataConfig(
        size=own if size is None else (size, size),
        mean=tuple(resolved["mean"]),
        sd=tuple(resolved["std"]),
        interpolation="bilinear" if resolved["interpolation"] == "bilinear" else "bicubic",
    )


def _load(backbone: Any, tensors: Mapping[str, Tensor], where: str, model: str) -> None:
    """Load weights for three colours; widen the first layer if the model takes five stains."""
    from timm.models import adapt_input_conv

    first = f"{_only(backbone.pretrained_cfg['first_conv'])}.weight"
    heads = backbone.pretrained_cfg.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    kept = {
        name: value
        for name, value in tensors.items()
        if not name.startswith(tuple(f"{head}." for head in heads))
    }
    wanted = backbone.state_dict()[first].shape[1]
    if first in kept and kept[first].ndim == 4 and kept[first].shape[1] == COLOURS:
        kept[first] = adapt_input_conv(wanted, kept[first])
    load_strictly(backbone, kept, where, f"timm's {model}", first)


def _only(first_conv: str | tuple[str, ...]) -> str:
    if isinstance(first_conv, str):
        return first_conv
    raise UserError(
        f"the model has {len(first_conv)} first layers ({listed(first_conv)})",
        where="timm",
        remedy="Choose a model with one.",
    )


@cache
def width(model: str, channels: Channels) -> int:
    """Elements of an embedding, found without computing one."""
    import timm

    _check_model(model)
    groups, inputs = _groups(channels)
    with torch.device("meta"), torch.inference_mode():
        backbone = timm.create_model(model, num_classes=0, in_chans=inputs).eval()
        size = _data_config(backbone, model, None).size
        return groups * backbone(torch.zeros(1, inputs, *size)).shape[1]


def _groups(channels: Channels) -> tuple[int, int]:
    """Groups of channels and channels in each: G and c."""
    return {
        "repeat": (1, len(STAINS)),
        "mean": (1, COLOURS),
        "per_channel": (len(STAINS), COLOURS),
    }[channels]


def preprocess(
    images: Tensor, channels: Channels, config: DataConfig, statistics: Statistics | None
) -> Tensor:
    """Prepare crops or fields.

    The centre square is resized to the model's size (antialiased). A model's own mean and sd are
    those of colours; where a stain takes no colour's place (`repeat`), it gets their means over the
    three.

    Parameters
    ----------
    images
        Intensities in [0, 1], channels in the order of ``STAINS``, shape (B, 5, Y, X).
    channels
        How stains become input channels.
    config
        Of the model.
    statistics
        Of the negative controls; None: the model's own mean and sd.

    Returns
    -------
    groups
        Shape (B, G, c, Y, X): (1, 5) for `repeat`, (1, 3) for `mean`, (5, 3) for `per_channel`.
    """
    images = centre_square(images)
    if images.shape[2:] != config.size:
        images = functional.interpolate(
            images, config.size, mode=config.interpolation, antialias=True
        )
    if statistics is not None:
        images = standardise(images, statistics, STAINS)
    if channels == "repeat":
        groups = images[:, None]
    elif channels == "mean":
        groups = images.mean(dim=1)[:, None, None].expand(-1, -1, COLOURS, -1, -1)
    else:
        groups = images[:, :, None].expand(-1, -1, COLOURS, -1, -1)
    if statistics is not None:
        return groups
    mean, sd = (torch.tensor(values, device=images.device) for values in (config.mean, config.sd))
    if channels == "repeat":
        mean, sd = mean.mean(), sd.mean()
    return (groups - mean.reshape(-1, 1, 1)) / sd.reshape(-1, 1, 1)
