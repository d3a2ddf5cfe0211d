"""Tables are read exactly or refused: no value moves without a word."""

from __future__ import annotations

import csv
import gzip
import io
import math
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.core.tables import parse_numbers, read_delimited, read_parquet

GOOD = {"a": ["1", "3"], "b": ["x y", None]}


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x y\n3,\n",
        b"a,b\n1,x y\n3,",
        b"\xef\xbb\xbfa,b\r\n1,x y\r\n3,\r\n",
        b"a,b\r1,x y\r3,\r",
        b'"a","b"\n"1","x y"\n"3",""\n',
        b"a,b\n\n1,x y\n\n3,\n\n",
        gzip.compress(b"a,b\n1,x y\n3,\n", mtime=0),
        gzip.compress(b"a,b\n1,x y\n", mtime=0) + gzip.compress(b"3,\n", mtime=0),
    ],
)
def test_one_table_in_many_dresses(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / ("t.csv.gz" if content[:2] == b"\x1f\x8b" else "t.csv")
    path.write_bytes(content)
    assert read_delimited(path).to_dict("list") == GOOD


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", ["the file is empty"]),
        (b"\n \n", ["the file is empty"]),
        (b"a,b\n1,2\n3,4,5\n6\n", ["2 line(s)", "2 fields", "line 3 has 3", "line 4 has 1"]),
        (b"\na,b\n\n1,2,3\n", ["line 4 has 3"]),
        (b'a,b\n"x\n1",2\n3\n', ["1 line(s)", "line 4 has 1"]),
        (b"a,b\n1,2\n3", ["line 3 has 1", "cut"]),
        (b"a,b\n1,2,\n3,4,\n", ["2 line(s)", "line 2 has 3"]),
        (b"a,b,\n1,2\n", ["line 2 has 2"]),
        (b"a,b,a\n1,2,3\n", ["1 column name(s)", "'a'", "header"]),
        (b",\n1,2\n", ["without a name"]),
        (b'a,b\n"x,2\n3,4\n', ["line 2", "quote"]),
        (b'a,b\n"x,2\n"y,4\n', ["line 2", "quote"]),
        (b'a,b\n1,2\n"x"y,2\n', ["line 3", "quote"]),
        (b'a,b\n"x\n""1",2\nx"y,2\n3, "4"\n', ["2 line(s)", "line 4, 5", "quote"]),
        (b'a"b,c\n1,2\n', ["line 1", "quote"]),
        ("a,b\n1,µ\n".encode("latin-1"), ["1 line(s)", "UTF-8", "line 2"]),
        ("a,b\n1,µ\n".encode("utf-16"), ["UTF-16"]),
        ("a,b\n1,2\n".encode("utf-16-le"), ["NUL bytes"]),
    ],
)
def test_damaged_text_is_refused(content: bytes, named: list[str], tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_delimited(path)
    for text in [str(path), *named]:
        assert text in str(error.value)


@pytest.mark.parametrize("damage", ["cut", "garbage", "bomb"])
def test_damaged_gzip_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    whole = gzip.compress(b"a,b\n" + os.urandom(999).hex().encode() + b",1\n")
    bomb = gzip.compress(b"a\n" + b"1\n" * 2**27, compresslevel=1) if damage == "bomb" else b""
    path.write_bytes({"cut": whole[:-20], "garbage": b"no gzip", "bomb": bomb}[damage])
    with pytest.raises(UserError, match="unpacks to more" if bomb else "cut|cannot be read"):
        read_delimited(path)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for path, kind in {
        tmp_path / "pipe.csv": "a named pipe",
        tmp_path / "folder.csv": "a folder",
        Path("/dev/zero"): "a device",
        tmp_path / "none.csv": "no such file",
    }.items():
        for read in (read_delimited, read_parquet):
            with pytest.raises(UserError, match=kind):
                read(path)


def test_a_quote_is_a_character_where_nothing_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('Name\tv\n"G1\t1\n"G2\t2\nG"3"\t3\n', encoding="utf-8")
    table = read_delimited(path, "\t", quotes=False)
    assert table.to_dict("list") == {"Name": ['"G1', '"G2', 'G"3"'], "v": ["1", "2", "3"]}


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
TEXT = st.one_of(CELLS, st.sampled_from(['"', 'a"b', '""', "x,y", "line\nbreak", " ", "'"]))


TABLE = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(TEXT, min_size=n, max_size=n), min_size=1, max_size=5)
)


@given(TABLE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_the_csv_module_writes_is_read_back(tmp_path: Path, rows: list[list[str]]) -> None:
    names = [f"c{i}" for i in range(len(rows[0]))]
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    path = tmp_path / "t.csv"
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    assert read_delimited(path).fillna("").to_numpy().tolist() == rows


@given(
    row=st.integers(1, 4),
    damage=st.sampled_from(["cut", "join", "separator", "lone quote", "field", "double"]),
    data=st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_one_damaged_line_is_refused_or_read_right(
    tmp_path: Path, row: int, damage: str, data: st.DataObject
) -> None:
    lines = ["n,x,y,z", *(f"g{i},{i}.5,{i}0,{i}1" for i in range(1, 6))]
    line, place = lines[row], data.draw(st.integers(0, len(lines[row]) - 1))
    lines[row] = {
        "cut": line[:place],
        "join": line + lines[row + 1],
        "separator": line[:place] + "," + line[place:],
        "lone quote": line[:place] + '"' + line[place:],
        "field": line.rsplit(",", 1)[0],
        "double": line + "\n" + line,
    }[damage]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        table = read_delimited(path)
    except UserError as error:
        message = str(error)
    else:
        # Every other line is where it was, whole.
        found = table.fillna("").to_numpy().tolist()
        whole = [text.split(",") for number, text in enumerate(lines) if number not in {0, row}]
        assert list(table) == lines[0].split(",")
        assert all(cells in found for cells in whole)
        return
    assert f"line {row + 1}" in message


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_what_is_written(number: float) -> None:
    text = pd.Series([repr(number), f" {number!r} ", f"{number:+.17e}", None])
    numbers, wrong = parse_numbers(text)
    assert not wrong.any()
    assert [struct.pack("d", value) for value in numbers[:3]] == [struct.pack("d", number)] * 3
    assert math.isnan(numbers[3])


def test_what_is_no_number() -> None:
    text = [
        "1,5",
        "1.234.5",
        "0x10",
        "1_000",
        "nan",
        "None",
        "#N/A",
        "5 uM",
        "--1",
        "1e",
        "",
        "\u0661",
    ]
    numbers, wrong = parse_numbers(pd.Series(text))
    assert wrong.all()
    assert np.isnan(numbers).all()
    assert parse_numbers(pd.Series([True, False]))[1].all()
    numbers, wrong = parse_numbers(pd.Series([1, 2**53, None], dtype="Int64"))
    assert numbers[:2].tolist() == [1.0, 2.0**53]
    assert not wrong.any()
    assert parse_numbers(pd.Series(["inf", "-Infinity"]))[0].tolist() == [math.inf, -math.inf]


def test_parquet_dictionaries_are_text_and_indices_are_no_features(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pd.DataFrame({"p": pd.Categorical(["u", "v"], ["v", "u", "w"]), "x": [1.0, np.nan]})
    table.index = pd.Index([3, 5])
    table.to_parquet(path)
    read = read_parquet(path)
    assert read.dtypes.astype(str).to_dict() == {"p": "object", "x": "float64"}
    assert read["p"].tolist() == ["u", "v"]
    table.index.name = "site"
    table.to_parquet(path)
    assert list(read_parquet(path)) == ["p", "x", "site"]
    assert list(read_parquet(path, ["x"])) == ["x"]


def test_parquet_that_is_damaged_or_ambiguous_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    with pytest.raises(UserError, match=r"1 column name.s. occur more than once: a"):
        read_parquet(path)
    pd.DataFrame({"a": np.arange(999)}).to_parquet(path)
    whole = path.read_bytes()
    for damaged in (
        b"",
        b"PAR1",
        whole[:-9],
        whole[:200],
        whole[:40] + b"\xff" * 900 + whole[940:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="cannot be read"):
            read_parquet(path)
