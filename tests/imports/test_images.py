"""Images: file names of microscopes, LoadData, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.imports.images import load_data_table, read_images
from phenoprot.imports.new import params_block, with_block
from phenoprot.pipeline.params import load_params
from phenoprot.screens.load_data import read_load_data

CHANNELS = {"1": "Mito", "2": "AGP", "3": "RNA", "4": "ER", "5": "DNA"}
HARMONY = (
    "BR1__2020-11-08T18_18_02-Measurement1/Images/r{row:02d}c03f{site:02d}p01-ch{c}sk1fk1fl1.tiff"
)
METAXPRESS = "P_7_B{row:02d}_s{site}_w{c}.tif"


def files(folder: Path, pattern: str, rows: int = 2, sites: int = 2) -> Path:
    for row in range(1, rows + 1):
        for site in range(1, sites + 1):
            for channel in CHANNELS:
                path = folder / pattern.format(row=row, site=site, c=channel)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    return folder


def test_harmony(tmp_path: Path) -> None:
    read = read_images(
        files(tmp_path, HARMONY), channels={f"ch{k}": v for k, v in CHANNELS.items()}
    )
    fields = read.fields
    assert set(fields["Metadata_Plate"]) == {"BR1"}
    assert fields["Metadata_Well"].tolist() == ["A03", "A03", "B03", "B03"]
    assert fields["Metadata_Site"].tolist() == ["1", "2", "1", "2"]
    assert fields["URL_DNA"][0].endswith("r01c03f01p01-ch5sk1fk1fl1.tiff")
    assert fields["URL_Mito"][3].endswith("r02c03f02p01-ch1sk1fk1fl1.tiff")


def test_imagexpress(tmp_path: Path) -> None:
    files(tmp_path, METAXPRESS)
    (tmp_path / "P_7_B01_s1_w1_thumb.tif").touch()
    fields = read_images(tmp_path, channels=CHANNELS).fields
    assert set(fields["Metadata_Plate"]) == {"P_7"}
    assert fields["Metadata_Well"].tolist() == ["B01", "B01", "B02", "B02"]


def test_a_pattern_of_ones_own(tmp_path: Path) -> None:
    for stain in CHANNELS.values():
        (tmp_path / f"D05-{stain}.tif").touch()
    pattern = r"(?P<well>[A-P]\d\d)-(?P<channel>\w+)\.tif"
    fields = read_images(tmp_path, pattern, plate="P1").fields
    assert fields.iloc[0, :3].tolist() == ["P1", "D05", "1"]
    assert fields["URL_AGP"][0].endswith("D05-AGP.tif")


def test_the_load_data_table_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fields = read_images(files(tmp_path / "raw", HARMONY), channels=CHANNELS).fields
    screen = tmp_path / "data/screens/mine"
    screen.mkdir(parents=True)
    table = load_data_table(fields, screen)
    assert table["URL_DNA"][0].startswith("../../../raw/")
    table.to_csv(screen / "images.csv", index=False)
    again = read_load_data(screen / "images.csv")
    for column in fields:
        places = [str(Path(p).resolve()) if "URL" in column else p for p in again[column]]
        assert places == fields[column].tolist()
    assert read_images(screen / "images.csv").lines == [
        "4 fields of view in 2 wells on 1 plate(s), stains DNA, ER, RNA, AGP, Mito"
    ]


@pytest.mark.parametrize(
    ("change", "channels", "message"),
    [
        (None, None, "no channel for DNA, ER, RNA, AGP, Mito; the images have the channels 1, 2"),
        (None, CHANNELS | {"9": "DNA"}, "no image has channel '9'; a stain has two channels"),
        (None, CHANNELS | {"5": "Actin"}, "no channel for DNA; 'Actin' is no stain"),
        ("r01c03f01p01-ch5sk1fk1fl1.tiff", CHANNELS, "1 field.* lack one of the 5 .*BR1/A03/1"),
        ("+r01c03f01p02-ch5sk1fk1fl1.tiff", CHANNELS, "1 image.s. have up to 2 planes"),
    ],
    ids=["no-channels", "twice", "no-stain", "missing", "planes"],
)
def test_what_is_refused(
    tmp_path: Path, change: str | None, channels: dict[str, str] | None, message: str
) -> None:
    files(tmp_path, HARMONY)
    if change is not None:
        folder = tmp_path / Path(HARMONY).parent
        if change[0] == "+":
            (folder / change[1:]).touch()
        else:
            (folder / change).unlink()
    with pytest.raises(UserError, match=message):
        read_images(tmp_path, channels=channels)


def test_names_that_no_pattern_fits(tmp_path: Path) -> None:
    (tmp_path / "image1.tif").touch()
    with pytest.raises(UserError, match=r"none of 1 TIFF file.s. has a known name: image1\.tif"):
        read_images(tmp_path)
    with pytest.raises(UserError, match="has no group channel, column, row"):
        read_images(tmp_path, "x")
    with pytest.raises(UserError, match="is no regular expression"):
        read_images(tmp_path, "(")


@pytest.mark.parametrize("images", [True, False], ids=["images", "no-images"])
def test_a_new_screen_with_images_measures_its_crops(tmp_path: Path, images: bool) -> None:
    draft: Any = SimpleNamespace(
        layout=SimpleNamespace(wells=pd.DataFrame({"Metadata_Well": ["A01"]})),
        profiles={}, images=object() if images else None, proteins=None, targets=None,
    )  # fmt: skip
    path = tmp_path / "params.yaml"
    shutil.copy(Path(__file__).parents[2] / "params.yaml", path)
    path.write_text(with_block(path, "mine", params_block(draft, Path("data/screens/mine"))))
    params = load_params(path)
    assert params.crops.size == 64
    assert params.of_screen("mine", path).crops.size == ("auto" if images else 64)
