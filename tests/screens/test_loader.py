"""What the loader makes of good and bad screen folders."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.summary import describe
from phenoprot.screens.tables import (
    canonical_compound,
    canonical_doses,
    canonical_well,
    faulty_wells,
    read_table,
    well_fault,
)

from .mini import INFO as MINI

PROFILED = MINI["tables"] | {"profiles": {"deep": {"path": "deep.parquet", "content": "c"}}}
INFO: dict[str, Any] = MINI | {"tables": PROFILED}
WELLS = (
    "Metadata_Plate,Metadata_Well,Metadata_Compound,Metadata_Concentration,Metadata_Control\n"
    "007,a1,DMSO,0,negcon\n"
    "007,B02,  some   drug ,5e-1,\n"
    "007,C04,NADH,,\n"
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
    assert wells["Metadata_Well"].tolist() == ["A01", "B02", "C04"]
    assert wells["Metadata_Compound"].tolist() == ["DMSO", "some drug", "NADH"]
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
        (
            "t.csv",
            b"a,b\n1,2,3,4\n5\n6,7,8,9,10\n",
            "3 line.s. do not have the 2 fields of the header",
        ),
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
        (
            {"tables": {"wells": "w.csv", "images": "i.csv"}, "stains": []},
            "key 'stains' is missing",
        ),
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


@pytest.mark.parametrize("plate", ["../../x", "/abs", "20585/", "x" * 101, "..", "a\tb", " 007"])
def test_plates_that_cannot_be_file_names(folder: Path, plate: str) -> None:
    table = pd.DataFrame({"Metadata_Plate": ["007", plate], "Metadata_Well": ["A01"] * 2, "x": 1.0})
    table.to_parquet(folder / "deep.parquet")
    with pytest.raises(UserError, match=r"'Metadata_Plate' has 1 name\(s\) that cannot be used"):
        load_screen(folder).profile("deep")
    wells = WELLS + f'"{plate}",A02,DMSO,0,negcon\n'
    (folder / "wells.csv").write_text(wells)
    with pytest.raises(UserError, match=r"'Metadata_Plate' has 1 name\(s\) that cannot be used"):
        load_screen(folder).wells()


@pytest.mark.parametrize("name", ["../up", "a/b", "x" * 101])
def test_methods_that_cannot_be_file_names(folder: Path, name: str) -> None:
    described = {name: {"path": "deep.parquet", "content": "c"}}
    content = MINI | {"tables": MINI["tables"] | {"profiles": described}}
    (folder / "screen.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="1 profile table name"):
        load_screen(folder)


@pytest.mark.parametrize("word", ["nan", "None", "NA", "NULL", "<NA>", "#N/A", " NaN "])
@pytest.mark.parametrize("column", ["Plate", "Well", "Compound"])
def test_missing_values_written_as_words(folder: Path, word: str, column: str) -> None:
    row = {"Plate": "007", "Well": "C03", "Compound": "aspirin"} | {column: word}
    text = WELLS + f"{row['Plate']},{row['Well']},{row['Compound']},1,\n"
    (folder / "wells.csv").write_text(text)
    pattern = rf"'Metadata_{column}' has 1 cell\(s\) .* row 5 '{word}'"
    with pytest.raises(UserError, match=pattern):
        load_screen(folder).wells()


def readout_screen(folder: Path, table: pd.DataFrame) -> Screen:
    entry = {"path": "p.parquet", "content": "c", "cell_line": "c", "kind": "level",
             "design": "single_dose"}  # fmt: skip
    tables = INFO["tables"] | {"proteomics": entry}
    (folder / "screen.yaml").write_text(yaml.safe_dump(INFO | {"tables": tables}))
    table.to_parquet(folder / "p.parquet")
    return load_screen(folder)


READOUT = pd.DataFrame(
    {
        "Metadata_Plate": "007",
        "Metadata_Well": ["a1", "B02"],
        "Metadata_Protein": "IL-6",
        "Value": [1.5, 2.5],
    }
)


def test_missing_words_in_parquet(folder: Path) -> None:
    screen = readout_screen(folder, READOUT.assign(Metadata_Protein=["IL-6", "nan"]))
    with pytest.raises(UserError, match=r"'Metadata_Protein' has 1 cell\(s\) .* row 3 'nan'"):
        screen.proteomics()


@pytest.mark.parametrize(
    "as_type",
    [
        lambda t: t.astype({"Metadata_Plate": "category", "Metadata_Protein": "category"}),
        lambda t: t.astype({"Metadata_Well": "string[pyarrow]", "Metadata_Plate": "string"}),
        lambda t: t.assign(Value=[Decimal("1.5"), Decimal("2.5")]),
        lambda t: t.assign(Value=["1.5", " +2.5"]),
        lambda t: t.astype({"Value": "Float32"}),
    ],
)
def test_columns_of_other_types_are_read_exactly(folder: Path, as_type: Any) -> None:
    read = readout_screen(folder, as_type(READOUT)).proteomics()
    pd.testing.assert_frame_equal(read, READOUT.assign(Metadata_Well=["A01", "B02"]))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "2 value(s) that are no number"),
        ([True, False], "2 value(s) that are no number: row 2 "),
        (pd.to_timedelta([1, 2], unit="s"), "2 value(s) that are no number"),
        ([b"1", b"2"], "2 value(s) that are no number: row 2 b'1'"),
        (["1,5", "nan"], "2 value(s) that are no number: row 2 '1,5', row 3 'nan'"),
    ],
)
def test_values_that_are_no_numbers(folder: Path, values: Any, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        readout_screen(folder, READOUT.assign(Value=values)).proteomics()


def test_numbers_as_keys_are_refused(folder: Path) -> None:
    screen = readout_screen(folder, READOUT.assign(Metadata_Plate=pd.array([7, 7], "Int64")))
    with pytest.raises(UserError, match="'Metadata_Plate' holds int64, expected strings"):
        screen.proteomics()


def test_doses_that_differ_by_arithmetic_are_one(folder: Path) -> None:
    doses = [0.1 + 0.2, 0.3, 0.30000001, 0.301, 1e-9, 2e-9, np.inf, np.nan]
    rows = "".join(f"007,D{n + 1:02d},x,{dose!r},\n" for n, dose in enumerate(doses))
    (folder / "wells.csv").write_text(
        WELLS.split("\n", maxsplit=1)[0] + "\n" + rows.replace("nan", "")
    )
    found = load_screen(folder).wells()["Metadata_Concentration"]
    np.testing.assert_array_equal(found, [0.3, 0.3, 0.3, 0.301, 1e-9, 2e-9, np.inf, np.nan])


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_canonical_doses_stay_in_place(doses: list[float]) -> None:
    before = pd.Series(doses, dtype=float)
    after = canonical_doses(before)
    np.testing.assert_allclose(after, before, rtol=2e-6 * max(len(doses), 1))
    pd.testing.assert_series_equal(canonical_doses(after), after)


@pytest.mark.parametrize(
    ("name", "part"),
    [("A00", "column 0"), ("A49", "beyond"), ("AG01", "beyond"), ("ZZ99", "beyond"),
     ("\uff21\uff11", "no well name"), ("B", "no well name"), ("", "no well name")],
)  # fmt: skip
def test_wells_off_the_plate(name: str, part: str) -> None:
    assert part in str(well_fault(canonical_well(name)))


def test_wells_of_all_plates() -> None:
    names = [row + str(column) for row in ("A", "p", "Z", "AF") for column in (1, 24, 48)]
    assert faulty_wells(map(canonical_well, names)) == []
