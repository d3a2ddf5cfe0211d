from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from phenoprot.features.mae.model import MaskedAutoencoder, decay_groups, seeded_model
from phenoprot.features.mae.patches import draw_visible, hidden_mask, patchify
from phenoprot.features.mae.settings import ModelSettings

from .toy import MODEL

CHANNEL = ModelSettings(**{**MODEL.model_dump(), "tokens": "channel"})
POSTER = ModelSettings(
    image_size=224,
    patch_size=8,
    width=768,
    depth=12,
    heads=12,
    decoder_width=512,
    decoder_heads=16,
)


def crops(n: int = 3) -> Tensor:
    return torch.randn(n, 2, 16, 16, generator=torch.Generator().manual_seed(1))


def masks(s: ModelSettings, n: int = 3) -> Tensor:
    return torch.from_numpy(draw_visible(n, s, np.random.default_rng(0)))


def encode_all_with_masked_attention(model: MaskedAutoencoder, x: Tensor, seen: Tensor) -> Tensor:
    """Encode every token; hidden ones are barred as keys. A plain reimplementation."""
    s = model.settings
    tokens = model.embed(patchify(x, s)) + model.positions
    if s.tokens == "channel":
        tokens = tokens + model.channel.repeat_interleave(s.grid**2, dim=2).flatten(1, 2)
    h = torch.cat([model.cls.expand(len(x), -1, -1), tokens], dim=1)
    allowed = torch.zeros(len(x), 1 + s.n_tokens, dtype=torch.bool).scatter(1, seen + 1, True)
    allowed[:, 0] = True
    for block in model.blocks:
        b, n, w = h.shape
        qkv = block.attn.qkv(block.norm1(h)).reshape(b, n, 3, s.heads, w // s.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        score = q @ k.transpose(-2, -1) / (w // s.heads) ** 0.5
        score = score.masked_fill(~allowed[:, None, None, :], -torch.inf)
        mixed = (score.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, w)
        h = h + block.attn.proj(mixed)
        inner = nn.functional.gelu(block.mlp.fc1(block.norm2(h)))
        h = h + block.mlp.fc2(inner)
    return model.norm(h)


@pytest.mark.parametrize("s", [MODEL, CHANNEL], ids=["joint", "channel"])
def test_encoding_the_visible_equals_masked_attention(s: ModelSettings) -> None:
    model, x, seen = seeded_model(s, 0), crops(), masks(s)
    with torch.inference_mode():
        encoded = model.encode(patchify(x, s), seen)
        full = encode_all_with_masked_attention(model, x, seen)
    assert encoded.shape == (3, 1 + s.visible, s.width)
    torch.testing.assert_close(encoded[:, 0], full[:, 0], rtol=1e-5, atol=1e-5)
    index = (seen + 1)[:, :, None].expand(-1, -1, s.width)
    torch.testing.assert_close(encoded[:, 1:], full.gather(1, index), rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        everything = torch.arange(s.n_tokens).expand(3, -1)
        nothing_masked = model.encode(patchify(x, s))
        torch.testing.assert_close(nothing_masked, model.encode(patchify(x, s), everything))


@pytest.mark.parametrize("s", [MODEL, CHANNEL], ids=["joint", "channel"])
def test_hidden_pixels_are_never_seen(s: ModelSettings) -> None:
    model, seen = seeded_model(s, 0), masks(s)
    tokens = patchify(crops(), s)
    changed = torch.full_like(tokens, torch.nan)
    index = seen[:, :, None].expand(-1, -1, s.token_values)
    changed.scatter_(1, index, tokens.gather(1, index))
    with torch.inference_mode():
        one, other = (model.decode(model.encode(t, seen), seen) for t in (tokens, changed))
    assert torch.equal(one, other)
    assert one.shape == (len(tokens), s.n_tokens - s.visible, s.token_values)


def decode_all(model: MaskedAutoencoder, encoded: Tensor, seen: Tensor) -> Tensor:
    """Decode every token in its place, the visible ones too. A plain reimplementation."""
    s, x = model.settings, model.decoder_embed(encoded)
    positions = model.decoder_positions
    if s.tokens == "channel":
        positions = positions + model.decoder_channel.repeat_interleave(s.grid**2, 2).flatten(1, 2)
    filled = model.mask_token.expand(len(x), s.n_tokens, -1)
    filled = filled.scatter(1, seen[:, :, None].expand(-1, -1, x.shape[2]), x[:, 1:]) + positions
    x = torch.cat([x[:, :1], filled], dim=1)
    for block in model.decoder_blocks:
        x = block(x)
    return model.head(model.decoder_norm(x[:, 1:]))


@pytest.mark.parametrize("scale", [1, 20])  # of the queries: weights even, or all on one token
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("s", [MODEL, CHANNEL], ids=["joint", "channel"])
def test_decoding_the_hidden_equals_decoding_all(s: ModelSettings, depth: int, scale: int) -> None:
    """A block that is computed once for what crops share is the same block, gradients included."""
    s = s.model_copy(update={"decoder_depth": max(depth, 1)})
    model, seen = seeded_model(s, 0), masks(s)
    model.decoder_blocks = model.decoder_blocks[:depth]
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    for block in model.decoder_blocks:
        block.attn.qkv.weight.data[: s.decoder_width] *= scale
    hidden = hidden_mask(seen, s.n_tokens)
    encoded = torch.randn(3, 1 + s.visible, s.width, generator=generator, requires_grad=True)
    found = []
    for decode in (
        lambda: model.decode(encoded, seen),
        lambda: decode_all(model, encoded, seen)[hidden].unflatten(0, (3, -1)),
    ):
        model.zero_grad()
        encoded.grad = None
        guess = decode()
        guess.square().mean().backward()
        there = [p.grad for p in model.parameters() if p.grad is not None]
        found.append([guess, encoded.grad, *there])
    for ours, plain in zip(*found, strict=True):
        assert ours is not None
        assert plain is not None
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_a_token_that_all_look_at_may_be_visible_in_a_crop() -> None:
    """Weights are set against the greatest of all places: hidden or not, none becomes NaN."""
    s = MODEL
    model, seen = seeded_model(s, 0), masks(s)
    place = int(seen[0, 0])
    with torch.no_grad():
        model.decoder_positions[:, place] *= 100
        model.decoder_blocks[0].attn.qkv.weight.mul_(100)
        assert model.decode(torch.randn(3, 1 + s.visible, s.width), seen).isfinite().all()


def test_every_weight_gets_a_gradient() -> None:
    for s in (MODEL, CHANNEL):
        model = seeded_model(s, 0)
        target, guess = model(crops(), masks(s))
        (guess - target).square().mean().backward()
        still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []


def test_initial_weights() -> None:
    model = seeded_model(ModelSettings(), 0)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            bound = (6 / (module.in_features + module.out_features)) ** 0.5
            assert 0.98 * bound < module.weight.abs().max() <= bound, name
            assert not module.bias.any()
        if isinstance(module, nn.LayerNorm):
            assert module.eps == 1e-6, name
    assert float(model.cls.detach().std()) == pytest.approx(0.02, rel=0.2)
    assert float(model.mask_token.detach().std()) == pytest.approx(0.02, rel=0.2)


def test_a_seed_is_a_network_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (seeded_model(MODEL, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embed.weight"], other["embed.weight"])


def test_matrices_decay_and_the_rest_does_not() -> None:
    model = seeded_model(CHANNEL, 0)
    decayed, free = (set(map(id, group)) for group in decay_groups(model))
    names = {name for name, p in model.named_parameters() if id(p) in free}
    assert {"cls", "mask_token", "channel", "decoder_channel", "norm.weight"} <= names
    assert all(
        (id(p) in decayed) == (n.endswith("weight") and "norm" not in n)
        for n, p in model.named_parameters()
    )


def test_the_poster_s_network_builds() -> None:
    with torch.device("meta"):
        model = MaskedAutoencoder(POSTER)
    assert (POSTER.n_tokens, POSTER.visible, POSTER.token_values) == (784, 78, 320)
    assert model.positions.shape == (1, 784, 768)
    encoder = [model.embed, model.blocks, model.norm]
    n = sum(p.numel() for part in encoder for p in part.parameters()) + model.cls.numel()
    # 12 blocks of 12 w^2 + 13 w, the patch embedding, the last norm, CLS.
    w = 768
    assert n == 12 * (12 * w**2 + 13 * w) + (320 * w + w) + 2 * w + w
    x = torch.empty(2, 5, 224, 224, device="meta")
    seen = torch.empty(2, 78, dtype=torch.int64, device="meta")
    target, guess = model(x, seen)
    assert target.shape == guess.shape == (2, 784 - 78, 320)
