"""The decoder's one block, computed once for what all crops have in common.

A hidden token begins as the mask token at its place, the same in every crop: so do its query, key
and value, and how much each place would attend to each other one. Only which places are hidden,
and what the encoder says of the visible ones, differs. What a visible token would become counts
nowhere, and is not computed.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from phenoprot.features.mae.block import Block
from phenoprot.features.mae.patches import rows_of

LEAST = 1e-30
"""Added to sums of weights, of which the greatest is 1: none is 0."""


def blank_block(
    block: Block, seen: Tensor, blank: Tensor, visible: Tensor, hidden: Tensor
) -> Tensor:
    """Apply a transformer block to the hidden tokens.

    Parameters
    ----------
    block
        The block.
    seen
        What is known of each crop, CLS and visible tokens, shape (B, 1 + K, D).
    blank
        A hidden token at each place, shape (L, D).
    visible, hidden
        Indices of the places that are not hidden, shape (B, K), and of those that are, (B, L - K).

    Returns
    -------
    tokens
        What ``block`` makes of the hidden tokens among all others, but for rounding; shape
        (B, L - K, D).
    """
    attended = rows_of(_attended(block, seen, blank, visible), hidden)
    x = functional.embedding(hidden, blank) + block.attn.proj(attended)
    result: Tensor = x + block.mlp(block.norm2(x))
    return result


def _attended(block: Block, seen: Tensor, blank: Tensor, visible: Tensor) -> Tensor:
    """Attention of every place, were it hidden, before the projection: (B, L, D)."""
    attn, n, places = block.attn, len(seen), len(blank)
    heads, size, width = attn.heads, attn.size, attn.heads * attn.size
    projected = attn.qkv(block.norm1(blank)).view(places, 3, heads, size)
    query, key, value = projected.permute(1, 2, 0, 3)  # each (heads, L, size)
    query = query * size**-0.5
    weight, bias = attn.qkv.weight[width:], attn.qkv.bias[width:]
    projected = functional.linear(block.norm1(seen), weight, bias).view(n, -1, 2, heads, size)
    seen_key, seen_value = projected.permute(2, 3, 0, 1, 4)  # each (heads, B, 1 + K, size)

    near = query @ key.transpose(1, 2)  # (heads, L, L): of the blank places, for all crops
    far = query[:, None] @ seen_key.transpose(2, 3)  # (heads, B, L, 1 + K)
    # Softmax over both, with greatest weights of 1; a column of ones sums the weights up.
    near_top = near.detach().amax(dim=2)
    top = torch.maximum(near_top[:, None], far.detach().amax(dim=3))  # (heads, B, L)
    near.sub_(near_top[:, :, None]).exp_()
    far.sub_(top[..., None]).exp_()
    hidden = torch.ones(n, places, device=blank.device).scatter(1, visible, 0.0)
    values = functional.pad(value, (0, 1), value=1.0)[:, :, None] * hidden.T[None, :, :, None]
    from_near = (near @ values.flatten(2)).unflatten(2, (n, size + 1)).transpose(1, 2)
    from_far = far @ functional.pad(seen_value, (0, 1), value=1.0)
    sums = from_far + from_near * (near_top[:, None] - top).exp()[..., None]
    mixed = sums[..., :size] / (sums[..., size:] + LEAST)  # (heads, B, L, size)
    return mixed.permute(1, 2, 0, 3).flatten(2)
