"""Channel statistics against numpy on all pixels at once."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from phenoprot.core.errors import UserError
from phenoprot.imaging.check import check_images
from phenoprot.imaging.reader import read_field
from phenoprot.imaging.settings import ImageSettings
from phenoprot.imaging.statistics import (
    Moments,
    channel_statistics,
    merge_all,
    read_channel_statistics,
    write_channel_statistics,
)
from phenoprot.screens.contract import STAINS

from .conftest import Screen

IMAGES = st.lists(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.integers(0, 65535).map(lambda count: np.float32(count / 65535)),
    ),
    min_size=1,
    max_size=8,
)


def test_moments_by_hand() -> None:
    moments = Moments.of(np.array([[0.25, 0.75], [0.5, 1.0]]))
    assert (moments.count, moments.mean, moments.deviations) == (4, 0.625, 0.3125)
    both = moments.merge(Moments.of(np.array([0.125])))
    assert (both.count, both.mean) == (5, 0.525)
    assert both.deviations == pytest.approx(0.3125 + 0.5**2 * 4 / 5, rel=1e-15)
    assert Moments().merge(Moments()) == Moments()


@settings(deadline=None)
@given(IMAGES, st.randoms())
def test_merged_moments_are_those_of_all_values(
    images: list[np.ndarray], shuffle: random.Random
) -> None:
    parts = [Moments.of(image) for image in images]
    values = np.concatenate([image.ravel() for image in images]).astype(np.float64)
    shuffle.shuffle(parts)
    cut = shuffle.randint(0, len(parts))
    merged = merge_all(parts[:cut]).merge(merge_all(parts[cut:]))
    assert merged.count == values.size
    np.testing.assert_allclose(merged.mean, values.mean(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(merged.sd, values.std(), rtol=1e-12, atol=1e-15)


def test_a_small_spread_on_a_high_level_is_kept() -> None:
    # One pass over the sums of squares would lose all digits here.
    values = 1e6 + np.random.default_rng(0).normal(0, 1e-3, (20, 500))
    merged = merge_all(map(Moments.of, values))
    np.testing.assert_allclose(merged.sd, values.std(), rtol=1e-7)


@pytest.fixture
def wells() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Metadata_Plate": ["P1", "P1", "P2"],
            "Metadata_Well": ["A01", "A02", "A01"],
            "Metadata_Control": ["negcon", "", "negcon"],
        }
    )


@pytest.fixture
def fields() -> list[tuple[str, str, str]]:
    return [("P1", "A01", "1"), ("P1", "A01", "2"), ("P1", "A02", "1"), ("P2", "A01", "1")]


def test_statistics_of_the_negative_controls(
    make_fields: Screen, here: None, wells: pd.DataFrame, fields: list, tmp_path: Path
) -> None:
    table = make_fields(fields)
    report = check_images(table, ImageSettings(), work=tmp_path / "work")
    statistics = channel_statistics(report.files, wells)
    assert set(statistics) == set(STAINS)
    controls = table[table["Metadata_Well"] == "A01"]
    pixels = np.stack([read_field(row) for _, row in controls.iterrows()]).astype(np.float64)
    for channel, stain in enumerate(STAINS):
        expected = pixels[:, channel]
        assert (statistics[stain].fields, statistics[stain].pixels) == (3, expected.size)
        np.testing.assert_allclose(statistics[stain].mean, expected.mean(), rtol=1e-12)
        np.testing.assert_allclose(statistics[stain].sd, expected.std(), rtol=1e-12)
    shuffled = report.files.sample(frac=1, random_state=1)
    assert channel_statistics(shuffled, wells) == statistics  # to the last bit


def test_no_negative_control(
    make_fields: Screen, here: None, wells: pd.DataFrame, tmp_path: Path
) -> None:
    report = check_images(make_fields(), ImageSettings(), work=tmp_path / "work")
    with pytest.raises(UserError, match="no negative-control well has an image"):
        channel_statistics(report.files, wells.assign(Metadata_Control=""))


def test_statistics_are_read_by_stain(
    make_fields: Screen, here: None, wells: pd.DataFrame, tmp_path: Path
) -> None:
    report = check_images(make_fields(), ImageSettings(), work=tmp_path / "work")
    statistics = channel_statistics(report.files, wells)
    path = tmp_path / "channels.json"
    write_channel_statistics(path, statistics)
    mean, sd = read_channel_statistics(path, ("Mito", "DNA"))
    assert mean.dtype == sd.dtype == np.float32
    assert mean.tolist() == [np.float32(statistics[stain].mean) for stain in ("Mito", "DNA")]
    assert sd.tolist() == [np.float32(statistics[stain].sd) for stain in ("Mito", "DNA")]
    assert read_channel_statistics(path)[0].shape == (5,)


def test_statistics_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "channels.json"
    with pytest.raises(UserError, match=r"no such file\. Run the images stage"):
        read_channel_statistics(path)
    write_channel_statistics(path, {})
    with pytest.raises(UserError, match="no statistics of DNA, ER, RNA, AGP, Mito"):
        read_channel_statistics(path)
