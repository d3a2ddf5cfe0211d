"""Tables of intensities are read exactly or refused: no value moves to another row or column."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import LONGEST_MESSAGE, UserError
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.readers import join_duplicates, read_intensities
from phenoprot.curves.settings import FitSettings
from phenoprot.imports.tsv import read_tsv

DESIGN = DoseDesign(tuple("012345"), (0.0, 0.01, 0.1, 1.0, 10.0, 100.0), ("0",), 1e-6)
HEADER = ["Name", *(f"Raw {i}" for i in range(6))]
# A cell begins with its row and column: a value in another place is seen.
CELLS = [[f"P{row}", *(f"{row}{column}77.25" for column in range(1, 7))] for row in range(1, 6)]


def write(path: Path, lines: list[list[str]], end: str = "\n") -> Path:
    path.write_bytes("".join("\t".join(line) + end for line in lines).encode())
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "in.txt", [HEADER, *CELLS])


def expected() -> pd.DataFrame:
    out = pd.DataFrame(CELLS, columns=HEADER)
    return out.astype(dict.fromkeys(HEADER[1:], float))


def refused(path: Path, match: str) -> None:
    with pytest.raises(UserError, match=match) as caught:
        read_intensities(path, DESIGN)
    text = str(caught.value)
    assert len(text) <= LONGEST_MESSAGE
    assert "\n" not in text


def transformed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_bytes())) and None


GOOD = {
    "as it is": lambda b: b,
    "byte-order mark": lambda b: b"\xef\xbb\xbf" + b,
    "CRLF": lambda b: b.replace(b"\n", b"\r\n"),
    "CR": lambda b: b.replace(b"\n", b"\r"),
    "no end of line": lambda b: b.rstrip(b"\n"),
    "blank lines": lambda b: b.replace(b"\n", b"\n\n"),
    "a tab behind every line": lambda b: b.replace(b"\n", b"\t\n"),
    "every field quoted": lambda b: (
        b'"' + b.strip().replace(b"\t", b'"\t"').replace(b"\n", b'"\n"') + b'"\n'
    ),
    "every field but the header quoted": lambda b: (
        b.split(b"\n", 1)[0]
        + b"\n"
        + (
            b'"'
            + b.split(b"\n", 1)[1].strip().replace(b"\t", b'"\t"').replace(b"\n", b'"\n"')
            + b'"'
        )
    ),
    "texts quoted, as R does": lambda b: (
        b'"'
        + b.split(b"\n", 1)[0].replace(b"\t", b'"\t"')
        + b'"\n'
        + b.split(b"\n", 1)[1].replace(b"P3", b'"P3"')
    ),
    "columns in another order": lambda b: b"\n".join(
        b"\t".join(reversed(line.split(b"\t"))) for line in b.strip().split(b"\n")
    ),
    "spaces round numbers": lambda b: b.replace(b"\t1", b"\t 1").replace(b".25", b".25 "),
}


@pytest.mark.parametrize("change", GOOD)
def test_good_tables_are_read(change: str, table: Path) -> None:
    table.write_bytes(GOOD[change](table.read_bytes()))
    pd.testing.assert_frame_equal(read_intensities(table, DESIGN), expected(), check_exact=True)


def test_gzip(table: Path) -> None:
    packed = table.with_suffix(".txt.gz")
    packed.write_bytes(gzip.compress(table.read_bytes()))
    pd.testing.assert_frame_equal(read_intensities(packed, DESIGN), expected())
    packed.write_bytes(packed.read_bytes()[:-20])
    refused(packed, "cut|cannot be read")
    packed.write_bytes(b"P" * 100)
    refused(packed, "in.txt.gz")


def test_lone_quotes_are_characters(table: Path) -> None:
    table.write_bytes(
        table.read_bytes().replace(b"P1", b'"P1').replace(b"P3", b'"P3').replace(b"P4", b'5" P4"')
    )
    read = read_intensities(table, DESIGN)
    assert read["Name"].tolist() == ['"P1', "P2", '"P3', '5" P4"', "P5"]
    np.testing.assert_array_equal(read[HEADER[1:]], expected()[HEADER[1:]])


def test_quotes_that_enclose_a_field_are_no_part_of_it(table: Path) -> None:
    table.write_bytes(
        table.read_bytes()
        .replace(b"P1", b'"a, b"')
        .replace(b"P2", b'"5"" UTR"')
        .replace(b"P3", b'"a"b"')
    )
    assert read_tsv(table)["Name"].tolist()[:3] == ["a, b", '5" UTR', '"a"b"']


def test_text_of_a_quoted_file_may_hold_tabs_but_names_may_not(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    frame = expected().assign(Text="a\tb\nc")
    frame.to_csv(path, sep="\t", index=False, quoting=1)
    pd.testing.assert_frame_equal(read_intensities(path, DESIGN), expected())
    frame.assign(Name=frame["Name"] + "\t").to_csv(path, sep="\t", index=False, quoting=1)
    refused(path, r"5 name\(s\) hold a tab")


BAD = {
    "a tab behind every line but the header": (
        lambda b: b.replace(b"25\n", b"25\t\n"),
        r"5 line\(s\) do not have the 7 fields.*line 2 has 8",
    ),
    "names of rows, as R writes them": (
        lambda b: (
            b'"'
            + b.split(b"\n")[0].replace(b"\t", b'"\t"')
            + b'"\n'
            + b"".join(b'"1"\t' + line + b"\n" for line in b.strip().split(b"\n")[1:])
        ),
        r"5 line\(s\).*row.names = FALSE",
    ),
    "one field too few": (lambda b: b.replace(b"\t3377.25", b""), r"1 line\(s\).*line 4 has 6"),
    "cut": (lambda b: b[:-20], "looks cut"),
    "column twice": (lambda b: b.replace(b"Raw 1", b"Raw 2"), "occur more than once: 'Raw 2'"),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (lambda b: b.decode().encode("utf-16-le"), "NUL"),
    "Latin-1": (lambda b: b.replace(b"P2", "\u00b5".encode("latin-1")), r"line 3 \(byte 0xb5\)"),
    "a quoted file with a lone quote": (
        lambda b: GOOD["every field quoted"](b).replace(b'"P2"', b'"P2'),
        "quote|fields",
    ),
    "comma as separator": (lambda b: b.replace(b"\t", b","), r"column\(s\) are missing: Name"),
    "decimal comma": (lambda b: b.replace(b".25", b",25"), r"5 value\(s\) in 'Raw 0' .*'1177,25'"),
    "thousands": (lambda b: b.replace(b"1277.25", b"1,277.25"), "'1,277.25' of 'P1'"),
    "Excel's #N/A": (lambda b: b.replace(b"1277.25", b"#N/A"), "'#N/A' of 'P1'"),
    "names nan": (
        lambda b: b.replace(b"P1", b"nan").replace(b"P2", b"None").replace(b"P3", b" "),
        r"3 row\(s\) have no Name \('nan', 'None'\): row 1, 2, 3",
    ),
    "one name in two forms": (
        lambda b: b.replace(b"P1", "\u00e9".encode()).replace(b"P2", "e\u0301".encode()),
        r"1 Name\(s\) are written in two ways",
    ),
    "empty": (lambda b: b"", "is empty"),
    "no row": (lambda b: b.split(b"\n")[0], "no row"),
    "a very long name": (lambda b: b.replace(b"\t1177.25", b"\tx" + b"y" * 10**6), "Raw 0"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_tables_are_refused_in_one_line(fault: str, table: Path) -> None:
    change, match = BAD[fault]
    table.write_bytes(change(table.read_bytes()))
    refused(table, match)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder")
    refused(tmp_path / "none.txt", "no such file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is a named pipe")
    refused(Path("/dev/zero"), "is a device")


DAMAGES = st.sampled_from(["cut", "double", "drop", "quote", "join", "shuffle"])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=DAMAGES, line=st.integers(0, 5), place=st.integers(0, 60), quoted=st.booleans())
def test_one_damaged_line_shifts_nothing(
    damage: str, line: int, place: int, quoted: bool, table: Path
) -> None:
    mark = '"' if quoted else ""
    lines = ["\t".join(f"{mark}{cell}{mark}" for cell in row) for row in [HEADER, *CELLS]]
    text = lines[line]
    place = place % len(text)
    tabs = [i for i, c in enumerate(text) if c == "\t"]
    tab = tabs[place % len(tabs)]
    end = "\n"
    if damage == "cut":
        lines, end = [*lines[:line], text[:place]], ""
    elif damage == "double":
        lines[line] = text[:tab] + "\t" + text[tab:]
    elif damage == "drop":
        lines[line] = text[:tab] + text[tab + 1 :]
    elif damage == "quote":
        lines[line] = text[:place] + '"' + text[place:]
    elif damage == "join" and line < 5:
        lines[line : line + 2] = [text + lines[line + 1]]
    elif damage == "shuffle":
        lines[line] = text[place:] + text[:place]
    table.write_text("\n".join(lines) + end)
    try:
        read = read_intensities(table, DESIGN)
    except UserError:
        return
    original = expected()
    assert len(read) <= len(original)
    for row, values in enumerate(read[HEADER[1:]].to_numpy()):
        if damage == "shuffle" and row + 1 == line:
            continue  # other numbers, in form as good as these
        for column, value in enumerate(values, 1):
            told = CELLS[row][column]
            cut = damage == "cut" and row + 1 == line and column == 6
            assert value == float(told) or (
                cut and (np.isnan(value) or told.startswith(f"{value:g}"))
            )


NEGATIVE = [["A", "1", "0.9", "0.8", "0.5", "0.2", "-0.0016"], ["B", "2", "2", "2", "2", "2", "2"]]
CLIP = FitSettings(ratio_range=(0.0, np.inf))


def test_negative_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "in.txt", [HEADER, *NEGATIVE])
    with pytest.raises(UserError, match=r"1 negative .*'Raw 5'.*background.*ratio_range"):
        read_intensities(path, DESIGN)
    assert read_intensities(path, DESIGN, CLIP)["Raw 5"].tolist() == [-0.0016, 2.0]
    assert "1 negative" in capsys.readouterr().err
    for settings_ in (
        FitSettings(ratio_range=(-1.0, 2.0)),
        FitSettings(ratio_range=(0.0, np.inf), normalization=True),
    ):
        with pytest.raises(UserError, match="1 negative"):
            read_intensities(path, DESIGN, settings_)
    write(path, [HEADER, ["A", "-1", "0.9", "0.8", "0.5", "0.2", "1"]])
    with pytest.raises(UserError, match=r"1 mean control .* negative, e.g. -1 of 'A'"):
        read_intensities(path, DESIGN, CLIP)


@pytest.mark.parametrize(
    ("scale", "warned"),
    [
        (lambda v: v, False),  # thousands
        (np.log2, True),
        (np.log10, False),  # about 3 to 4: below what intensities of 1e5 and more give
        (lambda v: np.log10(1000 * v), True),
        (lambda v: v / v.max(), False),  # ratios
        (lambda v: 2 * v / v.max(), False),
        (lambda v: 100 * v / v.max(), False),  # percentages
        (lambda v: 1e-6 * v, False),
    ],
)
def test_logarithms_are_pointed_out(
    scale: Callable[[np.ndarray], np.ndarray],
    warned: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = scale(expected()[HEADER[1:]].to_numpy())
    rows = [[f"P{i}", *map(repr, map(float, row))] for i, row in enumerate(values)]
    read_intensities(write(tmp_path / "in.txt", [HEADER, *rows]), DESIGN)
    said = capsys.readouterr().err
    assert ("look like logarithms" in said) == warned
    assert said.count("\n") == warned


def test_contaminants_are_pointed_out(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_bytes(table.read_bytes().replace(b"P1", b"CON__P1").replace(b"P2", b"REV1"))
    read_intensities(table, DESIGN)
    said = capsys.readouterr().err
    assert "1 Name(s) mark contaminants or decoys" in said
    assert "CON__P1" in said


def test_sums_of_duplicates(table: Path) -> None:
    table.write_bytes(table.read_bytes().replace(b"P2", b"P1").replace(b"2177.25", b""))
    read = read_intensities(table, DESIGN)
    with pytest.raises(UserError, match=r"1 name\(s\) occur more than once: P1"):
        join_duplicates(read, DESIGN, sum_duplicates=False, where="in.txt")
    joined = join_duplicates(read, DESIGN, sum_duplicates=True, where="in.txt")
    assert joined["N duplicates"].tolist() == [2, 1, 1, 1]
    assert joined["Raw 0"].tolist()[0] == 1177.25
    assert joined["Raw 1"].tolist()[0] == 1277.25 + 2277.25
