"""Excel workbooks are read exactly or refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.imports.proteins import ProteinOptions, read_proteins
from phenoprot.imports.targets import read_targets
from phenoprot.imports.workbook import read_workbook

from . import protein_files, target_files, workbooks

TABLE = pd.DataFrame(
    {
        "Gene & name": ["AKT1", "<b>", "", "1-Mar"],
        "Value": [2.5, 3, float("nan"), 1e-5],
        "Flag": [True, False, True, False],
    }
)


def test_every_kind_of_cell(tmp_path: Path) -> None:
    found = read_workbook(workbooks.write(tmp_path / "x.xlsx", TABLE))
    assert list(found) == list(TABLE)
    assert found["Gene & name"].tolist() == ["AKT1", "<b>", None, "1-Mar"]
    assert found["Value"].tolist() == ["2.5", "3.0", None, "1e-05"]
    assert found["Flag"].tolist() == ["TRUE", "FALSE", "TRUE", "FALSE"]


def test_columns_beyond_z(tmp_path: Path) -> None:
    wide = pd.DataFrame([[f"x{n}" for n in range(800)]], columns=[f"c{n}" for n in range(800)])
    pd.testing.assert_frame_equal(read_workbook(workbooks.write(tmp_path / "x.xlsx", wide)), wide)


def replaced(path: Path, name: str, before: str, after: str) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part).decode() for part in archive.namelist()}
    assert before in parts[name]
    parts[name] = parts[name].replace(before, after, 1)
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("name", "before", "after", "match"),
    [
        (SHEET, 'r="A2"', 'r="?"', "a cell has the place '\\?'"),
        (SHEET, "<v>0</v>", "<v>99</v>", "is no whole workbook"),
        (SHEET, "<v>0</v>", "<v>-1</v>", "a cell refers to the text '-1'"),
        (SHEET, "</row>", "", "is no whole workbook"),
        (SHEET, 'r="C2"', 'r="F2"', r"1 column\(s\) have cells and no name"),
        ("xl/sharedStrings.xml", "<t>V</t></r><r><t>alue", "<t>F</t></r><r><t>lag", "'Flag'"),
        ("xl/workbook.xml", 'r:id="rId1"', 'r:id="rId9"', "is no whole workbook: 'rId9'"),
    ],
)
def test_damaged_workbooks(name: str, before: str, after: str, match: str, tmp_path: Path) -> None:
    path = replaced(workbooks.write(tmp_path / "x.xlsx", TABLE), name, before, after)
    with pytest.raises(UserError, match=match) as caught:
        read_workbook(path)
    assert "x.xlsx" in str(caught.value)


def test_what_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    for content in (b"", b"a,b\n1,2\n", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is no whole workbook"):
            read_workbook(path)
    whole = workbooks.write(path, TABLE).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is no whole workbook"):
        read_workbook(path)


def test_two_sheets_with_cells(tmp_path: Path) -> None:
    more = '<row r="1"><c r="A1"><v>1</v></c></row>'
    path = workbooks.write(tmp_path / "x.xlsx", TABLE, more)
    with pytest.raises(UserError, match="2 sheets have cells: Table, Sheet2"):
        read_workbook(path)
    with pytest.raises(UserError, match="0 sheets have cells"):
        read_workbook(workbooks.write(path, pd.DataFrame()))


def test_proteins_and_targets_in_workbooks(tmp_path: Path) -> None:
    source = protein_files.proteome_discoverer(tmp_path)
    table = pd.read_csv(source, sep="\t")
    path = workbooks.write(tmp_path / "proteins.xlsx", table)
    found = read_proteins(path, ProteinOptions(pattern="(?P<plate>P1)_(?P<well>...)"))
    pd.testing.assert_frame_equal(found.table, protein_files.expected(), rtol=1e-6)
    source.unlink()
    path.unlink()
    files = target_files.ttd(tmp_path)
    expected = read_targets(files, target_files.compounds()).table
    mapping = tmp_path / "P1-07-Drug-TargetMapping.csv"
    workbooks.write(mapping.with_suffix(".xlsx"), pd.read_csv(mapping))
    mapping.unlink()
    pd.testing.assert_frame_equal(read_targets(files, target_files.compounds()).table, expected)
