"""What the loader makes of good and bad screen folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.errors import UserError
from phenoprot.screens.loader import load_screen
from phenoprot.screens.summary import describe
from phenoprot.screens.tables import canonical_compound, canonical_well, read_table

from .mini import INFO as MINI

PROFILED = MINI["tables"] | {"profiles": {"deep": {"path": "deep.parquet", "content": "c"}}}
INFO: dict[str, Any] = MINI | {"tables": PROFILED}
WELLS = (
    "Metadata_Plate,Metadata_Well,Metadata_Compound,Metadata_Concentration,Metadata_Control\n"
    "007,a1,DMSO,0,negcon\n"
    "007,B02,  some   drug ,5e-1,\n"
    "007,NA,NA,,\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mini"
    folder.mkdir()
    (folder / "screen.yaml").write_text(yaml.safe_dump(INFO))
    (folder / "wells.csv").write_text(WELLS)
    table = pd.DataFrame({"Metadata_Plate": ["007"], "Metadata_Well": ["a1"], "x": [1.5]})
    table.to_parquet(folder / "deep.parquet")
    return folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a1", "A01"), ("A01", "A01"), (" p24 ", "P24"), ("AF048", "AF48"), ("A-1", "A-1")],
)
def test_canonical_well(name: str, expected: str) -> None:
    assert canonical_well(name) == expected


@given(st.text(max_size=8))
def test_canonical_names_stay(name: str) -> None:
    well, compound = canonical_well(name), canonical_compound(name)
    assert canonical_well(well) == well
    assert canonical_compound(compound) == compound


def test_wells_are_typed_and_canonical(folder: Path) -> None:
    wells = load_screen(folder).wells()
    assert wells["Metadata_Plate"].tolist() == ["007"] * 3  # leading zeros stay
    assert wells["Metadata_Well"].tolist() == ["A01", "B02", "NA"]  # 'NA' is text, not missing
    assert wells["Metadata_Compound"].tolist() == ["DMSO", "some drug", "NA"]
    assert wells["Metadata_Control"].tolist() == ["negcon", "", ""]
    assert wells["Metadata_Concentration"].iloc[:2].tolist() == [0.0, 0.5]
    assert wells["Metadata_Concentration"].isna().tolist() == [False, False, True]


def test_profile(folder: Path) -> None:
    profile = load_screen(folder).profile("deep")
    assert profile.loc[0].tolist() == ["007", "A01", 1.5]


def write_images(folder: Path, *wells: str) -> None:
    stains = ("DNA", "ER", "RNA", "AGP", "Mito")
    rows = [
        {"Metadata_Plate": "007", "Metadata_Well": well, "Metadata_Site": "1"}
        | {f"URL_{stain}": f"s3://bucket/{well}-{stain}.tif" for stain in stains}
        for well in wells
    ]
    pd.DataFrame(rows).to_csv(folder / "images.csv", index=False)
    tables = INFO["tables"] | {"images": "images.csv"}
    (folder / "screen.yaml").write_text(yaml.safe_dump(INFO | {"tables": tables}))


def test_images(folder: Path) -> None:
    write_images(folder, "b02", "a1")
    images = load_screen(folder).images()
    assert images["Metadata_Well"].tolist() == ["A01", "B02"]
    assert images["URL_RNA"].tolist() == ["s3://bucket/a1-RNA.tif", "s3://bucket/b02-RNA.tif"]
    assert "images: 2 fields of view in 2 wells on 1 plates, 1-1 site(s) per well" in describe(
        folder
    )


def test_images_of_strange_wells(folder: Path) -> None:
    write_images(folder, "A01", "C03", "D04")
    with pytest.raises(UserError) as caught:
        load_screen(folder).images()
    assert str(caught.value) == (
        f"{folder / 'images.csv'}: 2 well(s) with 2 field(s) of view are not in wells.csv: "
        "007/C03, 007/D04. Add them to the plate layout, or take their fields out."
    )


def test_tables_that_are_not_there(folder: Path) -> None:
    screen = load_screen(folder)
    with pytest.raises(UserError, match="no profile table 'mae'; there are: deep"):
        screen.profile("mae")
    with pytest.raises(UserError, match="the screen has no proteomics table"):
        screen.proteomics()
    with pytest.raises(UserError, match="the screen has no targets table"):
        screen.targets()
    with pytest.raises(UserError, match="the screen has no images table"):
        screen.images()
    (folder / "wells.csv").unlink()
    with pytest.raises(UserError, match=r"wells\.csv: no such file"):
        screen.wells()


def test_every_fault_of_a_table_is_named(folder: Path) -> None:
    text = WELLS.replace("5e-1", "5 uM").replace("Metadata_Control", "Control")
    (folder / "wells.csv").write_text(text)
    with pytest.raises(UserError) as caught:
        load_screen(folder).wells()
    message = str(caught.value)
    assert "1 required column(s) missing: Metadata_Control" in message
    assert "'Metadata_Concentration' has 1 value(s) that are no number: row 3 '5 uM'" in message
    assert "A wells table needs" in message
    assert "the unit stands in screen.yaml" in message


def test_numeric_metadata_is_refused(folder: Path) -> None:
    table = pd.DataFrame({"Metadata_Plate": [7], "Metadata_Well": ["A01"], "x": [1.0]})
    table.to_parquet(folder / "deep.parquet")
    with pytest.raises(UserError, match="'Metadata_Plate' holds int64, expected strings"):
        load_screen(folder).profile("deep")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"x", "unknown kind of table"),
        ("t.csv", b"", "the file is empty"),
        ("t.csv", b"a,b\n1,2,3,4\n5\n6,7,8,9,10\n", "3 line.s. do not have the 2 fields of the header"),
        ("t.csv", b"a\n\xff\xfe\xfa\n", "1 line.s. are not UTF-8 text: line 2"),
        ("t.parquet", b"no parquet", "cannot be read"),
        ("t.csv.gz", b"no gzip", "cannot be read"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, "name is 'other' but the folder is 'mini'"),
        ({"name": "With Space"}, "'name': String should match"),
        ({"concentration_unit": "mg"}, "'concentration_unit'"),
        ({"sources": []}, "'sources'"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"tables": {}}, "key 'tables.wells' is missing"),
    ],
)
def test_contract_is_enforced(folder: Path, change: dict[str, Any], message: str) -> None:
    (folder / "screen.yaml").write_text(yaml.safe_dump(INFO | change))
    with pytest.raises(UserError, match=message):
        load_screen(folder)


def test_no_screen(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"screen\.yaml: no such file"):
        load_screen(tmp_path)
