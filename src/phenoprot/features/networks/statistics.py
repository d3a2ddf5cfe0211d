"""Pixels standardised to the negative controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from phenoprot.core.errors import UserError
from phenoprot.imaging.statistics import read_channel_statistics
from phenoprot.screens.contract import STAINS

Statistics = Mapping[str, tuple[float, float]]
"""Mean and standard deviation of each stain over the negative controls, on the scale 0..1."""


def read_statistics(path: Path) -> dict[str, tuple[float, float]]:
    """Read the ``channels.json`` of the images stage, by stain."""
    mean, sd = read_channel_statistics(path, STAINS)
    return dict(zip(STAINS, zip(mean.tolist(), sd.tolist(), strict=True), strict=True))


def standardise(images: Tensor, statistics: Statistics, stains: Sequence[str]) -> Tensor:
    """Express pixels in standard deviations of the negative controls, around their mean.

    Parameters
    ----------
    images
        Intensities in [0, 1], shape (B, C, Y, X).
    statistics
        Of these stains at least, in any order.
    stains
        Channels of `images`.

    Raises
    ------
    UserError
        The statistics lack a stain, or one has no spread.
    """
    missing = [stain for stain in stains if stain not in statistics]
    if missing:
        raise UserError(
            f"no pixel statistics of {', '.join(missing)}; there are those of "
            f"{', '.join(statistics)}",
            where="negative controls",
            remedy="Compute them on images of all stains.",
        )
    flat = [stain for stain in stains if not statistics[stain][1] > 0]
    if flat:
        raise UserError(
            f"{', '.join(flat)}: one value in all pixels, no spread to standardise by",
            where="negative controls",
            remedy="Check the images of these channels.",
        )
    mean, sd = (
        torch.tensor([statistics[stain][i] for stain in stains], device=images.device)
        for i in (0, 1)
    )
    return (images - mean[:, None, None]) / sd[:, None, None]
