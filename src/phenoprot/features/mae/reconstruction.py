"""How well masked pixels of held-out cells are predicted, against what needs no network.

Three rivals: the mean of each channel; the mean crop (what a cell in the middle looks like on
average, place by place); and an inpainting from the visible patches (normalised convolution with a
Gaussian, its width the best of several on training cells; Knutsson & Westin 1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phenoprot.features.mae.losses import standardised
from phenoprot.features.mae.model import MaskedAutoencoder
from phenoprot.features.mae.patches import (
    draw_visible,
    hidden_mask,
    hidden_tokens,
    patchify,
    unpatchify,
)
from phenoprot.features.mae.settings import MAESettings, ModelSettings
from phenoprot.features.mae.standardise import Crops, IntArray, Standardiser, cell_pixels

REGIONS = ("", "cell_")
"""Prefixes of what is counted: all masked pixels, those inside the cell."""
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
    """Mean squared error on masked pixels of held-out fields, of all of them and of the cells'.

    In standardised units; of patches standardised to themselves with ``norm_pix``. Every rival is
    the best of its kind for what is counted: means over the same pixels, and a width of its own.

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
        1 - model / rival; the inpainting's width (px). The same with ``cell_`` in front, over the
        pixels inside the cells. Numbers of crops and fields.
    """
    seen = chosen_crops(crops.fields, trained_on)
    held = chosen_crops(crops.fields, held_out)
    rivals = fit_rivals(lambda: batches(crops, seen, standardiser, settings), settings)
    sums, n = [dict.fromkeys(("model", *RIVALS), 0.0) for _ in REGIONS], [0 for _ in REGIONS]
    for batch in batches(crops, held, standardiser, settings):
        target = comparable(batch.images, settings)
        by_model = predicted(model, batch.images, batch.visible)
        for i, region in enumerate(batch.hidden_regions):
            guesses = {"model": by_model, **rivals[i].guesses(batch, settings)}
            n[i] += int(region.sum())
            for name, guess in guesses.items():
                sums[i][name] += squares(guess, target, region)
    measured: dict[str, float] = {"n_crops": len(held), "n_fields": len(held_out)}
    for i, prefix in enumerate(REGIONS):
        mse = {name: value / max(n[i], 1) for name, value in sums[i].items()}
        measured |= {
            **{f"{prefix}mse_{name}": value for name, value in mse.items()},
            **{f"{prefix}explained_of_{name}": 1 - mse["model"] / mse[name] for name in RIVALS},
            f"{prefix}inpainting_width_px": rivals[i].width,
        }
    return measured


@dataclass(frozen=True)
class Batch:
    """Standardised crops with their masks."""

    images: Tensor
    """(B, C, S, S)."""
    visible: Tensor
    """Visible tokens, (B, K)."""
    hidden: Tensor
    """True where a pixel lies in a hidden token, (B, C, S, S)."""
    cell: Tensor
    """True where a pixel lies in the cell, (B, C, S, S)."""

    @property
    def hidden_regions(self) -> tuple[Tensor, Tensor]:
        """What is counted, in the order of `REGIONS`."""
        return self.hidden, self.hidden & self.cell


def batches(
    crops: Crops, indices: IntArray, standardiser: Standardiser, settings: MAESettings
) -> Iterator[Batch]:
    """Crops in batches; each time with the same masks."""
    device = standardiser.mean.device
    rng = np.random.default_rng([MASKS, settings.training.seed])
    for start in range(0, len(indices), BATCH):
        part = indices[start : start + BATCH]
        visible = torch.from_numpy(draw_visible(len(part), settings.model, rng)).to(device)
        raw = torch.from_numpy(crops.read(part)).to(device)
        hidden = hidden_pixels(visible, settings.model)
        yield Batch(standardiser(raw), visible, hidden, cell_pixels(raw).expand_as(raw))


def comparable(images: Tensor, settings: MAESettings) -> Tensor:
    """What the loss compares: the images, with ``norm_pix`` each patch standardised to itself."""
    if not settings.loss.norm_pix:
        return images
    m = settings.model
    return unpatchify(standardised(patchify(images, m), m), m)


@dataclass(frozen=True)
class Rivals:
    """Predictors without a network, each the best of its kind for one region."""

    mean: Tensor
    """Of the region's pixels in training crops, (C, 1, 1)."""
    mean_crop: Tensor
    """The same place by place, the mean where no crop has a pixel; (C, S, S)."""
    width: float
    """Standard deviation of the inpainting's Gaussian (px)."""
    level: Tensor
    """Mean of all pixels: the inpainting of a channel that shows nothing, (C, 1, 1)."""

    def guesses(self, batch: Batch, settings: MAESettings) -> dict[str, Tensor]:
        """Predicted pixels of each rival, (B, C, S, S)."""
        images = batch.images
        filled = inpainted(images, ~batch.hidden, self.width, self.level)
        return {
            "mean": self.mean.expand_as(images),
            "mean_crop": self.mean_crop.expand_as(images),
            "inpainted": comparable(filled, settings),
        }


def fit_rivals(training: Callable[[], Iterator[Batch]], settings: MAESettings) -> list[Rivals]:
    """Fit the rivals to training crops, one for each of `REGIONS`."""
    sums, counts, levels = [], [], []
    for batch in training():
        target = comparable(batch.images, settings).double()
        regions = torch.stack([torch.ones_like(batch.cell), batch.cell])
        sums.append((target * regions).sum(dim=1))
        counts.append(regions.double().sum(dim=1))
        levels.append(batch.images.double().mean(dim=(2, 3), keepdim=True))
    total, count = torch.stack(sums).sum(dim=0), torch.stack(counts).sum(dim=0)
    n_pixels = count.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    mean = total.sum(dim=(2, 3), keepdim=True) / n_pixels
    mean_crop = torch.where(count > 0, total / count.clamp(min=1), mean)
    level = torch.cat(levels).mean(dim=0)
    errors = [dict.fromkeys(WIDTHS, 0.0) for _ in REGIONS]
    for batch in training():
        target = comparable(batch.images, settings)
        for width in WIDTHS:
            sd = width * settings.model.patch_size
            filled = inpainted(batch.images, ~batch.hidden, sd, level)
            guess = comparable(filled, settings)
            for error, region in zip(errors, batch.hidden_regions, strict=True):
                error[width] += squares(guess, target, region)
    widths = [min(error, key=error.__getitem__) * settings.model.patch_size for error in errors]
    return [Rivals(mean[i], mean_crop[i], width, level) for i, width in enumerate(widths)]


def chosen_crops(fields: Sequence[IntArray], numbers: IntArray) -> IntArray:
    """Crops of some fields: all of them, or `MOST_CROPS` evenly taken."""
    crops = np.concatenate([fields[number] for number in numbers])
    places = np.linspace(0, len(crops) - 1, min(len(crops), MOST_CROPS)).round().astype(np.int64)
    return crops[places]


def predicted(model: MaskedAutoencoder, images: Tensor, visible: Tensor) -> Tensor:
    """Predict the hidden pixels of standardised crops, 0 elsewhere: (B, C, S, S)."""
    s = model.settings
    hidden = hidden_tokens(visible, s.n_tokens)[:, :, None].expand(-1, -1, s.token_values)
    with torch.inference_mode():
        _, found = model(images, visible)
    tokens = found.new_zeros(len(images), s.n_tokens, s.token_values, dtype=torch.float32)
    return unpatchify(tokens.scatter(1, hidden, found.float()), s)


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
