from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from phenoprot.features.mae.losses import pixel_loss
from phenoprot.features.mae.model import seeded_model
from phenoprot.features.mae.patches import (
    draw_visible,
    hidden_tokens,
    patchify,
    rows_of,
    unpatchify,
)
from phenoprot.features.mae.pictures import CELLS, EDGE, reconstructions, tiled
from phenoprot.features.mae.reconstruction import (
    MASKS,
    chosen_crops,
    hidden_pixels,
    inpainted,
    measure_reconstruction,
)
from phenoprot.features.mae.settings import ModelSettings
from phenoprot.features.mae.standardise import Standardiser

from .toy import MODEL, STANDARD, ArrayCrops, settings

LEVEL = torch.full((1, 1, 1), 7.0, dtype=torch.float64)
TRAINED, HELD = np.array([0, 1, 2, 4]), np.array([3, 5])


def test_hidden_pixels_of_channel_tokens_differ_by_channel() -> None:
    s = ModelSettings(**{**MODEL.model_dump(), "tokens": "channel", "mask_ratio": 0.5})
    visible = torch.arange(16)[None]  # all of the first channel
    hidden = hidden_pixels(visible, s)
    assert not hidden[0, 0].any()
    assert hidden[0, 1].all()


def test_inpainting_is_a_normalised_gaussian_average() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 1, 16, 16))
    known = rng.random((1, 1, 16, 16)) < 0.3
    got = inpainted(torch.from_numpy(x), torch.from_numpy(known), 2.0, LEVEL)[0, 0].numpy()
    blur = [
        gaussian_filter(array[0, 0], 2.0, mode="constant", truncate=12)
        for array in (x * known, known.astype(float))
    ]
    expected = np.where(known[0, 0], x[0, 0], blur[0] / blur[1])
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_far_from_all_that_is_known_the_mean_is_taken() -> None:
    x = torch.zeros(1, 1, 224, 224)
    known = torch.zeros(1, 1, 224, 224, dtype=torch.bool)
    known[..., 0, :2] = True
    x[..., 0, 0], x[..., 0, 1] = 1.0, 3.0
    filled = inpainted(x, known, 1.0, LEVEL)
    assert float(filled[0, 0, 200, 200]) == pytest.approx(2.0)
    assert torch.isfinite(filled).all()


def test_a_channel_that_shows_nothing_gets_its_level() -> None:
    x, known = torch.ones(1, 2, 8, 8), torch.zeros(1, 2, 8, 8, dtype=torch.bool)
    known[:, 0, :2] = True
    levels = torch.tensor([5.0, 7.0], dtype=torch.float64)[:, None, None]
    filled = inpainted(x, known, 1.0, levels)
    torch.testing.assert_close(filled[0, 0], torch.ones(8, 8))
    torch.testing.assert_close(filled[0, 1], torch.full((8, 8), 7.0))


@pytest.mark.parametrize("norm_pix", [False, True])
def test_channel_tokens_that_hide_a_channel_are_measured(norm_pix: bool) -> None:
    # 8 tokens of 8 px, two visible: in most crops a channel shows nothing.
    model = {"tokens": "channel", "patch_size": 8, "mask_ratio": 0.75}
    s = settings(model=model, loss={"norm_pix": norm_pix})
    network, standardiser = seeded_model(s.model, 0), Standardiser(STANDARD)
    found = measure_reconstruction(network, ArrayCrops(), standardiser, s, TRAINED, HELD)
    assert all(np.isfinite(value) for value in found.values())
    assert found["mse_inpainted"] > 0


@pytest.mark.parametrize("norm_pix", [False, True])
def test_errors_are_those_of_the_loss(norm_pix: bool) -> None:
    crops, s = ArrayCrops(), settings(loss={"norm_pix": norm_pix})
    model, standardiser = seeded_model(s.model, 0), Standardiser(STANDARD)
    found = measure_reconstruction(model, crops, standardiser, s, TRAINED, HELD)
    indices = np.concatenate([crops.fields[3], crops.fields[5]])
    assert (found["n_crops"], found["n_fields"]) == (len(indices), 2)
    visible = torch.from_numpy(
        draw_visible(len(indices), s.model, np.random.default_rng([MASKS, 0]))
    )
    images = standardiser(torch.from_numpy(crops.read(indices)))
    hidden = hidden_tokens(visible, 16)
    ones = torch.ones(hidden.shape)
    with torch.inference_mode():
        target, guess = model(images, visible)
    if norm_pix:
        patches = target.unflatten(2, (2, 16))
        sd = (patches.var(dim=-1, keepdim=True) + 1e-6).sqrt()
        target = ((patches - patches.mean(dim=-1, keepdim=True)) / sd).flatten(2)
    assert found["mse_model"] == pytest.approx(float(pixel_loss(target, guess, ones)), rel=1e-5)
    if not norm_pix:
        seen = np.concatenate([crops.fields[n] for n in TRAINED])
        trained = standardiser(torch.from_numpy(crops.read(seen)))
        for name, dims in (("mean", (0, 2, 3)), ("mean_crop", 0)):
            mean = trained.mean(dim=dims, keepdim=True).expand_as(images)
            expected = float(pixel_loss(target, rows_of(patchify(mean, s.model), hidden), ones))
            assert found[f"mse_{name}"] == pytest.approx(expected, rel=1e-5)
            explained = 1 - found["mse_model"] / expected
            assert found[f"explained_of_{name}"] == pytest.approx(explained, abs=1e-5)
    explained = 1 - found["mse_model"] / found["mse_mean"]
    assert found["explained_of_mean"] == pytest.approx(explained)


def test_errors_within_cells_are_those_of_a_loop() -> None:
    crops, s = ArrayCrops(), settings()
    model, standardiser = seeded_model(s.model, 0), Standardiser(STANDARD)
    found = measure_reconstruction(model, crops, standardiser, s, TRAINED, HELD)
    seen = np.concatenate([crops.fields[n] for n in TRAINED])
    held = np.concatenate([crops.fields[n] for n in HELD])
    pixels = {name: crops.pixels[n].astype(float) for name, n in (("seen", seen), ("held", held))}
    mean, sd = (np.array(values)[:, None, None] for values in (STANDARD.mean, STANDARD.sd))
    x = {name: (values / 65535 - mean) / sd for name, values in pixels.items()}
    visible = torch.from_numpy(draw_visible(len(held), s.model, np.random.default_rng([MASKS, 0])))
    with torch.inference_mode():
        _, found_tokens = model(standardiser(torch.from_numpy(crops.read(held))), visible)
    tokens = torch.zeros(len(held), 16, 32)
    for crop in range(len(held)):
        tokens[crop, [n for n in range(16) if n not in visible[crop].tolist()]] = found_tokens[crop]
    guess = unpatchify(tokens, s.model).double().numpy()
    squares: dict[str, list[float]] = {"model": [], "mean": [], "mean_crop": []}
    for crop in range(len(held)):
        shown = {divmod(int(token), 4) for token in visible[crop]}
        for row, column in np.ndindex(16, 16):
            if (row // 4, column // 4) in shown or not pixels["held"][crop, :, row, column].any():
                continue
            for c in range(2):
                inside = pixels["seen"].any(axis=1)
                everywhere = x["seen"][:, c][inside].mean()
                here = x["seen"][inside[:, row, column], c, row, column]
                y = x["held"][crop, c, row, column]
                squares["model"].append((guess[crop, c, row, column] - y) ** 2)
                squares["mean"].append((everywhere - y) ** 2)
                squares["mean_crop"].append(((here.mean() if len(here) else everywhere) - y) ** 2)
    for name, values in squares.items():
        assert found[f"cell_mse_{name}"] == pytest.approx(np.mean(values), rel=1e-5), name
    hidden = hidden_pixels(visible, s.model)
    level = torch.from_numpy(x["seen"].mean(axis=(0, 2, 3)))[:, None, None]
    images = torch.from_numpy(x["held"])
    filled = inpainted(images, ~hidden, found["cell_inpainting_width_px"], level)
    counted = hidden.numpy() & pixels["held"].any(axis=1)[:, None]
    expected = ((filled - images).numpy()[counted] ** 2).mean()
    assert found["cell_mse_inpainted"] == pytest.approx(expected, rel=1e-4)
    explained = 1 - found["cell_mse_model"] / found["cell_mse_mean_crop"]
    assert found["cell_explained_of_mean_crop"] == pytest.approx(explained)


def test_many_crops_are_thinned_evenly() -> None:
    fields = [np.arange(0, 1000), np.arange(1000, 2000), np.arange(2000, 3000)]
    chosen = chosen_crops(fields, np.array([0, 2]))
    assert len(chosen) == len(set(chosen)) == 512
    assert (chosen[0], chosen[-1]) == (0, 2999)
    assert abs(int((chosen < 1000).sum()) - 256) <= 1
    assert chosen_crops(fields[:1], np.array([0])).tolist()[-1] == 999


def test_pictures_show_crop_mask_and_guess() -> None:
    crops, s = ArrayCrops(), settings()
    model, standardiser = seeded_model(s.model, 0), Standardiser(STANDARD)
    shown = reconstructions(model, crops, HELD, standardiser, s)
    assert shown.shape == (CELLS, 3, 2, 16, 16)
    first = crops.pixels[crops.fields[3][0]].astype(float)
    np.testing.assert_allclose(
        shown[0, 0], first / first.max(axis=(1, 2), keepdims=True), atol=1e-5
    )
    hidden = (shown[:, 1] == 0) & (shown[:, 0] > 0)
    assert (shown[:, 1][~hidden] == shown[:, 0][~hidden]).all()
    seen = (shown[:, 1] == shown[:, 0]) & (shown[:, 0] > 0)
    assert (shown[:, 2][seen] == shown[:, 0][seen]).all()
    mosaic = tiled(shown.reshape(-1, 2, 16, 16))
    assert mosaic.shape == (3 * CELLS * (16 + EDGE), 2 * (16 + EDGE))
    np.testing.assert_array_equal(mosaic[18:34, 18:34], shown[0, 1, 1])


def test_few_fields_show_several_cells_each() -> None:
    crops, s = ArrayCrops(), settings()
    model, standardiser = seeded_model(s.model, 0), Standardiser(STANDARD)
    shown = reconstructions(model, crops, np.array([3]), standardiser, s)
    cells = crops.pixels[crops.fields[3][:CELLS]].astype(float)
    assert 1 < len(shown) == len(cells) <= CELLS
    expected = cells / cells.max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(shown[:, 0], expected, atol=1e-5)
