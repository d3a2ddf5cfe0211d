"""examples/openphenom, installed as a user would: found, loaded strictly, and right."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256
from phenoprot.features.method import Artefacts, FeatureMethod
from phenoprot.features.registry import describe, find_method, method_names
from phenoprot.features.settings import FeatureSettings
from phenoprot.screens.contract import STAINS
from phenoprot.testing import check_feature_method

EXAMPLE = Path(__file__).parents[2] / "examples/openphenom"
PACKAGE = "phenoprot_openphenom"
SMALL = {
    "image_size": 32, "patch_size": 8, "width": 16, "depth": 2, "heads": 2, "channels": 6,
}  # fmt: skip
ENCODER = "encoder.vit_backbone."
FURTHER = {"decoder.mask_token": (1, 1, 8), "encoder_decoder_proj.weight": (8, 16),
        "decoder_pred.bias": (64,)}  # fmt: skip
"""Some of the other tensors of the published file."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed into a folder of its own by pip."""
    source = tmp_path_factory.mktemp("source") / "openphenom"
    shutil.copytree(EXAMPLE, source)  # a build leaves files beside its sources
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install",
         "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", target, source],
        check=True,
    )  # fmt: skip
    return target


@pytest.fixture(autouse=True)
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(site)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def tensors_of_the_file(seed: int = 0) -> dict[str, Tensor]:
    """Weights under the names and in the shapes of the published file, at a small size."""
    from phenoprot_openphenom.network import OpenPhenom
    from phenoprot_openphenom.settings import Architecture

    own = OpenPhenom(Architecture(**SMALL)).vit.state_dict()
    shapes = {ENCODER + name: value.shape for name, value in own.items()} | FURTHER
    draw = torch.Generator().manual_seed(seed)
    return {name: 0.3 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def saved(folder: Path, tensors: dict[str, Tensor], seed: int = 0) -> Path:
    path = folder / f"model{seed}.pt"
    torch.save({"state_dict": tensors}, path)
    return path


def method(name: str = "openphenom", **settings: Any) -> FeatureMethod:
    block = {"architecture": SMALL} | settings
    return find_method(name, FeatureSettings(others={"openphenom": block}), Artefacts())


def trained(path: Path, **settings: Any) -> FeatureMethod:
    return method(weights={"file": str(path), "sha256": file_sha256(path)}, **settings)


def test_it_is_found_and_described() -> None:
    assert method_names()[-2:] == ["openphenom", "openphenom-untrained"]
    found = describe("openphenom")
    assert found is not None
    assert "Non-Commercial" in found.licence
    assert describe("openphenom-untrained").trained == "openphenom"  # type: ignore[union-attr]


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    paths = [saved(tmp_path, tensors_of_the_file(seed), seed) for seed in (0, 1)]
    check_feature_method(
        trained(paths[0]),
        others=[trained(paths[1]), trained(paths[0], pool="stains"), trained(paths[0], seed=1)],
    )
    check_feature_method(trained(paths[0], reads="crops", pool="stains"))
    check_feature_method(method("openphenom-untrained"), size=70)


def test_its_numbers_are_those_of_the_formulas(tmp_path: Path) -> None:
    """Against the network written down anew, block by block, in float64."""
    tensors = tensors_of_the_file()
    rng = np.random.default_rng(0)
    fields = rng.random((2, len(STAINS), 70, 67), dtype=np.float32)
    tiles = [fields[:, :, 3 + 32 * i : 35 + 32 * i, 2 + 32 * j : 34 + 32 * j]
             for i in range(2) for j in range(2)]  # fmt: skip
    expected = [
        np.mean([reference(tensors, tile[image]) for tile in tiles], axis=0) for image in range(2)
    ]
    by_stain = trained(saved(tmp_path, tensors), pool="stains").prepare()(fields)
    np.testing.assert_allclose(by_stain, np.reshape(expected, (2, -1)), rtol=1e-4, atol=1e-5)
    pooled = trained(saved(tmp_path, tensors)).prepare()(fields)
    np.testing.assert_allclose(pooled, np.mean(expected, axis=1), rtol=1e-4, atol=1e-5)
    save_file(tensors, tmp_path / "plain.safetensors")
    again = trained(tmp_path / "plain.safetensors").prepare()(fields)
    assert again.tobytes() == pooled.tobytes()


def reference(tensors: dict[str, Tensor], tile: np.ndarray) -> np.ndarray:
    """Mean token of each stain of a tile (C, S, S), shape (C, D)."""
    own = {name.removeprefix(ENCODER): value.double() for name, value in tensors.items()}
    side, width, head = SMALL["patch_size"], SMALL["width"], SMALL["width"] // SMALL["heads"]
    image = torch.from_numpy(tile).double()
    tokens = []
    for stain in image:
        scaled = (stain - stain.mean()) / stain.std(correction=0)
        for row in range(0, len(stain), side):
            for column in range(0, len(stain), side):
                patch = scaled[row : row + side, column : column + side]
                weight = own["patch_embed.proj.weight"][:, 0]
                tokens.append((weight * patch).sum(dim=(1, 2)) + own["patch_embed.proj.bias"])
    x = torch.stack([own["cls_token"][0, 0], *tokens])
    x = x + own["pos_embed"][0, : len(x)]
    for number in range(SMALL["depth"]):
        part = {
            name.removeprefix(f"blocks.{number}."): value
            for name, value in own.items()
            if name.startswith(f"blocks.{number}.")
        }

        def normed(values: Tensor, name: str, part: dict[str, Tensor] = part) -> Tensor:
            centred = values - values.mean(dim=-1, keepdim=True)
            sd = (values.var(dim=-1, correction=0, keepdim=True) + 1e-6).sqrt()
            return centred / sd * part[f"{name}.weight"] + part[f"{name}.bias"]

        y = normed(x, "in_norm") @ part["in_proj.weight"].T
        mlp, *rest = y.split([4 * width, width, width, width], dim=1)
        heads = []
        for at in range(0, width, head):
            q, k, v = (each[:, at : at + head] for each in rest)
            scores = normed(q, "q_norm") @ normed(k, "k_norm").T / head**0.5
            heads.append(scores.softmax(dim=1) @ v)
        attended = torch.cat(heads, dim=1) @ part["attn_out_proj.weight"].T
        hidden = functional.gelu(mlp + part["mlp_bias"]) @ part["mlp_out_proj.weight"].T
        out = attended + part["attn_out_proj.bias"] + hidden + part["mlp_out_proj.bias"]
        x = x + part["ls.gamma"] * out
    return x[1:].reshape(len(STAINS), -1, width).mean(dim=1).numpy()


def test_stains_are_alike_to_it() -> None:
    """Positions are those of the image, not of the channel: stains may come in any order."""
    from phenoprot_openphenom.network import untrained
    from phenoprot_openphenom.settings import Architecture

    network = untrained(Architecture(**SMALL), "stains", 0)
    tiles = torch.rand(2, 1, 5, 32, 32, generator=torch.Generator().manual_seed(0))
    order = [3, 0, 4, 1, 2]
    with torch.inference_mode():
        plain, mixed = (network(each).unflatten(1, (5, -1)) for each in (tiles, tiles[:, :, order]))
    torch.testing.assert_close(mixed, plain[:, order], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(plain[:, 0], plain[:, 1], atol=1e-3)


def test_its_sizes_are_those_of_the_published_network() -> None:
    from phenoprot_openphenom.network import OpenPhenom
    from phenoprot_openphenom.settings import Architecture

    with torch.device("meta"):
        own = {k: tuple(v.shape) for k, v in OpenPhenom(Architecture()).vit.state_dict().items()}
    assert own["pos_embed"] == (1, 1 + 11 * 256, 384)
    assert own["patch_embed.proj.weight"] == (384, 1, 16, 16)
    assert own["blocks.11.in_proj.weight"] == (7 * 384, 384)
    assert own["blocks.0.q_norm.weight"] == (64,)
    assert len(own) == 6 + 12 * 13
    assert len(find_method("openphenom", FeatureSettings()).columns) == 384


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(ENCODER + "cls_token"), r"1 tensors are missing \(cls_token\)"),
        (lambda t: t.update(head=torch.ones(2)), r"1 are not expected \(head\)"),
        (lambda t: t.update({ENCODER + "fc_norm.bias": torch.ones(9)}), "1 have another shape"),
        (
            lambda t: t.update({ENCODER + "patch_embed.proj.weight": torch.ones(16, 5, 8, 8)}),
            "takes 5 input channels, expected 1",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_named(tmp_path: Path, change: Any, message: str) -> None:
    tensors = tensors_of_the_file()
    change(tensors)
    with pytest.raises(UserError, match=message):
        trained(saved(tmp_path, tensors)).prepare()


def test_weights_are_named_by_their_hash(tmp_path: Path) -> None:
    path = saved(tmp_path, tensors_of_the_file())
    with pytest.raises(UserError, match="its SHA-256 is"):
        method(weights={"file": str(path), "sha256": "0" * 64}).prepare()
    with pytest.raises(UserError, match="openphenom: names no weights"):
        method().prepare()


def test_the_parameters_of_its_readme_are_valid() -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    content = yaml.safe_load(block.replace("<64 hexadecimal digits>", "a" * 64))
    settings = FeatureSettings.model_validate(content["features"])
    assert find_method("openphenom", settings).name == "openphenom"
