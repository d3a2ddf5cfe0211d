"""Images on their way into a network: scale, order of channels, centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phenoprot.core.errors import UserError


def to_tensor(images: npt.NDArray[Any], where: str = "images") -> Tensor:
    """Intensities as float32 in [0, 1]; whole numbers are divided by the largest of their type.

    Parameters
    ----------
    images
        uint8, uint16, or float32 in [0, 1]; shape (B, C, Y, X).
    where
        What they are, for messages.

    Raises
    ------
    UserError
        Another type or number of axes, or intensities outside [0, 1].
    """
    if images.ndim != 4:
        raise UserError(f"an array of shape {images.shape}, expected (B, C, Y, X)", where=where)
    if images.dtype in (np.uint8, np.uint16):
        full = np.float32(np.iinfo(images.dtype).max)
        return torch.from_numpy(images.astype(np.float32) / full)
    if images.dtype != np.float32:
        raise UserError(
            f"pixels of type {images.dtype}, expected float32, uint16 or uint8", where=where
        )
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise UserError(
            f"intensities from {images.min():g} to {images.max():g}, expected 0 to 1",
            where=where,
            remedy="Divide integer images by the largest value of their type.",
        )
    # A copy: of a single image numpy takes even negative strides for contiguous, torch does not.
    return torch.from_numpy(images.copy())


def in_order(images: Tensor, stains: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Order channels by the names of their stains.

    Parameters
    ----------
    images
        Shape (B, C, Y, X).
    stains
        Their channels.
    wanted
        The channels of the result, all among `stains`.

    Raises
    ------
    UserError
        A stain is missing, or the images have another number of channels than names.
    """
    if images.shape[1] != len(stains):
        raise UserError(
            f"images of {images.shape[1]} channels, but {len(stains)} stains: {', '.join(stains)}",
            where="images",
        )
    missing = [stain for stain in wanted if stain not in stains]
    if missing:
        raise UserError(
            f"no channel of {', '.join(missing)}; there are {', '.join(stains)}", where="images"
        )
    return images[:, [list(stains).index(stain) for stain in wanted]]


def centre_crop(images: Tensor, crop: Sequence[int]) -> Tensor:
    """Cut the centre out of images (B, C, Y, X).

    An axis that is no longer than the crop's stays whole: nothing is padded, for no network was
    trained on black borders. Offsets are torchvision's.
    """
    for axis, length in zip((2, 3), crop, strict=True):
        surplus = images.shape[axis] - length
        if surplus > 0:
            images = images.narrow(axis, round(surplus / 2), length)
    return images


def centre_square(images: Tensor) -> Tensor:
    """Cut the largest square out of the centre of images (B, C, Y, X)."""
    side = min(images.shape[2:])
    return centre_crop(images, (side, side))
