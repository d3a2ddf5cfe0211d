"""What becomes of LoadData tables, good and bad."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import FIELD_KEY, STAINS
from phenoprot.screens.load_data import read_load_data

URLS = [f"URL_{stain}" for stain in STAINS]


def row(well: str = "A01", site: str = "1", **changes: str) -> dict[str, str]:
    """A field named by folder and file."""
    cells = {"Metadata_Plate": "007", "Metadata_Well": well, "Metadata_Site": site}
    for stain in STAINS:
        cells |= {f"PathName_{stain}": "raw", f"FileName_{stain}": f"{well}-{site}-{stain}.tif"}
    return cells | changes


def write(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "images.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def renamed(cells: dict[str, str], **names: str) -> dict[str, str]:
    return {names.get(column, column): value for column, value in cells.items()}


def test_fields_are_strings_sorted_and_absolute(tmp_path: Path) -> None:
    path = write(tmp_path, row("b1", "02"), row("A01", "1"), row("B01", "010"))
    fields = read_load_data(path)
    assert fields.columns.tolist() == [*FIELD_KEY, *URLS]
    assert fields[FIELD_KEY].to_numpy().tolist() == [
        ["007", "A01", "1"],
        ["007", "B01", "010"],
        ["007", "B01", "02"],
    ]
    assert fields["URL_Mito"].tolist() == [
        str(tmp_path / "raw" / f"{name}-Mito.tif") for name in ("A01-1", "B01-010", "b1-02")
    ]
    assert fields.index.tolist() == [0, 1, 2]


@settings(max_examples=25, deadline=None)
@given(st.permutations(list(row())))
def test_columns_are_matched_by_name(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    cells = row()
    fields = read_load_data(write(folder, {column: cells[column] for column in order}))
    for stain in STAINS:
        assert fields[f"URL_{stain}"].tolist() == [str(folder / "raw" / f"A01-1-{stain}.tif")]


def test_names_of_the_jump_consortium(tmp_path: Path) -> None:
    cells = {
        "Metadata_Source": "source_4",
        "Metadata_Plate": "007",
        "Metadata_Well": "A01",
        "Metadata_Site": "1",
    }
    bucket = "s3://cellpainting-gallery/cpg0016-jump/source_4/"
    for stain in STAINS:
        cells |= {
            f"PathName_Orig{stain}": f"{bucket}images/",
            f"FileName_Orig{stain}": f"r01-{stain}.tiff",
            f"PathName_Illum{stain}": f"{bucket}illum",
            f"FileName_Illum{stain}": f"Illum{stain}.npy",
        }
    (fields,) = read_load_data(write(tmp_path, cells)).to_dict("records")
    assert fields["URL_RNA"] == f"{bucket}images/r01-RNA.tiff"
    assert fields["Illum_RNA"] == f"{bucket}illum/IllumRNA.npy"
    assert "Metadata_Source" not in fields


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("https://example.org/a%20b.tif", "https://example.org/a%20b.tif"),
        ("s3://bucket/a.tif", "s3://bucket/a.tif"),
        ("file:/data/a%20b.tif", "/data/a b.tif"),
        ("file:///data/a.tif", "/data/a.tif"),
        ("file:a%20b.tif", "{folder}/a b.tif"),
        ("FILE:///data/a.tif", "/data/a.tif"),
        ("S3://bucket/a.tif", "s3://bucket/a.tif"),
        ("gs://bucket/a.tif", "gs://bucket/a.tif"),
        ("http://[::1]:8000/a.tif", "http://[::1]:8000/a.tif"),
        ("abfss://container@account/a.tif", "abfss://container@account/a.tif"),
        ("2020-11-08T14:58/a::b.tif", "{folder}/2020-11-08T14:58/a::b.tif"),
        ("/data/a.tif", "/data/a.tif"),
        (" sub/a.tif ", "{folder}/sub/a.tif"),
    ],
)
def test_places(tmp_path: Path, place: str, expected: str) -> None:
    cells = {key: value for key, value in row().items() if not key.endswith("_DNA")}
    fields = read_load_data(write(tmp_path, cells | {"URL_DNA": place}))
    assert fields["URL_DNA"].tolist() == [expected.format(folder=tmp_path)]


def test_a_url_goes_before_folder_and_file(tmp_path: Path) -> None:
    fields = read_load_data(write(tmp_path, row(URL_DNA="https://example.org/a.tif")))
    assert fields["URL_DNA"].tolist() == ["https://example.org/a.tif"]


def test_illumination_functions_by_short_name(tmp_path: Path) -> None:
    cells = row() | {f"Illum_{stain}": f"illum/{stain}.npy" for stain in STAINS}
    fields = read_load_data(write(tmp_path, cells))
    assert fields.columns.tolist() == [*FIELD_KEY, *URLS, *(f"Illum_{stain}" for stain in STAINS)]
    assert fields["Illum_AGP"].tolist() == [str(tmp_path / "illum/AGP.npy")]


def test_a_gzipped_table(tmp_path: Path) -> None:
    path = write(tmp_path, row())
    (tmp_path / "images.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    pd.testing.assert_frame_equal(read_load_data(tmp_path / "images.csv.gz"), read_load_data(path))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([renamed(row(), FileName_ER="FileName_er")], "no image column for stain ER"),
        ([renamed(row(), PathName_ER="Path_ER")], "there is FileName_ER but no PathName_ER"),
        ([renamed(row(), Metadata_Site="Site")], "1 key column(s) missing: Metadata_Site"),
        (
            [renamed(row(), Metadata_Plate="Plate", Metadata_Well="Well")],
            "2 key column(s) missing: Metadata_Plate, Metadata_Well",
        ),
        (
            [row(), row("A02", FileName_RNA=" "), row("A03", FileName_RNA="")],
            "column 'FileName_RNA' has 2 empty cell(s): row 3, 4",
        ),
        ([row(PathName_RNA="")], "column 'PathName_RNA' has 1 empty cell(s): row 2"),
        ([row(site="")], "column 'Metadata_Site' has 1 empty cell(s): row 2"),
        (
            [row("A1"), row("A01"), row("B01"), row("B01"), row("B01"), row("C01")],
            "2 field(s) have more than one row: 007/A01/1 (2 times), 007/B01/1 (3 times)",
        ),
        (
            [row(URL_DNA="a.tif", URL_OrigDNA="b.tif")],
            "URL_DNA and URL_OrigDNA name the same channel",
        ),
        (
            [row(Illum_DNA="a.npy", FileName_IllumER="b.npy", PathName_IllumER=".")],
            "no illumination function for RNA, AGP, Mito",
        ),
        (
            [row(Illum_DNA="a.npy", URL_IllumDNA="b.npy")],
            "Illum_DNA and URL_IllumDNA name the same channel",
        ),
    ],
)
def test_faults(tmp_path: Path, rows: list[dict[str, str]], message: str) -> None:
    path = write(tmp_path, *rows)
    with pytest.raises(UserError) as caught:
        read_load_data(path)
    assert caught.value.where == str(path)
    assert message in caught.value.what


@pytest.mark.parametrize("column", ["Metadata_Plate", "Metadata_Site"])
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../../x", "'../../x' holds a path separator"),
        ("/abs", "'/abs' holds a path separator"),
        ("20585/", "'20585/' holds a path separator"),
        ("a\\b", "holds a path separator"),
        ("..", "'..' names a folder"),
        (".", "'.' names a folder"),
        ("x" * 300, "has 300 characters"),
        ("a\nb", "holds a control character"),
        ("a\x1bb", "holds a control character"),
    ],
)
def test_names_that_would_leave_the_output(
    tmp_path: Path, column: str, name: str, fault: str
) -> None:
    path = write(tmp_path, row(), row("A02", **{column: name}))
    with pytest.raises(UserError) as caught:
        read_load_data(path)
    assert f"column '{column}': 1 " in caught.value.what
    assert fault in caught.value.what
    assert "1 to 100 characters" in caught.value.remedy
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("names", [("P1", "p1"), ("caf\u00e9", "cafe\u0301")])
def test_plates_that_some_file_systems_take_for_one(tmp_path: Path, names: tuple[str, str]) -> None:
    path = write(tmp_path, *(row(Metadata_Plate=name) for name in names))
    with pytest.raises(UserError, match=r"1 plate name\(s\) differ only in case or"):
        read_load_data(path)


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NA", "N/A", "<NA>", "null", " nan "])
@pytest.mark.parametrize("column", ["Metadata_Plate", "Metadata_Well", "Metadata_Site"])
def test_words_for_missing_values_are_empty_cells(tmp_path: Path, column: str, word: str) -> None:
    path = write(tmp_path, row(), row("A02", **{column: word}))
    with pytest.raises(UserError) as caught:
        read_load_data(path)
    expected = f"column '{column}' has 1 empty cell(s) ('{word.strip()}'): row 3"
    assert caught.value.what == expected


def test_a_folder_may_be_called_na(tmp_path: Path) -> None:
    fields = read_load_data(write(tmp_path, row(PathName_DNA="NA")))
    assert fields["URL_DNA"].tolist() == [str(tmp_path / "NA" / "A01-1-DNA.tif")]


def test_wells_beyond_the_plate(tmp_path: Path) -> None:
    wells = ["A00", "A49", "AG01", "ZZ99", "A", "07", "AF48", "af48", "H12"]
    path = write(tmp_path, *(row(well, str(n)) for n, well in enumerate(wells)))
    with pytest.raises(UserError) as caught:
        read_load_data(path)
    assert "column 'Metadata_Well' has 6 name(s) that are no wells" in caught.value.what
    assert "'A00' has column 0" in caught.value.what
    assert "AF48'" not in caught.value.what
    assert "A01 to AF48" in caught.value.remedy


@pytest.mark.parametrize(
    ("column", "place", "fault"),
    [
        ("URL_DNA", "ftp://host/a.tif", "'ftp://host/a.tif' has the protocol 'ftp'"),
        ("URL_DNA", "zip::/data/a.zip", "is a chain of protocols"),
        ("URL_DNA", "reference://x::https://host/a", "is a chain of protocols"),
        ("URL_DNA", "file://server/share/a.tif", "names the host 'server'"),
        ("PathName_DNA", "webhdfs://host/raw", "'webhdfs'"),
        ("Illum_DNA", "github://a:b@c/x.npy", "'github'"),
    ],
)
def test_places_that_are_not_read(tmp_path: Path, column: str, place: str, fault: str) -> None:
    cells = row() | {f"Illum_{stain}": "a.npy" for stain in STAINS}
    path = write(tmp_path, cells, cells | {"Metadata_Site": "2", column: place})
    with pytest.raises(UserError) as caught:
        read_load_data(path)
    assert "names 1 place(s) that are not read" in caught.value.what
    assert column in caught.value.what
    assert fault in caught.value.what
    assert "https://, s3://" in caught.value.remedy


def test_duplicates_are_found_after_spelling(tmp_path: Path) -> None:
    path = write(tmp_path, row("a1"), row(" A01 ", Metadata_Plate=" 007"), row("A001", site="1 "))
    with pytest.raises(UserError, match=r"more than one row: 007/A01/1 \(3 times"):
        read_load_data(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_line_is_refused_or_read_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = write(folder, row("A01"), row("A02"), row("A03"))
    good = read_load_data(path)
    lines = path.read_text().splitlines()
    at = data.draw(st.integers(0, 3))
    fields = lines[at].split(",")
    number = data.draw(st.integers(0, len(fields) - 1))
    damage = data.draw(st.sampled_from(["drop", "double", "quote", "cut", "extra"]))
    if damage == "drop":
        del fields[number]
    elif damage == "double":
        fields.insert(number, fields[number])
    elif damage == "quote":
        fields[number] = f'"{fields[number]}'
    elif damage == "cut":
        fields = fields[: number + 1]
    else:
        fields.append("x")
    lines[at] = ",".join(fields)
    path.write_text("\n".join(lines) + "\n")
    try:
        read = read_load_data(path)
    except UserError as error:
        assert len(str(error)) < 2000  # noqa: PT017 - both outcomes are right
    else:
        pd.testing.assert_frame_equal(read, good)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    cells = renamed(row(), FileName_ER="x", Metadata_Site="y")
    with pytest.raises(UserError) as caught:
        read_load_data(write(tmp_path, cells | {"FileName_DNA": ""}))
    message = str(caught.value)
    assert message.count(";") == 2
    for part in ("Metadata_Site", "stain ER", "'FileName_DNA' has 1 empty", "Fill empty cells"):
        assert part in message


def test_empty_tables(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("")
    with pytest.raises(UserError, match="the file is empty"):
        read_load_data(path)
    path.write_text(",".join(row()) + "\n")
    with pytest.raises(UserError, match="a header but no row"):
        read_load_data(path)
    with pytest.raises(UserError, match="no such file"):
        read_load_data(tmp_path / "other.csv")
