"""Transformer blocks as of timm's ``vision_transformer``: the same weights, names and numbers.

Written out since timm takes 200 MiB and two seconds in every process that loads a network.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
"""Of the norms."""


class Attention(nn.Module):
    """Self-attention of several heads (Vaswani et al. 2017).

    Parameters
    ----------
    width
        Elements of a token.
    heads
        Heads; they divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Mix tokens (B, L, width); `allowed`: which looks at which, as in torch's attention."""
        projected = self.qkv(x).unflatten(2, (3, self.heads, self.size))
        query, key, value = projected.permute(2, 0, 3, 1, 4)  # each (B, heads, L, size)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        result: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return result


class Mlp(nn.Module):
    """Two linear layers with a GELU between them.

    Parameters
    ----------
    width, hidden
        Elements of a token, outside and inside.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Each token by itself, (B, L, width)."""
        result: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return result


class Block(nn.Module):
    """Attention, then the MLP, each added to what comes in, norms first.

    Parameters
    ----------
    width, heads
        See `Attention`.
    mlp_ratio
        Width of the MLP's inner layer in `width`.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, EPSILON)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Tokens (B, L, width) to as many; `allowed` as in `Attention`."""
        x = x + self.attn(self.norm1(x), allowed)
        result: Tensor = x + self.mlp(self.norm2(x))
        return result
