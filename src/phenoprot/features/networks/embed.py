"""Batched inference: images in, one float32 vector each out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from phenoprot.core.device import choose_device
from phenoprot.core.errors import UserError
from phenoprot.features.networks.images import in_order, to_tensor
from phenoprot.screens.contract import STAINS


@dataclass(frozen=True)
class Embedder:
    """A network and how images are prepared for it."""

    name: str
    """Name of the method."""
    network: nn.Module
    """Takes prepared images (B, C, Y, X), gives (B, D); in evaluation mode."""
    stains: tuple[str, ...]
    """The order of channels that `prepare` expects."""
    prepare: Callable[[Tensor], Tensor]
    """Intensities in [0, 1], (B, C, Y, X) in that order, to inputs of the network. Works on each
    image by itself."""
    width: int
    """Elements of an embedding, D."""


def embed(
    embedder: Embedder,
    images: npt.NDArray[Any],
    stains: Sequence[str] = STAINS,
    batch_size: int = 64,
    device: str | None = None,
) -> npt.NDArray[np.float32]:
    """Embed images.

    An image's embedding depends on the image alone: not on the batch it is in, nor on its place
    there (to float32 rounding: matrix products of another size may add up in another order).

    Parameters
    ----------
    embedder
        The network; moved to `device`.
    images
        Fields or crops, shape (N, C, Y, X): float32 in [0, 1], uint16 or uint8.
    stains
        Their channels, in any order.
    batch_size
        Images that go through the network together.
    device
        Torch device; None: see :func:`phenoprot.core.device.choose_device`.

    Returns
    -------
    embeddings
        Shape (N, D), float32.

    Raises
    ------
    UserError
        The images do not fit the network, or the network gives numbers that are not finite.
    """
    if not len(images):
        return np.empty((0, embedder.width), dtype=np.float32)
    device = device or choose_device()
    network = embedder.network.to(device).eval()
    parts = []
    # TF32 would round the inputs of convolutions on a GPU to 10 bits.
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        for start in range(0, len(images), batch_size):
            batch = to_tensor(images[start : start + batch_size], embedder.name).to(device)
            batch = embedder.prepare(in_order(batch, stains, embedder.stains))
            parts.append(network(batch).cpu().numpy())
    embeddings = np.concatenate(parts)
    broken = ~np.isfinite(embeddings).all(axis=1)
    if broken.any():
        raise UserError(
            f"{broken.sum()} of {len(images)} embeddings hold NaN or infinity",
            where=embedder.name,
            remedy="Check the weights and the pixel statistics.",
        )
    return embeddings
