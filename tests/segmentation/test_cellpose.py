from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from segment_anything.modeling import ImageEncoderViT
from tests.segmentation.scenes import draw, write_screen
from torch import nn

from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256
from phenoprot.imaging.segmentation import cellpose
from phenoprot.imaging.segmentation.agreement import average_precision
from phenoprot.imaging.segmentation.run import plan
from phenoprot.imaging.segmentation.settings import CellposeSettings, SegmentationSettings
from phenoprot.weights.settings import WeightsSettings
from phenoprot.weights.store import locate

SETTINGS = CellposeSettings(batch_size=6)
SMALL = {"vit_l": lambda _checkpoint: SimpleNamespace(image_encoder=small_encoder())}
"""In the place of the encoder of 0.3 billion parameters."""


def small_encoder() -> nn.Module:
    return ImageEncoderViT(
        depth=2,
        embed_dim=32,
        num_heads=2,
        out_chans=16,
        use_rel_pos=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        img_size=1024,
        patch_size=16,
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cellpose-SAM with a small encoder."""
    monkeypatch.setattr("cellpose.vit.sam_model_registry", SMALL)


@pytest.fixture
def weights(small: None, tmp_path: Path) -> Path:
    """A checkpoint in the format of the package, with random weights."""
    from cellpose.vit import CPSAM

    torch.manual_seed(0)
    CPSAM().save_model(tmp_path / "cpsam")
    return tmp_path / "cpsam"


class Slopes(nn.Module):
    """In the place of the trained network: flows up the slopes of a smoothed image."""

    dtype = torch.float32
    device = torch.device("cpu")

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = []
        for light in images.mean(dim=1).numpy():
            rise = [ndimage.gaussian_filter(light, 6, order=order) for order in ((1, 0), (0, 1))]
            flows = 5 * np.stack(rise) / np.maximum(np.hypot(*rise), 1e-6)
            level = 20 * (light - 0.12 * max(light.max(), 0.1))
            outputs.append(np.concatenate([flows, level[None]]))
        return torch.from_numpy(np.stack(outputs)), torch.zeros(len(images), 256)


@pytest.fixture
def model(weights: Path) -> Any:
    """The package's model around a network whose masks can be foreseen."""
    model = cellpose.load_model(weights)
    model.net = Slopes()
    return model


FIELDS = [
    draw((300, 280), [(60, 60), (150, 200), (240, 90)], seed=0)[0],
    draw((300, 280), [(100, 130), (220, 220)], seed=1)[0],
    draw((256, 256), [(120, 130)], seed=2)[0],
    draw((300, 280), [(40, 40), (40, 180), (160, 60), (200, 200)], seed=3)[0],
]


def test_a_batch_of_fields_equals_one_by_one(model: Any) -> None:
    settings = SETTINGS.model_copy(update={"flow_threshold": 0.0})
    together = list(cellpose.segment_fields(FIELDS, model, settings))
    for field, each in zip(FIELDS, together, strict=True):
        (alone,) = cellpose.segment_fields([field], model, settings)
        assert np.array_equal(alone.masks.nuclei, each.masks.nuclei)
        assert np.array_equal(alone.masks.cells, each.masks.cells)
    assert [each.masks.count for each in together] == [3, 2, 1, 4]


def test_a_batch_equals_the_package_on_its_own(model: Any) -> None:
    images = [cellpose.cell_image(field, SETTINGS) for field in FIELDS[:2]]
    settings = SETTINGS.model_copy(update={"flow_threshold": 0.0})
    for image, labels in zip(images, cellpose.run_network(model, images, settings), strict=True):
        expected = model.eval(image, channel_axis=-1, batch_size=6, flow_threshold=0.0)[0]
        assert np.array_equal(labels > 0, expected > 0)
        assert average_precision(expected.astype(np.int32), labels, 0.99) == 1


def test_batches_are_filled_across_fields(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    forward = Slopes.forward
    monkeypatch.setattr(
        Slopes, "forward", lambda net, x: (sizes.append(len(x)), forward(net, x))[1]
    )
    images = [cellpose.cell_image(field, SETTINGS) for field in FIELDS[:2]]
    settings = SETTINGS.model_copy(update={"batch_size": 8})
    cellpose.run_network(model, images, settings)
    assert sizes == [8]  # two fields of 2 x 2 tiles


def test_objects_are_where_they_were_drawn(model: Any) -> None:
    settings = SETTINGS.model_copy(update={"flow_threshold": 0.0})
    # More than a hundredth of the field are nuclei: percentiles see them.
    centres = [(y, x) for y in (40, 110, 180, 250) for x in (50, 130, 210)]
    field, truth = draw((300, 280), centres)
    (found,) = cellpose.segment_fields([field], model, settings)
    assert average_precision(truth.nuclei, found.masks.nuclei, 0.5) == 1
    assert average_precision(truth.cells, found.masks.cells, 0.5) == 1
    assert found.unpaired == 0


def test_the_network_itself_runs_and_batches_agree(weights: Path) -> None:
    network = cellpose.load_model(weights)
    assert network.net.dtype == torch.float32
    images = [cellpose.cell_image(field, SETTINGS) for field in FIELDS[:2]]
    stack = np.stack(images)
    outputs = network.eval(stack, channel_axis=-1, batch_size=8, compute_masks=False)[1]
    for number, image in enumerate(images):
        alone = network.eval(image, channel_axis=-1, batch_size=8, compute_masks=False)[1]
        np.testing.assert_allclose(outputs[2][number], alone[2], atol=1e-4)


def test_a_blank_field_has_no_cells(model: Any) -> None:
    (found,) = cellpose.segment_fields([np.zeros((5, 256, 256), np.float32)], model, SETTINGS)
    assert (found.masks.count, found.unpaired) == (0, 0)


def test_stacking_of_stains() -> None:
    field = np.zeros((5, 10, 10), np.float32)
    field[0, :5] = 0.2  # DNA
    field[2, :, :5] = 1e-4  # RNA: a range that cellpose takes for empty
    image = cellpose.cell_image(field, CellposeSettings(cytoplasm=("RNA", "AGP")))
    assert image.shape == (10, 10, 3)
    assert image[..., 0].tolist() == [[0.5] * 5 + [0] * 5] * 10
    assert image[..., 1].tolist() == [[1] * 10] * 5 + [[0] * 10] * 5
    assert not image[..., 2].any()
    assert np.array_equal(cellpose.nucleus_image(field)[..., 0], image[..., 1])


def test_pairing() -> None:
    cells = np.zeros((12, 30), np.int32)
    cells[:, :10], cells[:, 10:20], cells[:, 20:25] = 1, 2, 3
    nuclei = np.zeros_like(cells)
    nuclei[1:4, 2:6] = 1  # in cell 1
    nuclei[6:9, 3:5] = 2  # in cell 1 too, smaller
    nuclei[1:4, 8:14] = 3  # two thirds in cell 2
    nuclei[8:10, 24:28] = 4  # most of it outside
    found = cellpose.pair(nuclei, cells)
    assert found.masks.count == 2
    assert found.unpaired == 3  # a cell, two nuclei
    assert np.array_equal(found.masks.cells, np.where(cells == 3, 0, cells))
    assert np.array_equal(found.masks.nuclei == 1, nuclei == 1)
    assert np.argwhere(found.masks.nuclei == 2)[:, 1].min() == 10
    nothing = np.zeros_like(cells)
    assert cellpose.pair(nothing, cells).unpaired == 3
    assert cellpose.pair(nuclei, nothing).unpaired == 4


def test_weights_that_are_not_there_or_others(tmp_path: Path, weights: Path) -> None:
    fields = write_screen(tmp_path, {("P1", "A01", "1"): FIELDS[2]})

    def settings(**weights: Any) -> SegmentationSettings:
        chosen = CellposeSettings(weights=WeightsSettings(**weights))
        return SegmentationSettings(method="cellpose", cellpose=chosen)

    with pytest.raises(UserError, match=r"nowhere/cpsam: no such file of weights"):
        plan(fields, settings(file="nowhere/cpsam"))
    with pytest.raises(UserError, match=rf"{file_sha256(weights)}, expected {'0' * 64}"):
        plan(fields, settings(file=str(weights), sha256="0" * 64))
    right = settings(file=str(weights), sha256=file_sha256(weights))
    planned = plan(fields, right)[0]
    assert planned.payload.method.weights == locate(right.cellpose.weights)
    elsewhere = replace(planned.payload.method, device="GPU of another machine")
    assert elsewhere.fingerprint() != planned.payload.method.fingerprint()
    with pytest.raises(UserError, match="planned for GPU of another machine, a worker process has"):
        list(elsewhere([FIELDS[2]]))


def test_weights_of_another_network(weights: Path, tmp_path: Path) -> None:
    tensors = torch.load(weights, weights_only=True)
    other = tmp_path / "other"
    torch.save({name: value for name, value in tensors.items() if name != "W2"}, other)
    with pytest.raises(UserError, match=r"other: no weights of Cellpose-SAM: they are of another"):
        cellpose.load_model(other)
    torch.save({name: value for name, value in tensors.items() if name != "out.bias"}, other)
    with pytest.raises(UserError, match=r"1 tensors are missing \(out.bias\)"):
        cellpose.load_model(other)
