"""Crops to patch tokens and back; which tokens are hidden."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phenoprot.features.mae.settings import ModelSettings

IntArray = NDArray[np.int64]


def patchify(crops: Tensor, settings: ModelSettings) -> Tensor:
    """Cut crops into tokens.

    Patches run row by row. A joint token holds its channels one after the other, each row by row;
    channel tokens hold one channel each, all patches of the first channel first.

    Parameters
    ----------
    crops
        Shape (B, C, S, S).

    Returns
    -------
    tokens
        Shape (B, L, V): L = `settings.n_tokens`, V = `settings.token_values`.
    """
    c, g, p = settings.channels, settings.grid, settings.patch_size
    cut = crops.reshape(len(crops), c, g, p, g, p)
    if settings.tokens == "joint":
        return cut.permute(0, 2, 4, 1, 3, 5).reshape(len(crops), g * g, c * p * p)
    return cut.permute(0, 1, 2, 4, 3, 5).reshape(len(crops), c * g * g, p * p)


def unpatchify(tokens: Tensor, settings: ModelSettings) -> Tensor:
    """Put crops together from tokens: the inverse of `patchify`; (B, L, V) to (B, C, S, S)."""
    c, g, p = settings.channels, settings.grid, settings.patch_size
    s = settings.image_size
    if settings.tokens == "joint":
        cut = tokens.reshape(len(tokens), g, g, c, p, p).permute(0, 3, 1, 4, 2, 5)
    else:
        cut = tokens.reshape(len(tokens), c, g, g, p, p).permute(0, 1, 2, 4, 3, 5)
    return cut.reshape(len(tokens), c, s, s)


def orient(crops: Tensor, turn: int) -> Tensor:
    """Flip and rotate crops (B, C, S, S), all alike.

    `turn`, 0..7: quarter turns, plus 4 for a left-right flip before them.
    """
    return torch.rot90(crops.flip(3) if turn >= 4 else crops, turn % 4, dims=(2, 3))


def channel_patches(tokens: Tensor, settings: ModelSettings) -> Tensor:
    """View tokens as square patches per channel: (B, L, V) to (B, L, c, p, p).

    c is all channels of a joint token, 1 for a channel token.
    """
    p = settings.patch_size
    return tokens.unflatten(-1, (-1, p, p))


def draw_visible(crops: int, settings: ModelSettings, rng: np.random.Generator) -> IntArray:
    """Draw the visible tokens of each crop, without replacement, in ascending order.

    Each crop is drawn for itself.

    Returns
    -------
    visible
        Token indices, int64, shape (`crops`, `settings.visible`).
    """
    noise = rng.random((crops, settings.n_tokens))
    return np.sort(noise.argsort(axis=1, kind="stable")[:, : settings.visible], axis=1)


def token_share(pixels: Tensor, settings: ModelSettings) -> Tensor:
    """Share of each token's patch that is True: pixels (B, S, S) bool to (B, L) float32."""
    g, p = settings.grid, settings.patch_size
    share = pixels.reshape(len(pixels), g, p, g, p).float().mean(dim=(2, 4)).flatten(1)
    return share.repeat(1, settings.n_tokens // (g * g))


def hidden_mask(visible: Tensor, n_tokens: int) -> Tensor:
    """True where a token is hidden: (B, K) indices to (B, L) bool."""
    mask = torch.ones(len(visible), n_tokens, dtype=torch.bool, device=visible.device)
    return mask.scatter(1, visible, False)


def hidden_tokens(visible: Tensor, n_tokens: int) -> Tensor:
    """Indices of the hidden tokens, ascending: of visible ones (B, K) to (B, L - K)."""
    order = hidden_mask(visible, n_tokens).byte().argsort(dim=1, descending=True, stable=True)
    return order[:, : n_tokens - visible.shape[1]]


def rows_of(tokens: Tensor, index: Tensor) -> Tensor:
    """Tokens (B, L, V) at indices (B, H) of each crop: (B, H, V)."""
    first = torch.arange(len(tokens), device=tokens.device)[:, None] * tokens.shape[1]
    rows = tokens.flatten(0, 1).index_select(0, (first + index).flatten())
    return rows.view(*index.shape, -1)


def position_embedding(width: int, grid: int) -> Tensor:
    """Fixed 2-D sine-cosine positions (Vaswani et al. 2017, one half per axis).

    Half of the elements encode the row, half the column; each half holds ``sin(x w_k)``, then
    ``cos(x w_k)``, with ``w_k = 10000**(-k / (width / 4))``.

    Returns
    -------
    positions
        Row by row, float32, shape (grid**2, width).
    """
    quarter = width // 4
    frequency = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    angle = torch.arange(grid, dtype=torch.float64)[:, None] * frequency
    axis = torch.cat([angle.sin(), angle.cos()], dim=1)
    rows = axis[:, None, :].expand(grid, grid, -1)
    columns = axis[None, :, :].expand(grid, grid, -1)
    return torch.cat([rows, columns], dim=2).reshape(grid * grid, width).float()
