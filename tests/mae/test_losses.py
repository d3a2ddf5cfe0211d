"""The losses against loops that follow the equations term by term."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from phenoprot.features.mae.losses import (
    combined_loss,
    fourier_loss,
    pixel_loss,
    standardised,
    token_weights,
)
from phenoprot.features.mae.settings import LossSettings, ModelSettings

from .toy import MODEL

CHANNEL = ModelSettings(**{**MODEL.model_dump(), "tokens": "channel"})
ODD = ModelSettings(**{**MODEL.model_dump(), "image_size": 15, "patch_size": 3})


def tokens(settings: ModelSettings, seed: int, batch: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, settings.n_tokens, settings.token_values, generator=generator)


def hidden(settings: ModelSettings, batch: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(9)
    order = torch.rand(batch, settings.n_tokens, generator=generator).argsort(dim=1)
    return order >= settings.visible


def dft(patch: np.ndarray) -> np.ndarray:
    """F_uv = sum_yx f_yx exp(-2 pi i (u y + v x) / p), by its definition."""
    p = len(patch)
    wave = np.exp(-2j * np.pi * np.outer(np.arange(p), np.arange(p)) / p)
    return wave @ patch @ wave.T


def loop_losses(target: Tensor, guess: Tensor, mask: Tensor, s: ModelSettings) -> tuple:
    pixel, fourier = [], []
    for b, p in mask.nonzero().tolist():
        x, y = target[b, p].double().numpy(), guess[b, p].double().numpy()
        pixel.append(np.mean([(u - v) ** 2 for u, v in zip(x, y, strict=True)]))
        side, terms = s.patch_size, []
        for c in range(s.token_values // side**2):
            cut = slice(c * side**2, (c + 1) * side**2)
            spectra = [np.abs(dft(z[cut].reshape(side, side))) for z in (x, y)]
            terms += list(np.abs(spectra[1] - spectra[0]).ravel())
        fourier.append(np.mean(terms))
    return np.mean(pixel), np.mean(fourier)


@pytest.mark.parametrize("s", [MODEL, CHANNEL, ODD], ids=["joint", "channel", "odd"])
def test_losses_equal_the_equations(s: ModelSettings) -> None:
    target, guess, mask = tokens(s, 1), tokens(s, 2), hidden(s)
    pixel, fourier = loop_losses(target, guess, mask, s)
    assert float(pixel_loss(target, guess, mask.float())) == pytest.approx(pixel, rel=1e-6)
    assert float(fourier_loss(target, guess, mask.float(), s)) == pytest.approx(fourier, rel=1e-6)
    total, parts = combined_loss(target, guess, mask, s, LossSettings(fourier_weight=0.3))
    assert float(total) == pytest.approx(0.7 * pixel + 0.3 * fourier, rel=1e-6)
    assert {name: float(value) for name, value in parts.items()} == pytest.approx(
        {"loss": float(total), "pixel": pixel, "fourier": fourier}, rel=1e-6
    )


@pytest.mark.parametrize("s", [MODEL, CHANNEL, ODD], ids=["joint", "channel", "odd"])
def test_the_fourier_gradient_is_that_of_an_fft(s: ModelSettings) -> None:
    target, guess, weights = tokens(s, 1), tokens(s, 2).requires_grad_(), hidden(s).float()
    (found,) = torch.autograd.grad(fourier_loss(target, guess, weights, s), guess)
    spectra = [
        torch.fft.fft2(z.double().unflatten(-1, (-1, s.patch_size, s.patch_size))).abs()
        for z in (target, guess)
    ]
    per_token = (spectra[1] - spectra[0]).abs().mean(dim=(2, 3, 4))
    (expected,) = torch.autograd.grad((per_token * weights).sum() / weights.sum(), guess)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    # A black patch has no spectrum, and no direction in which it grows.
    black = torch.zeros_like(guess).requires_grad_()
    (gradient,) = torch.autograd.grad(fourier_loss(target, black, weights, s), black)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_a_loss_measured_without_gradients_does_not_spoil_training() -> None:
    s = ModelSettings(**{**MODEL.model_dump(), "image_size": 20, "patch_size": 5})
    target, guess, weights = tokens(s, 1), tokens(s, 2).requires_grad_(), hidden(s).float()
    with torch.inference_mode():
        measured = float(fourier_loss(target, guess, weights, s))
    loss = fourier_loss(target, guess, weights, s)
    loss.backward()
    assert float(loss.detach()) == measured
    assert float(guess.grad.abs().sum()) > 0


def test_unit_noise_has_pixel_loss_1_and_fourier_loss_7() -> None:
    s = ModelSettings(patch_size=8)
    noise = tokens(s, 3, batch=200)
    mask = torch.ones(200, s.n_tokens)
    nothing = torch.zeros_like(noise)
    assert float(pixel_loss(noise, nothing, mask)) == pytest.approx(1.0, abs=0.005)
    # |F| of 64 unit pixels: Rayleigh, mean sqrt(64 pi / 4), at 60 frequencies; 4 are real.
    expected = (60 * (64 * np.pi / 4) ** 0.5 + 4 * (64 * 2 / np.pi) ** 0.5) / 64
    assert expected == pytest.approx(7.0, abs=0.05)
    measured = float(fourier_loss(noise, nothing, mask, s))
    assert measured == pytest.approx(expected, rel=0.002)


def test_visible_tokens_do_not_count() -> None:
    target, guess, mask = tokens(MODEL, 1), tokens(MODEL, 2), hidden(MODEL)
    before = combined_loss(target, guess, mask, MODEL, LossSettings())[0]
    guess[~mask] += 100
    assert combined_loss(target, guess, mask, MODEL, LossSettings())[0] == before


def test_norm_pix_standardises_each_channel_of_a_patch() -> None:
    target = tokens(MODEL, 1)
    patches = target.reshape(3, MODEL.n_tokens, 2, 16)
    for channel in (0, 1):
        part = patches[1, 5, channel]
        expected = (part - part.mean()) / part.std()
        got = standardised(target, MODEL)[1, 5, channel * 16 : (channel + 1) * 16]
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    mask, guess = hidden(MODEL), tokens(MODEL, 2)
    total = combined_loss(target, guess, mask, MODEL, LossSettings(norm_pix=True))[0]
    plain = combined_loss(standardised(target, MODEL), guess, mask, MODEL, LossSettings())[0]
    assert total == plain
    assert standardised(torch.ones(1, 16, 32), MODEL).abs().max() == 0  # background


def test_foreground_weighs_hidden_tokens_crop_by_crop() -> None:
    hidden = torch.tensor([[0, 1], [0, 2]])
    share = torch.tensor([[1.0, 0.0, 1.0], [0.5, 1.0, 0.0]])
    weights = token_weights(hidden, share, LossSettings(foreground_weight=2.0))
    assert weights.tolist() == [[3.0, 1.0], [2.0, 1.0]]
    target = torch.zeros(2, 2, 1)
    guess = torch.tensor([[[1.0], [2.0]], [[3.0], [0.0]]])
    # crop by crop: (3*1 + 1*4) / 4 and (2*9 + 1*0) / 3
    assert float(pixel_loss(target, guess, weights)) == pytest.approx((7 / 4 + 6) / 2)
    with pytest.raises(ValueError, match="foreground_weight needs the foreground"):
        token_weights(hidden, None, LossSettings(foreground_weight=2.0))


def test_fourier_loss_has_a_gradient_where_nothing_is() -> None:
    guess = torch.zeros(1, 16, 32, requires_grad=True)
    fourier_loss(torch.zeros(1, 16, 32), guess, torch.ones(1, 16), MODEL).backward()
    assert torch.isfinite(guess.grad).all()


def test_fourier_loss_is_float32_under_autocast() -> None:
    target, guess, mask = tokens(MODEL, 1), tokens(MODEL, 2).bfloat16(), hidden(MODEL).float()
    plain = fourier_loss(target, guess.float(), mask, MODEL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert fourier_loss(target, guess, mask, MODEL) == plain
