from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.features.mae.patches import (
    channel_patches,
    draw_visible,
    hidden_mask,
    patchify,
    position_embedding,
    token_share,
    unpatchify,
)
from phenoprot.features.mae.settings import ModelSettings

from .toy import MODEL

CHANNEL = ModelSettings(**{**MODEL.model_dump(), "tokens": "channel"})


def crops(s: ModelSettings, n: int = 2) -> Tensor:
    size = (n, s.channels, s.image_size, s.image_size)
    return torch.arange(np.prod(size), dtype=torch.float32).reshape(size)


@pytest.mark.parametrize("s", [MODEL, CHANNEL], ids=["joint", "channel"])
def test_patch_and_channel_order(s: ModelSettings) -> None:
    x = crops(s)
    tokens = patchify(x, s)
    assert tokens.shape == (2, s.n_tokens, s.token_values)
    assert torch.equal(unpatchify(tokens, s), x)
    for row, column, channel in [(0, 0, 0), (1, 3, 0), (2, 1, 1), (3, 3, 1)]:
        patch = x[1, channel, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        token = 4 * row + column
        if s.tokens == "joint":
            found = channel_patches(tokens, s)[1, token, channel]
        else:
            found = channel_patches(tokens, s)[1, 16 * channel + token, 0]
        assert torch.equal(found, patch)


@st.composite
def sizes(draw: st.DrawFn) -> dict[str, object]:
    patch = draw(st.integers(1, 8))
    return {
        "patch_size": patch,
        "image_size": patch * draw(st.integers(2, 12)),
        "channels": draw(st.integers(1, 6)),
        "tokens": draw(st.sampled_from(["joint", "channel"])),
        "mask_ratio": draw(st.integers(1, 99)) / 100,
    }


@settings(max_examples=60, deadline=None)
@given(sizes(), st.integers(0, 2**31))
def test_masking_keeps_the_exact_number(size: dict[str, object], seed: int) -> None:
    grid = size["image_size"] // size["patch_size"]
    n = grid**2 * (size["channels"] if size["tokens"] == "channel" else 1)
    keep = n * (100 - round(100 * size["mask_ratio"])) // 100  # in integers: no rounding
    if not 0 < keep < n:
        with pytest.raises(UserError, match=f"leaves {keep} of {n} tokens visible"):
            parse_settings(ModelSettings, size, "params.yaml")
        return
    s = ModelSettings(**size)
    assert (s.n_tokens, s.visible) == (n, keep)
    visible = draw_visible(3, s, np.random.default_rng(seed))
    assert visible.shape == (3, keep)
    assert (np.diff(visible, axis=1) > 0).all()
    assert visible.min() >= 0
    assert visible.max() < n
    mask = hidden_mask(torch.from_numpy(visible), n)
    assert mask.sum(dim=1).tolist() == [n - keep] * 3


def test_every_token_is_as_likely_to_be_seen() -> None:
    visible = draw_visible(8000, MODEL, np.random.default_rng(0))
    share = np.bincount(visible.ravel(), minlength=16) / 8000
    np.testing.assert_allclose(share, 0.25, atol=4 * (0.25 * 0.75 / 8000) ** 0.5)


def test_token_share_is_the_cell_in_a_patch() -> None:
    cell = torch.zeros(1, 16, 16, dtype=torch.bool)
    cell[0, :4, :4] = True
    cell[0, 4:6, 8:12] = True
    share = token_share(cell, MODEL)[0]
    assert share[0] == 1
    assert share[6] == 0.5
    assert share.sum() == 1.5
    assert torch.equal(token_share(cell, CHANNEL)[0], torch.cat([share, share]))


def test_positions_by_hand() -> None:
    table = position_embedding(8, 3)
    assert table.shape == (9, 8)
    # Row 2, column 1; frequencies 1 and 10000**(-1/2) = 0.01.
    expected = [f(a) for x in (2, 1) for f in (np.sin, np.cos) for a in (x, 0.01 * x)]
    np.testing.assert_allclose(table[2 * 3 + 1].numpy(), expected, atol=1e-7)
    assert len(np.unique(table.numpy().round(5), axis=0)) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch_size": 7}, "patch_size 7 does not divide image_size 16"),
        ({"heads": 3}, "width 16 is no multiple of its 3 heads"),
        ({"decoder_width": 6, "decoder_heads": 2}, "decoder_width 6 is no multiple of 4"),
        ({"mask_ratio": 0.99}, "leaves 0 of 16 tokens visible"),
        ({"depht": 2}, "unknown key 'depht'"),
    ],
)
def test_impossible_networks_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_settings(ModelSettings, {**MODEL.model_dump(), **changes}, "params.yaml")
