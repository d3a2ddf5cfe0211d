from __future__ import annotations

import numpy as np
import pytest
import torch

from phenoprot.core.errors import UserError
from phenoprot.core.settings import parse_settings
from phenoprot.features.mae.standardise import Standardisation, Standardiser, control_statistics

from .toy import STAINS, STANDARD, ArrayCrops


def test_statistics_are_those_of_the_cells_pixels() -> None:
    crops = ArrayCrops()
    chosen = np.array([0, 3, 4, 9])
    found = control_statistics(crops, chosen, STAINS)
    inside = (crops.pixels[chosen] > 0).any(axis=1)
    for c in range(2):
        values = crops.pixels[chosen, c][inside] / 65535
        assert found.mean[c] == pytest.approx(values.mean(), rel=1e-12)
        assert found.sd[c] == pytest.approx(values.std(), rel=1e-9)
    assert control_statistics(crops, chosen[::-1], STAINS) == found


def test_statistics_of_bright_crops_do_not_overflow() -> None:
    crops = ArrayCrops()
    crops.pixels = np.full((256, 2, 256, 256), 65535, dtype=np.uint16)
    crops.pixels[:, 0, 0, 0] = 1
    crops.pixels[:, 1, 1, 0] = 1
    found = control_statistics(crops, np.arange(256), STAINS)
    share = 1 / 256**2
    assert found.mean[0] == pytest.approx(1 - share * 65534 / 65535, rel=1e-12)
    assert found.sd[0] == pytest.approx((share * (1 - share)) ** 0.5 * 65534 / 65535, rel=1e-9)


def test_no_statistics_without_controls_or_contrast() -> None:
    crops = ArrayCrops()
    with pytest.raises(UserError, match=r"data/crops: no crop of a negative control .* negcon"):
        control_statistics(crops, np.array([], dtype=np.int64), STAINS, "data/crops")
    crops.pixels[:, 1] = 7
    crops.pixels[:, 0] = np.maximum(crops.pixels[:, 0], 1)
    with pytest.raises(
        UserError, match="1 channels have a single value in all 2 control crops: ER"
    ):
        control_statistics(crops, np.array([0, 1]), STAINS)


def test_background_is_black_before_standardising() -> None:
    crops = torch.tensor([[[[0, 6553]], [[13107, 65535]]]], dtype=torch.uint16)
    out = Standardiser(STANDARD)(crops)
    expected = [[[(0 - 0.02) / 0.01, (6553 / 65535 - 0.02) / 0.01]], [[7.5, 47.5]]]
    np.testing.assert_allclose(out[0].numpy(), expected, rtol=1e-5)
    assert out.dtype == torch.float32
    brighter = Standardiser(STANDARD)(crops, torch.tensor([[2.0, 0.5]]))
    expected = [[[-2.0, (2 * 6553 / 65535 - 0.02) / 0.01]], [[2.5, 22.5]]]
    np.testing.assert_allclose(brighter[0].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": (0.1,)}, "2 stains, 1 means and 2 standard deviations"),
        ({"sd": (0.1, 0.0)}, "no standard deviation above 0 for ER"),
        ({"sd": (float("nan"), 0.1)}, "'sd.0': Input should be a finite number"),
    ],
)
def test_wrong_statistics(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_settings(Standardisation, {**STANDARD.model_dump(), **changes}, "config.json")
