"""Every fault is found, named and counted; sound images pass, however they are shared out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from phenoprot.core.errors import UserError
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.imaging import inspection
from phenoprot.imaging.check import ImageReport, check_images
from phenoprot.imaging.reader import read_field
from phenoprot.imaging.settings import ImageSettings
from phenoprot.screens.contract import STAINS
from phenoprot.screens.load_data import read_load_data

from .conftest import Screen

Check = Callable[..., ImageReport]

SETTINGS = ImageSettings()
MANY = [(plate, well, "1") for plate in ("P1", "P2") for well in ("A01", "A02", "B01")]


@pytest.fixture
def report(here: None, tmp_path: Path) -> Check:
    """Check a table in this process."""

    def run(table: pd.DataFrame, settings: ImageSettings = SETTINGS) -> ImageReport:
        return check_images(table, settings, work=tmp_path / "work")

    return run


def image_of(table: pd.DataFrame, stain: str, field: int = 0) -> Path:
    return Path(table.loc[field, f"URL_{stain}"])


def write(path: Path, image: np.ndarray) -> None:
    tifffile.imwrite(path, image, photometric="minisblack")


def test_sound_images(make_fields: Screen, report: Check) -> None:
    table = make_fields(MANY)
    result = report(table)
    assert result.faults == {}
    result.require_sound("images.csv")
    assert result.files["Metadata_Stain"].tolist() == sorted(STAINS) * 6
    summary = result.summary()
    counts = np.stack([tifffile.imread(path) for path in table["URL_ER"]])
    assert summary["stains"]["ER"]["lowest_count"] == counts.min()
    assert summary["stains"]["ER"]["highest_count"] == counts.max()
    assert {key: summary[key] for key in ("images", "fields", "wells", "plates", "formats")} == {
        "images": 30,
        "fields": 6,
        "wells": 6,
        "plates": 2,
        "formats": {"12 x 10 uint16": 30},
    }
    assert summary["illumination_functions"] is False
    json.dumps(summary, allow_nan=False)


def test_the_report_does_not_depend_on_the_workers(
    make_fields: Screen, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    table = make_fields(MANY)
    two = ExecutionSettings(workers=2)
    shuffled = table.sample(frac=1, random_state=0)
    parallel = check_images(shuffled, SETTINGS, two, tmp_path / "parallel")
    request.getfixturevalue("here")  # from now on in this process
    alone = check_images(table, SETTINGS, work=tmp_path / "alone")
    pd.testing.assert_frame_equal(parallel.files, alone.files, check_exact=True)


def test_moments_are_those_of_what_is_read(make_fields: Screen, report: Check) -> None:
    table = make_fields()
    files = report(table).files.set_index(["Metadata_Site", "Metadata_Stain"])
    for _, row in table.iterrows():
        for stain, channel in zip(STAINS, read_field(row), strict=True):
            file = files.loc[(row["Metadata_Site"], stain)]
            values = channel.astype(np.float64)
            assert file["pixels"] == values.size
            np.testing.assert_allclose(file["mean"], values.mean(), rtol=1e-12)
            np.testing.assert_allclose(file["deviations"] / values.size, values.var(), rtol=1e-12)


def test_illumination_functions_are_applied_and_checked(
    make_fields: Screen, report: Check, tmp_path: Path
) -> None:
    table = make_fields()
    np.save(tmp_path / "two.npy", np.full((12, 10), 2.0))
    np.save(tmp_path / "small.npy", np.ones((3, 4)))
    corrected = table.assign(**{f"Illum_{stain}": str(tmp_path / "two.npy") for stain in STAINS})
    result = report(corrected)
    assert result.faults == {}
    assert result.summary()["illumination_functions"] is True
    # Half of each value is exact in binary floating point.
    assert (2 * result.files["mean"] == report(table).files["mean"]).all()
    corrected["Illum_ER"] = str(tmp_path / "small.npy")
    faults = report(corrected).faults
    assert list(faults) == ["illumination"]
    assert len(faults["illumination"]) == 2
    assert faults["illumination"][0] == (
        f"{image_of(table, 'ER')} (P1/A01/1 ER): {tmp_path / 'small.npy'}: "
        "the illumination function is 3 x 4, the image 12 x 10"
    )


def test_all_kinds_of_faults_at_once(make_fields: Screen, report: Check, tmp_path: Path) -> None:
    table = make_fields([("P1", well, "1") for well in ("A01", "A02", "A03", "A04")])
    image_of(table, "DNA", 0).unlink()
    image_of(table, "ER", 0).write_text("no TIFF")
    tifffile.imwrite(image_of(table, "RNA", 0), np.zeros((4, 5, 3), np.uint8), photometric="rgb")
    write(image_of(table, "AGP", 0), np.zeros((12, 10), np.float32))
    write(image_of(table, "ER", 1), np.arange(121, dtype=np.uint16).reshape(11, 11))
    write(image_of(table, "RNA", 1), np.arange(120, dtype=np.uint8).reshape(12, 10))
    write(image_of(table, "AGP", 1), np.full((12, 10), 7, np.uint16))
    clipped = np.arange(120, dtype=np.uint16).reshape(12, 10)
    clipped[0, :6] = 4095  # a 12-bit camera
    write(image_of(table, "Mito", 1), clipped)
    table.loc[2, "URL_DNA"] = table.loc[3, "URL_DNA"]
    shutil.copy(image_of(table, "ER", 2), image_of(table, "ER", 3))
    result = report(table)
    places = {(stain, well): image_of(table, stain, well) for stain in STAINS for well in range(4)}
    assert result.faults.keys() == {
        "missing", "unreadable", "not_grey", "not_counts", "mismatch", "blank", "saturated",
        "shared", "copied",
    }  # fmt: skip
    assert result.faults["missing"] == [f"{places['DNA', 0]} (P1/A01/1 DNA): no such file"]
    assert result.faults["mismatch"] == [
        f"{places['ER', 1]} (P1/A02/1 ER): is 11 x 11 uint16, not 12 x 10 uint16",
        f"{places['RNA', 1]} (P1/A02/1 RNA): is 12 x 10 uint8, not 12 x 10 uint16",
    ]
    assert result.faults["blank"] == [f"{places['AGP', 1]} (P1/A02/1 AGP): all 7"]
    assert result.faults["saturated"] == [
        f"{places['Mito', 1]} (P1/A02/1 Mito): 5.0% of the pixels have count 4095"
    ]
    assert result.faults["shared"] == [f"{places['DNA', 3]} (P1/A03/1 DNA and P1/A04/1 DNA)"]
    assert result.faults["copied"] == [f"{places['ER', 2]} = {places['ER', 3]}"]
    with pytest.raises(UserError) as caught:
        result.require_sound("images.csv")
    message = str(caught.value)
    assert message.startswith("images.csv: 1 image(s) missing: ")
    for part in (
        "1 image(s) cannot be read: ",
        "1 image(s) not one grey image: ",
        "holds float32, expected 8- or 16-bit counts",
        "2 image(s) unlike the first image of their field in size or type: ",
        "1 image(s) blank (all pixels equal): ",
        "remove their fields from the images table",
    ):
        assert part in message


def test_many_faults_are_counted_and_the_first_named(make_fields: Screen, report: Check) -> None:
    table = make_fields(MANY)
    for field in range(5):
        image_of(table, "DNA", field).unlink()
    result = report(table)
    assert len(result.faults["missing"]) == 5
    with pytest.raises(UserError, match=r"5 image\(s\) missing: .*P1_A01_1_DNA.* and 2 more\."):
        result.require_sound("images.csv")


def test_the_limit_of_saturation_is_a_setting(make_fields: Screen, report: Check) -> None:
    table = make_fields()
    image = np.arange(120, dtype=np.uint16).reshape(12, 10)
    image[0, :3] = 65535
    write(image_of(table, "DNA"), image)
    assert list(report(table).faults) == ["saturated"]
    assert report(table, ImageSettings(max_saturated_share=0.025)).faults == {}


def test_a_field_twice_in_a_table(make_fields: Screen, report: Check) -> None:
    table = make_fields()
    faults = report(pd.concat([table, table.iloc[:1]])).faults
    assert list(faults) == ["shared", "duplicate"]
    assert len(faults["duplicate"]) == 5


def test_only_what_is_missing_or_changed_or_faulty_is_read_again(
    make_fields: Screen, report: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_fields(MANY)
    seen: list[str] = []
    inspect = inspection.inspect_field

    def counted(row: dict[str, str]) -> list[dict[str, object]]:
        seen.append(f"{row['Metadata_Plate']}/{row['Metadata_Well']}")
        return inspect(row)

    monkeypatch.setattr(inspection, "inspect_field", counted)
    lost = image_of(table, "DNA", 0)  # P1/A01
    content = lost.read_bytes()
    lost.unlink()
    assert list(report(table).faults) == ["missing"]
    assert len(seen) == 6
    seen.clear()
    assert list(report(table).faults) == ["missing"]
    assert seen == ["P1/A01", "P1/A02"]
    lost.write_bytes(content)
    assert report(table).faults == {}
    seen.clear()
    write(image_of(table, "ER", 5), np.arange(120, dtype=np.uint16).reshape(12, 10) + 9)
    assert report(table).faults == {}
    assert seen == ["P2/B01"]


def test_black_that_is_not_0(make_fields: Screen, report: Check) -> None:
    table = make_fields()
    counts = np.arange(120, dtype=np.uint16).reshape(12, 10)
    write(image_of(table, "DNA"), counts + 2**15)  # signed 16 bit read as unsigned
    write(image_of(table, "ER"), counts + 500)  # the offset of a camera
    faults = report(table).faults
    assert list(faults) == ["offset"]
    assert faults["offset"] == [
        f"{image_of(table, 'DNA')} (P1/A01/1 DNA): the lowest count is 32768 of 65535; 0 was "
        "expected to be black (signed counts read as unsigned?)"
    ]


def test_a_broken_pixel_does_not_hide_an_offset(make_fields: Screen, report: Check) -> None:
    table = make_fields(shape=(50, 40))
    counts = (np.arange(2000) + 2**15).astype(np.uint16).reshape(50, 40)
    counts[3, 3] = 0
    write(image_of(table, "DNA"), counts)
    assert list(report(table).faults) == ["offset"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (0.005, "of the pixels are clipped by the correction; the function goes down to 0.005"),
        (1e-30, "100.0% of the pixels are clipped by the correction"),
        (300.0, "the lowest value of the function is 300, expected about 1"),
        ("image", "all pixels are equal after the correction"),
    ],
)
def test_images_that_the_correction_spoils(
    make_fields: Screen, report: Check, tmp_path: Path, function: float | str, message: str
) -> None:
    table = make_fields()
    counts = tifffile.imread(image_of(table, "DNA"))
    values = counts / 65535 * 2 if function == "image" else np.full((12, 10), function)
    np.save(tmp_path / "one.npy", np.ones((12, 10)))
    np.save(tmp_path / "other.npy", values)
    table = table.assign(**{f"Illum_{stain}": str(tmp_path / "one.npy") for stain in STAINS})
    assert report(table).faults == {}
    table.loc[0, "Illum_DNA"] = str(tmp_path / "other.npy")
    faults = report(table).faults
    assert list(faults) == ["correction"]
    assert len(faults["correction"]) == 1
    assert message in faults["correction"][0]


def test_clipping_of_few_pixels_is_left_to_the_setting(
    make_fields: Screen, report: Check, tmp_path: Path
) -> None:
    table = make_fields()
    function = np.ones((12, 10))
    function[0, :3] = 1e-3
    np.save(tmp_path / "f.npy", function)
    table = table.assign(**{f"Illum_{stain}": str(tmp_path / "f.npy") for stain in STAINS})
    assert list(report(table).faults) == ["correction"]
    assert report(table, ImageSettings(max_saturated_share=0.03)).faults == {}


def test_the_shipped_images_are_sound(here: None, tmp_path: Path) -> None:
    images = Path(__file__).parents[2] / "data" / "screens" / "cpjump1" / "images.csv"
    result = check_images(read_load_data(images).iloc[:2], SETTINGS, work=tmp_path)
    assert result.faults == {}
