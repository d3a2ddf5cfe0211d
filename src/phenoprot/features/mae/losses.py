"""The three losses, each as its equation.

The poster writes them as a mean over P patches; P are the masked patches (He et al. 2022, section
3; Kraus et al. 2024, equations 1-3).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from phenoprot.features.mae.patches import channel_patches
from phenoprot.features.mae.settings import LossSettings, ModelSettings

NORM_PIX_EPSILON = 1e-6
TINY = 1e-24


def masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of token losses over the masked tokens: sum(w v) / sum(w) of each crop, shapes (B, L).

    Crop by crop, so that the loss of a batch is the mean over its crops however it is cut into
    micro-batches. Without foreground weights this is the plain mean over all masked tokens: every
    crop has as many.
    """
    return ((values * weights).sum(dim=1) / weights.sum(dim=1)).mean()


def pixel_loss(target: Tensor, predicted: Tensor, weights: Tensor) -> Tensor:
    """L_MAE = 1/P sum_p mean_v (y_pv - x_pv)^2 over masked tokens p and their values v.

    Parameters
    ----------
    target, predicted
        Tokens, shape (B, L, V).
    weights
        Weight of each token, 0 where it is visible, shape (B, L).
    """
    return masked_mean((predicted - target).square().mean(dim=-1), weights)


def fourier_loss(
    target: Tensor, predicted: Tensor, weights: Tensor, settings: ModelSettings
) -> Tensor:
    """L_FT = 1/P sum_p mean_ck | |F(y_pc)|_k - |F(x_pc)|_k | over masked tokens p.

    F is the unnormalised 2-D discrete Fourier transform of one patch p of one channel c, k its
    frequencies: a matrix product, which for patches of a few pixels is faster than an FFT. In
    float32, whatever the precision of the network.
    """
    with torch.autocast(device_type=target.device.type, enabled=False):
        basis, share = _fourier_basis(settings.patch_size, target.device)
        y, x = (_spectrum(tokens.float(), basis, settings) for tokens in (target, predicted))
        difference = (x - y).abs() @ share
        return masked_mean(difference.mean(dim=-1), weights)


def _spectrum(tokens: Tensor, basis: Tensor, settings: ModelSettings) -> Tensor:
    """|F| of each patch and channel of tokens (B, L, V): (B, L, c, frequencies)."""
    real, imaginary = (channel_patches(tokens, settings).flatten(3) @ basis).chunk(2, dim=-1)
    # Below the floor the gradient is 0; that of a root at 0 is infinite.
    return (real.square() + imaginary.square()).clamp_min(TINY).sqrt()


@lru_cache
@torch.inference_mode(False)  # kept, and used in training, wherever it is asked for first
def _fourier_basis(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of each frequency of a patch, and the frequency's share of all.

    The spectrum of real pixels is symmetric; of each column that mirrors another one stands for
    both.

    Returns
    -------
    basis, share
        Shapes (side**2, 2 K) and (K,), K = side (side // 2 + 1).
    """
    n = torch.arange(side, dtype=torch.float64)
    column = torch.arange(side // 2 + 1, dtype=torch.float64)
    cycles = n[:, None, None, None] * n[:, None] + n[:, None, None] * column
    angle = cycles.flatten(2).flatten(0, 1) * (-2 * torch.pi / side)
    once = (column == 0) | (2 * column == side)
    share = torch.where(once, 1.0, 2.0).repeat(side) / side**2
    basis = torch.cat([angle.cos(), angle.sin()], dim=1)
    return basis.float().to(device), share.float().to(device)


def standardised(tokens: Tensor, settings: ModelSettings) -> Tensor:
    """Standardise each patch of each channel to its own mean and sd (``norm_pix``)."""
    patches = channel_patches(tokens, settings)
    mean = patches.mean(dim=(-2, -1), keepdim=True)
    variance = patches.var(dim=(-2, -1), keepdim=True)
    return ((patches - mean) / (variance + NORM_PIX_EPSILON).sqrt()).flatten(2)


def token_weights(hidden: Tensor, foreground: Tensor | None, settings: LossSettings) -> Tensor:
    """Weight of each hidden token in the losses, shape (B, H).

    Parameters
    ----------
    hidden
        Indices of the hidden tokens, shape (B, H).
    foreground
        Share of each token's patch that lies in the cell, 0..1, shape (B, L); needed for a
        `foreground_weight` above 0.
    """
    weights = torch.ones(hidden.shape, device=hidden.device)
    if settings.foreground_weight > 0:
        if foreground is None:
            raise ValueError("foreground_weight needs the foreground of the tokens")
        weights = weights + settings.foreground_weight * foreground.gather(1, hidden)
    return weights


def combined_loss(
    target: Tensor,
    predicted: Tensor,
    weights: Tensor,
    model: ModelSettings,
    settings: LossSettings,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_MAE+ = (1 - a) L_MAE + a L_FT, and its parts, detached.

    Parameters
    ----------
    target, predicted
        Tokens, shape (B, L, V).
    weights
        Of each token, as of `token_weights`, shape (B, L).
    """
    if settings.norm_pix:
        target = standardised(target, model)
    pixel = pixel_loss(target, predicted.float(), weights)
    fourier = fourier_loss(target, predicted, weights, model)
    a = settings.fourier_weight
    total = (1 - a) * pixel + a * fourier
    parts = {"loss": total, "pixel": pixel, "fourier": fourier}
    return total, {name: value.detach() for name, value in parts.items()}
