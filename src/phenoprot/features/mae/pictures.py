"""Pictures of crop, masked crop and reconstruction, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phenoprot.core.files import atomic_path
from phenoprot.features.mae.losses import NORM_PIX_EPSILON
from phenoprot.features.mae.model import MaskedAutoencoder
from phenoprot.features.mae.patches import channel_patches, draw_visible, patchify, unpatchify
from phenoprot.features.mae.reconstruction import hidden_pixels, predicted
from phenoprot.features.mae.settings import MAESettings
from phenoprot.features.mae.standardise import Crops, IntArray, Standardiser

CELLS = 4
"""Cells in a picture."""
ROWS = ("crop", "masked", "reconstruction")
EDGE = 2
"""Pixels between two crops."""
MASKS = 4
"""Stream of random numbers of the masks."""


def picture(
    path: Path,
    model: MaskedAutoencoder,
    crops: Crops,
    held_out: IntArray,
    standardiser: Standardiser,
    settings: MAESettings,
    stains: Sequence[str],
) -> None:
    """Draw the same held-out cells, with the same masks, whatever the step.

    One column per stain; for each cell a row with the crop, one with what the network sees, and one
    with its prediction in place of what it does not see. Brightness is that of the crop's channel.

    Parameters
    ----------
    path
        PNG file.
    model, crops, standardiser, settings
        As in :func:`phenoprot.features.mae.reconstruction.measure_reconstruction`.
    held_out
        Numbers of the fields that the cells are from.
    stains
        Names of the channels.
    """
    from matplotlib.figure import Figure

    shown = reconstructions(model, crops, held_out, standardiser, settings)
    mosaic = tiled(shown.reshape(-1, *shown.shape[2:]))
    n, m = len(shown), settings.model
    side = m.image_size + EDGE
    figure = Figure(figsize=(2 + 1.3 * m.channels, 0.5 + 1.3 * len(ROWS) * n), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks(side * (np.arange(m.channels) + 0.5), stains)
    axes.set_yticks(side * (np.arange(len(ROWS) * n) + 0.5), ROWS * n)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})


def reconstructions(
    model: MaskedAutoencoder,
    crops: Crops,
    held_out: IntArray,
    standardiser: Standardiser,
    settings: MAESettings,
) -> NDArray[np.float32]:
    """Crop, masked crop and reconstruction of a few cells, 0..1: (cells, 3, C, S, S)."""
    m, device = settings.model, standardiser.mean.device
    fields = [crops.fields[number] for number in held_out]
    # One of each field, then another of each, for screens of few fields.
    in_turn = [field[k] for k in range(CELLS) for field in fields if k < len(field)]
    cells = np.array(in_turn[:CELLS])
    rng = np.random.default_rng([MASKS, settings.training.seed])
    visible = torch.from_numpy(draw_visible(len(cells), m, rng)).to(device)
    hidden = hidden_pixels(visible, m)
    images = standardiser(torch.from_numpy(crops.read(cells)).to(device))
    guess = predicted(model, images, visible)
    if settings.loss.norm_pix:
        guess = _rescaled(guess, images, settings)
    black = -(standardiser.mean / standardiser.sd)
    top = images.amax(dim=(2, 3), keepdim=True)
    rows = [images, torch.where(hidden, black, images), torch.where(hidden, guess, images)]
    shown = (torch.stack(rows, dim=1) - black) / (top - black)[:, None].clamp(min=1e-6)
    return np.asarray(shown.clamp(0, 1).cpu().numpy(), dtype=np.float32)


def _rescaled(guess: Tensor, images: Tensor, settings: MAESettings) -> Tensor:
    """Undo ``norm_pix`` with each patch's true mean and sd, which the network does not know."""
    m = settings.model
    patches = channel_patches(patchify(images, m), m)
    mean = patches.mean(dim=(-2, -1), keepdim=True)
    sd = (patches.var(dim=(-2, -1), keepdim=True) + NORM_PIX_EPSILON).sqrt()
    return unpatchify((channel_patches(patchify(guess, m), m) * sd + mean).flatten(2), m)


def tiled(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Set images (rows, C, S, S) side by side: one row each, one column per channel."""
    framed = np.pad(images, ((0, 0), (0, 0), (0, EDGE), (0, EDGE)), constant_values=1)
    rows, c, s, _ = framed.shape
    return framed.transpose(0, 2, 1, 3).reshape(rows * s, c * s)
