"""Every embedding keeps the contract."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from phenoprot.core.device import device_name
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256
from phenoprot.core.settings import Settings, parse_settings
from phenoprot.features.networks import cloome, dino
from phenoprot.features.networks.embed import Embedder, embed
from phenoprot.features.networks.settings import (
    CloomeSettings,
    DeepSettings,
    DinoSettings,
    TimmSettings,
)
from phenoprot.features.networks.statistics import standardise
from phenoprot.screens.contract import STAINS

from .conftest import blobs
from .contract import check_embedder, check_method, embedding_method


def settings_of(name: str, **values: object) -> DeepSettings:
    return DeepSettings.model_validate({name: values})


def test_cloome(channels: Path) -> None:
    images = blobs(3, 224, 228)
    settings = settings_of("cloome", crop_height=221, crop_width=225)
    check_method(embedding_method("cloome-untrained", settings, channels), images)
    # The other preprocessing, seen through a network that costs nothing.
    prepare = partial(cloome.preprocess_published, crop=(221, 225))
    check_embedder(lambda: Embedder("published", Means(), cloome.STAINS, prepare, 5), images)


def test_dino(channels: Path) -> None:
    crops = np.rint(blobs(3, 32, 32) * 65535).astype(np.uint16)
    settings = settings_of("dino", size=None)
    tower = check_method(embedding_method("dino-untrained", settings, channels), crops).network
    # The other standardisation; the same network, for making one takes seconds.
    prepare = partial(dino.preprocess, size=16, statistics=None)
    check_embedder(lambda: Embedder("dino", tower, dino.STAINS, prepare, dino.WIDTH), crops)


@pytest.mark.parametrize(
    ("stains", "standardisation"),
    [
        ("repeat", "model"),
        ("repeat", "controls"),
        ("mean", "controls"),
        ("per_channel", "model"),
        ("per_channel", "controls"),
    ],
)
def test_timm(channels: Path, stains: str, standardisation: str) -> None:
    chosen = {"channels": stains, "size": 48, "standardisation": standardisation}
    method = embedding_method(
        "timm:resnet10t-untrained", settings_of("timm", resnet10t=chosen), channels
    )
    assert len(method.columns) == (2560 if stains == "per_channel" else 512)
    check_method(method, blobs(4, 48, 60))


class Means(nn.Module):
    """The mean of each channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3))


def means(stains: tuple[str, ...] = STAINS) -> Embedder:
    return Embedder("means", Means(), stains, lambda images: images, len(stains))


def test_the_contract_finds_what_it_is_for() -> None:
    images = blobs(5, 20, 24)
    check_embedder(means, images)

    class Batchy(Means):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) - images.mean(dim=(0, 2, 3))

    class Random(Means):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images) + 1e-3 * torch.rand(1)

    class Blind(Means):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(images), 5)

    for network in (Batchy(), Random(), Blind()):
        with pytest.raises(AssertionError):
            check_embedder(
                lambda network=network: Embedder("bad", network, STAINS, lambda x: x, 5), images
            )


@pytest.mark.parametrize(("kind", "full"), [(np.uint8, 255), (np.uint16, 65535)])
def test_scale_and_order_by_hand(kind: type[np.integer], full: int) -> None:
    images = np.zeros((1, 5, 2, 2), dtype=kind)
    images[0, STAINS.index("Mito"), 0, 0] = full
    images[0, STAINS.index("ER")] = full
    cloome_order = ("Mito", "ER", "RNA", "AGP", "DNA")
    np.testing.assert_array_equal(embed(means(cloome_order), images), [[0.25, 1, 0, 0, 0]])
    as_float = (images / full).astype(np.float32)
    np.testing.assert_array_equal(embed(means(cloome_order), as_float), [[0.25, 1, 0, 0, 0]])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 5, 4)), "means: an array of shape (1, 5, 4), expected (B, C, Y, X)"),
        (np.zeros((1, 5, 4, 4)), "pixels of type float64, expected float32, uint16 or uint8"),
        (np.full((1, 5, 4, 4), 300, np.float32), "intensities from 300 to 300, expected 0 to 1"),
        (np.full((1, 5, 4, 4), np.nan, np.float32), "intensities from nan to nan"),
        (np.zeros((1, 4, 4, 4), np.float32), "images of 4 channels, but 5 stains: DNA, ER"),
    ],
)
def test_images_that_do_not_fit(images: np.ndarray, message: str) -> None:
    with pytest.raises(UserError) as fault:
        embed(means(), images)
    assert message in str(fault.value)


def test_a_missing_stain_is_named() -> None:
    with pytest.raises(UserError, match="no channel of Mito; there are DNA, ER, RNA, AGP, Brown"):
        embed(means(), np.zeros((1, 5, 4, 4), np.float32), ["DNA", "ER", "RNA", "AGP", "Brown"])


def test_embeddings_that_are_not_finite() -> None:
    class Log(Means):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images).log()

    images = np.ones((3, 5, 4, 4), np.float32)
    images[1] = 0
    with pytest.raises(UserError, match="log: 1 of 3 embeddings hold NaN or infinity"):
        embed(Embedder("log", Log(), STAINS, lambda x: x, 5), images)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cloome", {}, "cloome: names no weights. Set its weights, or run cloome-untrained."),
        (
            "cloome",
            {"cloome": {"weights": {"file": "cloome-bioactivity"}}},
            "cloome-bioactivity.pt: the weights 'cloome-bioactivity' are not there",
        ),
        (
            "dino",
            {"dino": {"weights": {"file": "dino", "sha256": "0" * 64}}},
            "dino.pth: the weights 'dino' are not there",
        ),
        (
            "timm:resnet10t",
            {"timm": {"resnet10t": {"weights": {"file": "no/such.pt", "sha256": "0" * 64}}}},
            "no/such.pt: no such file of weights",
        ),
    ],
)
def test_absent_weights_are_never_replaced(
    name: str, settings: dict[str, object], message: str, channels: Path, tmp_path: Path
) -> None:
    method = embedding_method(name, DeepSettings.model_validate(settings), channels, tmp_path)
    assert method.name == name
    for step in (method.warm, method.prepare):
        with pytest.raises(UserError, match=re.escape(message)):
            step()


def test_weights_of_a_timm_model(channels: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    trained = timm.create_model("resnet10t", num_classes=7)
    save_file(trained.state_dict(), path)
    weights = {"file": str(path), "sha256": file_sha256(path)}
    settings = settings_of(
        "timm", resnet10t={"weights": weights, "size": 48, "channels": "per_channel"}
    )
    measure = embedding_method("timm:resnet10t", settings, channels).prepare()
    images = blobs(2, 48, 48)
    found = measure(images).reshape(2, 5, 512)
    grey = torch.from_numpy(images).reshape(10, 1, 48, 48).expand(-1, 3, -1, -1)
    mean, sd = (torch.tensor(trained.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    trained.reset_classifier(0)
    with torch.inference_mode():
        expected = trained.eval()((grey - mean) / sd).reshape(2, 5, 512)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_a_changed_setting_weight_or_pixel_is_another_fingerprint(channels: Path) -> None:
    def of(name: str = "cloome", **chosen: object) -> str:
        weights = {"file": "cloome-bioactivity"}
        settings = settings_of("cloome", **({"weights": weights} | chosen))
        return embedding_method(name, settings, channels).fingerprint()

    assert of() == of(batch_size=9)
    different = {
        of(),
        of("cloome-untrained"),
        of("cloome-untrained", seed=1),
        of(crop_width=300),
        of(preprocessing="published"),
        of(weights={"file": "cloome-retrieval-zero-shot"}),
    }
    assert len(different) == 6
    with pytest.raises(UserError, match=r"mine\.pt: nothing says which SHA-256"):
        of(weights={"file": "mine.pt"})


def test_statistics_are_asked_for() -> None:
    with pytest.raises(UserError, match=r"dino-untrained: standardises to the negative controls"):
        embedding_method("dino-untrained", DeepSettings()).prepare()


@pytest.mark.parametrize("name", ["vit", "cloome-trained", "resnet18"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UserError, match=f"no feature method '{name}'; there are: cell_count, cell"):
        embedding_method(name, DeepSettings())


def test_unknown_models_of_timm() -> None:
    method = embedding_method("timm:resnet81-untrained", DeepSettings())
    with pytest.raises(UserError, match=r"has no model 'resnet81'. Perhaps resnet\d+ or"):
        _ = method.columns


def test_models_of_one_size() -> None:
    settings = settings_of("timm", vit_tiny_patch16_224={"size": 96})
    method = embedding_method("timm:vit_tiny_patch16_224-untrained", settings)
    with pytest.raises(UserError, match="takes images of 224 x 224 px only, not 96"):
        method.prepare()


@pytest.mark.parametrize(("factor", "message"), [(0.0, "no spread to standardise by")])
def test_flat_controls(
    statistics: dict[str, tuple[float, float]], factor: float, message: str
) -> None:
    flat = {stain: (mean, sd * factor) for stain, (mean, sd) in statistics.items()}
    with pytest.raises(UserError, match=message):
        standardise(torch.zeros(1, 1, 2, 2), flat, ["DNA"])
    with pytest.raises(UserError, match="no pixel statistics of Brown; there are those of Mito"):
        standardise(torch.zeros(1, 1, 2, 2), statistics, ["Brown"])


def test_values_above_one_count_as_one(channels: Path) -> None:
    measure = embedding_method(
        "timm:resnet10t-untrained", settings_of("timm", resnet10t={"size": 48}), channels
    ).prepare()
    image = blobs(1, 48, 48)
    image[0, 0, :5] = 1
    brighter = image.copy()
    brighter[0, 0, :5] = 1.5
    np.testing.assert_array_equal(measure(brighter), measure(image))


def test_seeds_make_different_networks_and_leave_the_generator_alone() -> None:
    crops = blobs(2, 32, 32)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    zero, one = (
        embedding_method(
            "timm:resnet10t-untrained", settings_of("timm", resnet10t={"seed": seed, "size": 32})
        ).prepare()(crops)
        for seed in (0, 1)
    )
    assert torch.rand(1) == expected
    assert not np.allclose(zero, one, atol=1e-3)


def test_the_device_decides_the_fingerprint_and_is_the_workers_too() -> None:
    settings = settings_of("timm", resnet10t={"size": 32})
    method = embedding_method("timm:resnet10t-untrained", settings)
    assert method.device == device_name()
    elsewhere = replace(method, device="GPU of another machine")
    assert elsewhere.fingerprint() != method.fingerprint()
    with pytest.raises(UserError) as error:
        elsewhere.prepare()
    assert str(error.value).startswith(
        "device: the work was planned for GPU of another machine, a worker process has "
        f"{device_name()}. Use workers with the device of the machine that starts the run"
    )


@pytest.mark.parametrize(
    ("model", "content", "message"),
    [
        (DinoSettings, {"size": 100}, "multiple of 16"),
        (DinoSettings, {"reads": "fields", "size": None}, "fields of view need a size"),
        (CloomeSettings, {"crop_height": 100}, "greater than or equal to 221"),
        (TimmSettings, {"channels": "rgb"}, "'channels': Input should be 'repeat', 'mean' or"),
        (DinoSettings, {"sise": 224}, "unknown key 'sise'"),
    ],
)
def test_settings(model: type[Settings], content: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_settings(model, content, "params.yaml")
