"""Pixels as the network sees them: standardised to the negative controls.

Background (all that lies outside the cell's mask) is black, 0, **before** standardising, and so
becomes -mean/sd. Intensities then keep their order: no cell < dim < bright, in every channel; a
background of 0 after standardising would look like a pixel of average brightness, and a dim cell
like a hole in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor

from phenoprot.core.errors import UserError, listed
from phenoprot.core.settings import Settings

FULL_SCALE = 65535
"""The largest pixel of a crop (uint16); fields are on a scale of 0 to 1."""
CHUNK = 256
"""Crops read at a time where all are wanted."""

IntArray = NDArray[np.int64]
CropArray = NDArray[np.uint16]


class Crops(Protocol):
    """Single-cell crops to train on; `phenoprot.imaging.crops` has a store of them."""

    @property
    def fields(self) -> Sequence[IntArray]:
        """Indices of the crops of each field of view."""
        ...

    def read(self, indices: IntArray) -> CropArray:
        """Read crops: uint16, shape (B, C, S, S), 0 outside the cell."""
        ...


class Standardisation(Settings):
    """Mean and standard deviation of each channel, on the scale 0..1 of a field."""

    stains: tuple[str, ...]
    """Channels of a crop, in their order."""
    mean: tuple[float, ...]
    """Mean intensity of each channel."""
    sd: tuple[float, ...]
    """Standard deviation of each channel."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.stains) == len(self.mean) == len(self.sd):
            raise ValueError(
                f"{len(self.stains)} stains, {len(self.mean)} means and {len(self.sd)} standard "
                "deviations: there must be as many of each"
            )
        flat = [stain for stain, sd in zip(self.stains, self.sd, strict=True) if not sd > 0]
        if flat:
            raise ValueError(f"no standard deviation above 0 for {', '.join(flat)}")
        return self


def in_chunks(crops: Crops, indices: IntArray, size: int = CHUNK) -> Iterator[CropArray]:
    """Read crops in chunks that fit into memory."""
    for start in range(0, len(indices), size):
        yield crops.read(indices[start : start + size])


def control_statistics(
    crops: Crops, indices: IntArray, stains: Sequence[str], where: str = ""
) -> Standardisation:
    """Mean and sd over the cells' pixels of the negative controls.

    Sums are exact integers, so that neither order nor chunks matter.

    Parameters
    ----------
    crops, indices
        The crops, and which of them show negative-control wells.
    stains
        Their channels.
    where
        For errors: what holds the crops.

    Raises
    ------
    UserError
        There is no such crop, or a channel has one value in all of them.
    """
    if not len(indices):
        raise UserError(
            "no crop of a negative control to standardise by",
            where=where,
            remedy="Mark the control wells in the wells table (Metadata_Control: negcon).",
        )
    n, total = 0, [0] * len(stains)
    squares = [0] * len(stains)
    for chunk in in_chunks(crops, indices):
        n += int((chunk > 0).any(axis=1).sum())
        for c in range(len(stains)):
            # Background is 0 and adds nothing; 256 crops of 2**16 pixels stay below 2**64.
            values = chunk[:, c].astype(np.uint64).ravel()
            total[c] += int(values.sum())
            squares[c] += int((values * values).sum())
    flat = [s for s, t, q in zip(stains, total, squares, strict=True) if n * q == t * t]
    if flat:
        raise UserError(
            f"{len(flat)} channels have a single value in all {len(indices)} control crops: "
            f"{listed(flat)}",
            where=where,
            remedy="Check the images of these channels.",
        )
    return Standardisation(
        stains=tuple(stains),
        mean=tuple(t / n / FULL_SCALE for t in total),
        sd=tuple(
            (n * q - t * t) ** 0.5 / n / FULL_SCALE for t, q in zip(total, squares, strict=True)
        ),
    )


class Standardiser(torch.nn.Module):
    """Standardise crops on the device that they are on; holds no weights.

    Parameters
    ----------
    settings
        Statistics of the channels.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, settings: Standardisation) -> None:
        super().__init__()
        for name in ("mean", "sd"):
            value = torch.tensor(getattr(settings, name), dtype=torch.float64).float()
            self.register_buffer(name, value[:, None, None], persistent=False)

    def forward(self, crops: Tensor, gain: Tensor | None = None) -> Tensor:
        """Standardise.

        Parameters
        ----------
        crops
            uint16, shape (B, C, S, S).
        gain
            Factor on the intensity of each crop and channel, shape (B, C); None: 1.

        Returns
        -------
        standardised
            float32, shape (B, C, S, S).
        """
        scaled = crops.float() / FULL_SCALE
        if gain is not None:
            scaled = scaled * gain[:, :, None, None]
        return (scaled - self.mean) / self.sd


def cell_pixels(crops: Tensor) -> Tensor:
    """True where a pixel is not 0 in all channels: uint16 (B, C, S, S) to bool (B, 1, S, S)."""
    return (crops.int() > 0).any(dim=1, keepdim=True)
