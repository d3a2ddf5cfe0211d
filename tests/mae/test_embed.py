from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from phenoprot.core.errors import UserError
from phenoprot.features.mae.embed import load_embedder, part, tiles
from phenoprot.features.mae.method import MaeMethod
from phenoprot.features.mae.model import seeded_model
from phenoprot.features.mae.settings import MAE_NAMES, EmbeddingSettings, ModelSettings
from phenoprot.features.mae.standardise import Standardisation
from phenoprot.features.mae.train import train
from phenoprot.features.method import Artefacts
from phenoprot.features.registry import find_method
from phenoprot.features.settings import FeatureSettings
from phenoprot.screens.contract import STAINS
from phenoprot.testing.features import check_feature_method

from .toy import MODEL, STANDARD, ArrayCrops, settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("trained")
    return train(ArrayCrops(), STANDARD, settings(steps=3), work, "toy", "toy")


def by_hand(model: torch.nn.Module, crops: np.ndarray, pool: str, which: str = "all") -> np.ndarray:
    """Every step in the open: standardise, cut, embed, attend, norm, pool."""
    rows = []
    for crop in crops:
        x = crop.astype(np.float64) / 65535
        x = (x - np.array(STANDARD.mean)[:, None, None]) / np.array(STANDARD.sd)[:, None, None]
        tokens = [
            x[:, r : r + 4, c : c + 4].ravel() for r in range(0, 16, 4) for c in range(0, 16, 4)
        ]
        h = model.embed(torch.tensor(np.array(tokens), dtype=torch.float32))[None]
        h = h + model.positions
        if which == "cell":
            places = [(r, c) for r in range(0, 16, 4) for c in range(0, 16, 4)]
            h = h[:, [bool(crop[:, r : r + 4, c : c + 4].any()) for r, c in places]]
        if which == "quarter":
            h = h.reshape(1, 4, 4, -1)[:, [0, 2]][:, :, [0, 2]].flatten(1, 2)
        if which == "half":
            h = h[:, [0, 2, 5, 7, 8, 10, 13, 15]]
        h = torch.cat([model.cls, h], dim=1)
        for block in model.blocks:
            h = block(h)
        h = model.norm(h)[0].detach().numpy()
        rows.append(h[0] if pool == "cls" else h[1:].mean(axis=0))
    return np.array(rows)


def of(**settings: object) -> EmbeddingSettings:
    return EmbeddingSettings.model_validate({"orientations": 1, **settings})


@pytest.mark.parametrize("tokens", ["cell", "all", "half", "quarter"])
@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_embeddings_step_by_step(folder: Path, pool: str, tokens: str) -> None:
    crops = ArrayCrops()
    model = seeded_model(MODEL, 0)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    expected = by_hand(model, crops.pixels[:5], pool, tokens)
    embed = load_embedder(folder, settings=of(pool=pool, tokens=tokens))
    assert embed(crops.pixels[:5]).dtype == np.float32
    np.testing.assert_allclose(embed(crops.pixels[:5]), expected, rtol=1e-4, atol=1e-5)
    embed.device = "cpu:0"  # as on a GPU: cells of all sizes in one batch, filled up
    np.testing.assert_allclose(embed(crops.pixels[:5]), expected, rtol=1e-4, atol=1e-5)


def test_a_crop_without_a_cell_is_encoded_whole(folder: Path) -> None:
    black = np.zeros((1, 2, 16, 16), dtype=np.uint16)
    found = [load_embedder(folder, settings=of(tokens=which))(black) for which in ("cell", "all")]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("which", "times"), [("half", 2), ("quarter", 1)])
def test_the_quarter_turns_show_each_patch_equally_often(which: str, times: int) -> None:
    places = np.arange(16).reshape(4, 4)
    seen = [np.rot90(places, turn).flatten()[part(which, MODEL)] for turn in range(4)]
    assert np.bincount(np.concatenate(seen)).tolist() == [times] * 16
    assert part("quarter", MODEL).tolist() == [0, 2, 8, 10]
    channels = part("quarter", ModelSettings(**{**MODEL.model_dump(), "tokens": "channel"}))
    assert channels.tolist() == [0, 2, 8, 10, 16, 18, 24, 26]


@pytest.mark.parametrize("tokens", ["all", "half", "quarter"])
@pytest.mark.parametrize("orientations", [2, 4, 8])
def test_orientations_are_averaged(folder: Path, orientations: int, tokens: str) -> None:
    pixels = ArrayCrops().pixels[:5]
    turned = [np.rot90(pixels, turn, axes=(2, 3)) for turn in range(4)]
    mirrored = [crop[..., ::-1] for crop in turned]
    alike = {2: turned[::2], 4: turned, 8: turned + mirrored}[orientations]
    one, several = (
        load_embedder(folder, settings=of(orientations=n, tokens=tokens)) for n in (1, orientations)
    )
    expected = np.mean([one(crop) for crop in alike], axis=0)
    np.testing.assert_allclose(several(pixels), expected, rtol=1e-4, atol=1e-5)
    # How the cell lies no longer tells; of a single view it does.
    np.testing.assert_allclose(several(alike[-1]), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(one(alike[-1]) - one(pixels)).max() > 1e-2


def test_the_untrained_baseline_is_the_network_that_training_began_with(folder: Path) -> None:
    crops = ArrayCrops().pixels[:4]
    trained, initial = (
        load_embedder(folder, weights, of(pool="cls")) for weights in ("trained", "initial")
    )
    expected = by_hand(seeded_model(MODEL, 0), crops, "cls")
    np.testing.assert_allclose(initial(crops), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(trained(crops) - initial(crops)).max() > 1e-3


def test_batches_and_no_crops(folder: Path) -> None:
    embedder, crops = load_embedder(folder), ArrayCrops(n_fields=40).pixels
    assert len(crops) > 128
    one_by_one = np.concatenate([embedder(crops[i : i + 1]) for i in range(len(crops))])
    np.testing.assert_allclose(embedder(crops), one_by_one, rtol=1e-4, atol=1e-5)
    assert np.array_equal(embedder(crops), embedder(crops))
    assert embedder(crops[:0]).shape == (0, embedder.width) == (0, 16)
    # Negative strides, of which torch knows nothing; of a single crop, too.
    np.testing.assert_array_equal(embedder(crops[:1][::-1]), one_by_one[:1])


def test_other_crops_are_refused(folder: Path) -> None:
    embedder = load_embedder(folder)
    for wrong in (np.zeros((1, 2, 16, 16)), np.zeros((1, 3, 16, 16), dtype=np.uint16)):
        with pytest.raises(ValueError, match=r"the network takes uint16 \(B, 2, 16, 16\)"):
            embedder(wrong)


def test_tiles_of_a_field(folder: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 65536, (2, 37, 50)).astype(np.uint16)
    field = whole.astype(np.float32) / 65535
    cut = tiles(field, 16)
    assert cut.shape == (6, 2, 16, 16)
    assert cut.dtype == np.uint16
    # 37 = 2 tiles and 2 rows above; 50 = 3 tiles and 1 column on the left.
    assert np.array_equal(cut[4], whole[:, 18:34, 17:33])
    assert load_embedder(folder).field(field).shape == (6, 16)
    with pytest.raises(UserError, match="15 x 50 px holds no tile of 16 px"):
        tiles(field[:, :15], 16)


@pytest.fixture(scope="module")
def of_stains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for crops of all stains."""
    standard = Standardisation(stains=STAINS, mean=(0.02,) * 5, sd=(0.01,) * 5)
    work, s = tmp_path_factory.mktemp("stains"), settings(model={"channels": 5}, steps=3)
    return train(ArrayCrops(channels=5), standard, s, work, "toy", "toy")


@pytest.mark.parametrize("pool", ["cls", "mean"])
@pytest.mark.parametrize("name", MAE_NAMES)
def test_the_methods_keep_the_contract(of_stains: Path, name: str, pool: str) -> None:
    crops = ArrayCrops(channels=5).pixels[:5]
    fields = np.random.default_rng(1).random((4, 5, 37, 50), dtype=np.float32)
    methods = []
    for reads, images in (("crops", crops), ("tiles", fields)):
        features = FeatureSettings.model_validate({"mae": {"reads": reads, "pool": pool}})
        methods.append(find_method(name, features, Artefacts(mae=of_stains)))
        assert methods[-1].name == name
        check_feature_method(methods[-1], images)
    by_crop, by_tile = methods
    assert (by_crop.reads, by_tile.reads) == ("crops", "fields")
    assert by_crop.fingerprint() != by_tile.fingerprint()
    # A field is the mean of its tiles.
    tiled = by_crop.prepare()(tiles(fields[0], 16)).mean(axis=0)
    np.testing.assert_allclose(by_tile.prepare()(fields[:1])[0], tiled, rtol=1e-5, atol=1e-6)


def test_the_weights_and_the_settings_decide_the_fingerprint(of_stains: Path) -> None:
    prints = {
        MaeMethod(of_stains, weights, of(pool=pool, orientations=n)).fingerprint()
        for weights in ("trained", "initial")
        for pool in ("cls", "mean")
        for n in (1, 4)
    }
    assert len(prints) == 8


@pytest.mark.parametrize("folder_given", [True, False])
@pytest.mark.parametrize("name", MAE_NAMES)
def test_without_a_model_there_are_no_features(
    tmp_path: Path, name: str, folder_given: bool
) -> None:
    artefacts = Artefacts(mae=tmp_path / "mae" if folder_given else None)
    method = find_method(name, FeatureSettings(), artefacts)
    where = f"{tmp_path}/mae: holds no" if folder_given else f"{name}: needs a"
    for use in (method.fingerprint, method.prepare):
        with pytest.raises(UserError) as error:
            use()
        assert str(error.value).startswith(f"{where} trained model")
        assert "Train it: name mae or mae-untrained in the screen's extracted" in str(error.value)


def test_a_folder_that_holds_no_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"holds no trained model. Train it: name mae or mae-untrained in"
    ):
        load_embedder(tmp_path)
    config = (folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError, match=r"model\.safetensors: no such file"):
        load_embedder(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights.pop("cls")
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"not the weights of the network .*Missing key.*cls"):
        load_embedder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="not the weights of the network"):
        load_embedder(tmp_path)
    (tmp_path / "config.json").write_text(config.replace('"mask_ratio"', '"mask_ration"'))
    with pytest.raises(UserError, match=r"unknown key 'settings\.model\.mask_ration'"):
        load_embedder(tmp_path)
