"""Numbers of whole tables against the strict reader, cell by cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.tables import parse_delimited, parse_numbers
from phenoprot.features import numbers
from phenoprot.features.numbers import Numbers, PlainText, numbers_of_cells, numbers_of_texts

CELLS = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["", "nan", "NaN", "-nan", "nan(1)", "NA", "None", "inf", "-Infinity", "1e999", "+1", ".5",
         "5.", " 1", "1_0", "0x1p3", "1d5", "x", "#DIV/0!", "infx", "1e-400", "-0.0"]
    ),
)  # fmt: skip


def expected(texts: list[list[str]]) -> Numbers:
    """By the strict reader of single numbers."""
    values = np.empty((len(texts), len(texts[0])))
    odd: dict[tuple[int, int], object] = {}
    for row, cells in enumerate(texts):
        for at, cell in enumerate(cells):
            number, _ = parse_numbers(pd.Series([cell or None], dtype=object))
            values[row, at] = number[0]
            if not np.isfinite(number[0]) and cell.strip().lower() not in {"", "nan"}:
                odd[row, at] = cell
    return Numbers(values, odd)


def require_same(found: Numbers, wanted: Numbers) -> None:
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(np.signbit(found.values), np.signbit(wanted.values))
    assert found.odd == wanted.odd


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1)
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 60),
)
def test_every_way_reads_the_same(texts: list[list[str]], end: str, block: int) -> None:
    head = ",".join(f"c{at}" for at in range(len(texts[0])))
    lines = [",".join(cells) for cells in texts]
    content = f"{head}{end}{end.join(lines)}{end}".encode()
    wanted = expected(texts)
    columns = list(range(len(texts[0])))
    before, numbers.BLOCK = numbers.BLOCK, block
    try:
        if len(columns) > 1 or all(lines):  # else a line without a character
            require_same(PlainText(content, len(columns)).numbers(columns), wanted)
    finally:
        numbers.BLOCK = before
    frame = pd.DataFrame(texts, dtype=object).replace("", None)
    require_same(numbers_of_texts(frame), wanted)
    cells = frame.to_numpy(dtype=object, na_value=None)
    require_same(numbers_of_cells(cells), wanted)


def test_only_the_columns_that_are_asked_for_are_read() -> None:
    text = PlainText(b"a,b,c,d\nA01,1.5,x,\nA02,2.5,y,7\n", 4)
    np.testing.assert_array_equal(text.numbers([3, 1]).values, [[np.nan, 1.5], [7, 2.5]])
    assert text.texts([3, 0]).tolist() == [[None, "A01"], ["7", "A02"]]
    found = text.numbers([1, 2])
    assert found.odd == {(0, 1): "x", (1, 1): "y"}


@pytest.mark.parametrize(
    "lines", [b"1,2\n3\n", b"1\n2,3,4\n", b'1,"2"\n', b"1,2\r3,4\n", b"1,2\n\n3,4\n"]
)
def test_what_is_not_plain_is_left_to_the_strict_reader(lines: bytes) -> None:
    with pytest.raises(ValueError, match=r"line|quote"):
        PlainText(b"a,b\n" + lines, 2).numbers([0, 1])


def test_the_strict_reader_gives_the_same_columns() -> None:
    frame = parse_delimited('a,b\n"1",2\n,nan\n', "x.csv")
    np.testing.assert_array_equal(numbers_of_texts(frame).values, [[1, 2], [np.nan, np.nan]])
