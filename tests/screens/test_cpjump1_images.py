"""The builder of the real fields on made-up upstream files, and its promises on those shipped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis.extra import numpy as hnp

from phenoprot.core.errors import UserError
from phenoprot.imaging.reader import read_image
from phenoprot.screens import cpjump1_images
from phenoprot.screens.contract import STAINS
from phenoprot.screens.loader import Screen, load_screen

FOLDER = Path(__file__).parents[2] / "data" / "screens" / "cpjump1"

COMPOUNDS = {
    "BR00117010/L09": "FK-866",
    "BR00117011/M02": "LY2109761",
    "BR00117012/A21": "dexamethasone",
    "BR00117012/D08": "FK-866",
    "BR00117012/N14": "NVS-PAK1-1",
    "BR00117013/D14": "DMSO",
    "BR00117013/G21": "TC-S-7004",
    "BR00117013/N09": "AMG900",
}
"""From the names of the upstream folders."""
PIXELS = "40fc259581d005f57f5d0075a4872bde35efd7b7cc6b3e8d40fce8f47a2b7f2e"
"""SHA-256 of all shipped pixels, by plate, well and stain."""


def test_binning_by_hand() -> None:
    image = np.array([[1, 2, 65535, 65535], [3, 4, 65535, 65534]], dtype=np.uint16)
    binned = cpjump1_images.bin_2x2(image)
    assert binned.dtype == np.uint16
    assert binned.tolist() == [[3, 65535]]  # 2.5 and 65534.75


@given(
    hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5).map(
        lambda shape: (2 * shape[0], 2 * shape[1])
    ))
)  # fmt: skip
def test_binning_is_the_mean_rounded_half_up(image: np.ndarray) -> None:
    blocks = [image[y::2, x::2].astype(np.float64) for y in (0, 1) for x in (0, 1)]
    np.testing.assert_array_equal(
        cpjump1_images.bin_2x2(image), np.floor(np.mean(blocks, axis=0) + 0.5)
    )


@pytest.mark.parametrize(
    ("field", "well"), [("r14c09f05p01", "N09"), ("r01c21f05p01", "A21"), ("r16c24f05p01", "P24")]
)
def test_names_of_fields(field: str, well: str) -> None:
    assert cpjump1_images.well_and_site(field) == (well, "5")


def test_the_plate_is_the_one_being_measured() -> None:
    def at(*time: int) -> str:
        return cpjump1_images.plate_of(datetime(2020, 11, *time, tzinfo=UTC))

    assert at(8, 19, 58, 34) == "BR00117012"
    assert at(8, 21, 38, 18) == "BR00117012"
    assert at(8, 21, 38, 19) == "BR00117013"
    assert at(9, 1, 4, 38) == "BR00117011"
    for time in ((8, 19, 58, 33), (9, 2, 37, 47)):
        with pytest.raises(UserError, match="was taken on none of the plates"):
            at(*time)


FIELD = "r02c03f05p01"


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One made-up field of 6 x 4 pixels, taken while BR00117010 was being measured."""
    rng = np.random.default_rng(0)
    sums = []
    for number in range(1, 6):
        path = tmp_path / "upstream" / f"{FIELD}-ch{number}sk1fk1fl1.tiff"
        path.parent.mkdir(exist_ok=True)
        image = rng.integers(0, 65536, (6, 4), dtype=np.uint16)
        write_upstream(path, image, "2020-11-09T00:10:00.500Z")
        sums.append(hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(cpjump1_images, "FIELDS", {FIELD: tuple(sums)})
    return tmp_path / "upstream"


def write_upstream(path: Path, image: np.ndarray, taken: str) -> None:
    tifffile.imwrite(path, image, extratags=[(306, 2, len(taken) + 1, taken, True)])


def test_a_field_is_built(upstream: Path, tmp_path: Path) -> None:
    cpjump1_images.build_images(upstream, tmp_path / "screen")
    table = pd.read_csv(tmp_path / "screen" / "images.csv", dtype=str)
    assert table.iloc[0, :6].tolist() == [
        "BR00117010", "B03", "5", "2020-11-09T00:10:00.500000+00:00",
        "images/BR00117010", "B03_s5_DNA.tiff",
    ]  # fmt: skip
    for number, stain in enumerate(("Mito", "AGP", "RNA", "ER", "DNA"), 1):
        source = tifffile.imread(upstream / f"{FIELD}-ch{number}sk1fk1fl1.tiff")
        path = tmp_path / "screen" / "images" / "BR00117010" / f"B03_s5_{stain}.tiff"
        built = read_image(str(path))
        assert built.shape == (3, 2)
        corner = source[:2, :2].astype(int)
        assert built[0, 0] == (corner.sum() + 2) // 4
        with tifffile.TiffFile(path) as tiff:
            assert tiff.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
            assert tiff.pages.first.predictor == tifffile.PREDICTOR.HORIZONTAL
    first = {path: path.read_bytes() for path in (tmp_path / "screen").rglob("*.*")}
    cpjump1_images.build_images(upstream, tmp_path / "screen")
    assert {path: path.read_bytes() for path in first} == first


def test_channels_of_different_plates(
    upstream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = upstream / f"{FIELD}-ch5sk1fk1fl1.tiff"
    write_upstream(path, np.zeros((6, 4), np.uint16), "2020-11-08T23:00:00Z")
    sums = (*cpjump1_images.FIELDS[FIELD][:4], hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(cpjump1_images, "FIELDS", {FIELD: sums})
    with pytest.raises(UserError, match=f"{FIELD} was taken on BR00117010 and BR00117013"):
        cpjump1_images.build_images(upstream, tmp_path / "screen")


def test_other_bytes_upstream(upstream: Path, tmp_path: Path) -> None:
    (upstream / f"{FIELD}-ch2sk1fk1fl1.tiff").write_bytes(b"other")
    with pytest.raises(UserError, match=r"ch2sk1fk1fl1\.tiff: SHA-256 is not"):
        cpjump1_images.build_images(upstream, tmp_path / "screen")


@pytest.fixture(scope="module")
def screen() -> Screen:
    return load_screen(FOLDER)


def test_shipped_fields_lie_in_wells_of_their_compounds(screen: Screen) -> None:
    fields = screen.images().merge(screen.wells())
    keys = fields["Metadata_Plate"] + "/" + fields["Metadata_Well"]
    assert dict(zip(keys, fields["Metadata_Compound"], strict=True)) == COMPOUNDS
    assert set(fields["Metadata_Site"]) == {"5"}


def test_shipped_fields_were_taken_when_their_plate_was_measured() -> None:
    """Columns from left to right, odd ones upwards and even ones downwards, 3.75 minutes each."""
    for row in pd.read_csv(FOLDER / "images.csv", dtype=str).to_dict("records"):
        begin = cpjump1_images.MEASUREMENTS[row["Metadata_Plate"]]
        passed = (datetime.fromisoformat(row["Metadata_Acquired"]) - begin).total_seconds() / 60
        down, column = ord(row["Metadata_Well"][0]) - ord("A"), int(row["Metadata_Well"][1:])
        wells = 16 * (column - 1) + (15 - down if column % 2 else down)
        assert abs(passed - 3.75 * (wells + 1) / 16) < 0.5


def test_shipped_pixels(screen: Screen) -> None:
    digest = hashlib.sha256()
    for row in screen.images().to_dict("records"):
        for stain in STAINS:
            image = read_image(row[f"URL_{stain}"])
            assert image.shape == (540, 540)
            assert image.dtype == np.uint16
            digest.update(image.astype("<u2").tobytes())
    assert digest.hexdigest() == PIXELS


def test_shipped_images_are_small_and_none_is_left_over(screen: Screen) -> None:
    files = {path for path in (FOLDER / "images").rglob("*") if path.is_file()}
    assert sum(path.stat().st_size for path in files) < 25e6
    named = screen.images()[[f"URL_{stain}" for stain in STAINS]].to_numpy().ravel()
    assert {str(path) for path in files} == set(named)
