"""How well masked pixels of held-out cells are predicted, against what needs no network.

Three rivals: the mean of each channel; the mean crop (what a cell in the middle looks like on
average, place by place); and an inpainting from the visible patches (normalised convolution with a
Gaussian, its width the best of several on training cells; Knutsson & Westin 1993).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from phenoprot.mae.losses import standardised
from phenoprot.mae.model import MaskedAutoencoder
from phenoprot.mae.patches import draw_visible, hidden_mask, patchify, unpatchify
from phenoprot.mae.settings import MAESettings, ModelSettings
from phenoprot.mae.standardise import Crops, IntArray, Standardiser

RIVALS = ("mean", "mean_crop", "inpainted")
MOST_CROPS = 512
"""Crops that are measured, evenly taken from all."""
BATCH = 64
WIDTHS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Standard deviations of the inpainting's Gaussian that are tried, in sides of a patch."""
FAR = 1e-9
"""Weight of the mean of all visible pixels in the inpainting: decides where none is near."""
MASKS = 3
"""Stream of random numbers of the masks."""


def measure_reconstruction(
    model: MaskedAutoencoder,
    crops: Crops,
    standardiser: Standardiser,
    settings: MAESettings,
    trained_on: IntArray,
    held_out: IntArray,
) -> dict[str, float]:
    """Mean squared error on masked pixels of held-out fields.

    In standardised units; of patches standardised to themselves with ``norm_pix``.

    Parameters
    ----------
    model
        Trained network.
    crops, standardiser
        Crops, and what standardises them; on the model's device.
    settings
        Settings of the network.
    trained_on, held_out
        Numbers of the fields.

    Returns
    -------
    dict
        ``mse_model``, ``mse_mean``, ``mse_mean_crop``, ``mse_inpainted``; ``explained_of_<rival>``:
        1 - model / rival; the inpainting's width (px), numbers of crops and fields.
    """
    m, device = settings.model, standardiser.mean.device
    seen = chosen_crops(crops.fields, trained_on)
    held = chosen_crops(crops.fields, held_out)

    def batches(indices: IntArray) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Standardised crops (B, C, S, S), visible tokens (B, K), hidden pixels (B, C, S, S)."""
        rng = np.random.default_rng([MASKS, settings.training.seed])
        for start in range(0, len(indices), BATCH):
            part = indices[start : start + BATCH]
            visible = torch.from_numpy(draw_visible(len(part), m, rng)).to(device)
            images = standardiser(torch.from_numpy(crops.read(part)).to(device))
            yield images, visible, hidden_pixels(visible, m)

    def comparable(images: Tensor) -> Tensor:
        if not settings.loss.norm_pix:
            return images
        return unpatchify(standardised(patchify(images, m), m), m)

    side = m.image_size
    total = torch.zeros(m.channels, side, side, dtype=torch.float64, device=device)
    level = torch.zeros(m.channels, 1, 1, dtype=torch.float64, device=device)
    for images, _, _ in batches(seen):
        total += comparable(images).double().sum(dim=0)
        level += images.double().mean(dim=(2, 3), keepdim=True).sum(dim=0)
    mean_crop, level = total / len(seen), level / len(seen)
    mean = mean_crop.mean(dim=(1, 2), keepdim=True)
    widths = dict.fromkeys(WIDTHS, 0.0)
    for images, _, hidden in batches(seen):
        for width in WIDTHS:
            guess = comparable(inpainted(images, ~hidden, width * m.patch_size, level))
            widths[width] += squares(guess, comparable(images), hidden)
    width = min(widths, key=lambda key: widths[key])

    sums, n = dict.fromkeys(("model", *RIVALS), 0.0), 0
    for images, visible, hidden in batches(held):
        target = comparable(images)
        guesses = {
            "model": predicted(model, images, visible),
            "mean": mean.expand_as(images),
            "mean_crop": mean_crop.expand_as(images),
            "inpainted": comparable(inpainted(images, ~hidden, width * m.patch_size, level)),
        }
        n += int(hidden.sum())
        for name, guess in guesses.items():
            sums[name] += squares(guess, target, hidden)
    mse = {name: value / n for name, value in sums.items()}
    return {
        **{f"mse_{name}": value for name, value in mse.items()},
        **{f"explained_of_{name}": 1 - mse["model"] / mse[name] for name in RIVALS},
        "inpainting_width_px": width * m.patch_size,
        "n_crops": len(held),
        "n_fields": len(held_out),
    }


def chosen_crops(fields: Sequence[IntArray], numbers: IntArray) -> IntArray:
    """Crops of some fields: all of them, or `MOST_CROPS` evenly taken."""
    crops = np.concatenate([fields[number] for number in numbers])
    places = np.linspace(0, len(crops) - 1, min(len(crops), MOST_CROPS)).round().astype(np.int64)
    return crops[places]


def predicted(model: MaskedAutoencoder, images: Tensor, visible: Tensor) -> Tensor:
    """Predict all pixels of standardised crops from their visible tokens: (B, C, S, S)."""
    with torch.inference_mode():
        _, tokens = model(images, visible)
    return unpatchify(tokens.float(), model.settings)


def hidden_pixels(visible: Tensor, settings: ModelSettings) -> Tensor:
    """True where a pixel lies in a hidden token: (B, K) indices to (B, C, S, S) bool."""
    hidden = hidden_mask(visible, settings.n_tokens)
    return unpatchify(hidden[:, :, None].expand(-1, -1, settings.token_values), settings)


def inpainted(images: Tensor, known: Tensor, width: float, level: Tensor) -> Tensor:
    """Fill in pixels by a Gaussian average of the known ones.

    Parameters
    ----------
    images
        Shape (B, C, S, S).
    known
        True where a pixel is known, same shape.
    width
        Standard deviation of the Gaussian (px).
    level
        Value of a channel without a known pixel, as channel tokens may leave one; shape (C, 1, 1).
    """
    x, weight = images.double() * known, known.double()
    place = torch.arange(images.shape[-1], dtype=torch.float64, device=images.device)
    blur = torch.exp(-0.5 * ((place[:, None] - place) / width) ** 2)
    n_known = weight.sum(dim=(2, 3), keepdim=True)
    mean = torch.where(n_known > 0, x.sum(dim=(2, 3), keepdim=True) / n_known.clamp(min=1), level)
    filled = (blur @ x @ blur + FAR * mean) / (blur @ weight @ blur + FAR)
    return torch.where(known, images, filled.to(images.dtype))


def squares(guess: Tensor, target: Tensor, hidden: Tensor) -> float:
    """Sum of squared differences over hidden pixels, in float64."""
    return float(((guess.double() - target.double()).square() * hidden).sum())
