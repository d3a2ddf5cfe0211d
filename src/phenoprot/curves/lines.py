"""Write a table as delimited text at the speed of the fits: compiled, the same text as pandas'."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from phenoprot.core.files import atomic_path, write_parquet
from phenoprot.curves.curvecurator import REGULATION
from phenoprot.curves.decimals import LONGEST_NUMBER, POWERS, REAL, TEXT, WHOLE, put_rows

ROWS_AT_ONCE = 4096
"""Rows that are written together; no byte of the file depends on it."""


def write_curves(path: Path, curves: pd.DataFrame) -> None:
    """Write CurveCurator's table: parquet if the name says so, else tab-separated text."""
    if path.suffix != ".parquet":
        write_delimited(path, curves)
        return
    # A table without a call would otherwise have a column of another type.
    write_parquet(path, curves.assign(**{REGULATION: curves[REGULATION].astype("string")}))


def write_delimited(path: Path, table: pd.DataFrame, separator: str = "\t") -> None:
    """Write a table without its index, byte for byte as ``DataFrame.to_csv`` writes it.

    A text with a lone carriage return is quoted too.

    Parameters
    ----------
    path
        UTF-8 text with LF at the ends of lines; it appears whole.
    table
        Columns of float64, integers (below 2**53) or text. Missing values become empty fields,
        numbers the shortest text that reads back as the same number; text is quoted where it
        holds a quote, the separator or a line break.
    separator
        One ASCII character.
    """
    kinds = np.array([_kind(values) for _, values in table.items()], dtype=np.int64)
    header = io.StringIO(newline="")
    csv.writer(header, delimiter=separator, lineterminator="\n").writerow(table.columns)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(header.getvalue().encode())
        room = np.empty(0, dtype=np.uint8)  # one for all parts: new memory costs as much as digits
        for first in range(0, len(table), ROWS_AT_ONCE):
            room, used = _lines(table.iloc[first : first + ROWS_AT_ONCE], kinds, separator, room)
            file.write(room[:used].data)


def _kind(values: pd.Series) -> int:
    if values.dtype == np.float64:
        return REAL
    if pd.api.types.is_integer_dtype(values):
        return WHOLE
    if values.dtype == object:
        return TEXT
    raise TypeError(f"column {values.name!r} of {values.dtype} has no text form here")


def _lines(
    rows: pd.DataFrame, kinds: npt.NDArray[np.int64], separator: str, room: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint8], int]:
    """The lines of some rows, in `room` or in a larger one, and their bytes."""
    numbers = np.ascontiguousarray(rows.iloc[:, kinds != TEXT].to_numpy(dtype=np.float64))
    parts: list[npt.NDArray[np.uint8]] = [np.zeros(0, dtype=np.uint8)]
    offsets = np.zeros((int((kinds == TEXT).sum()), len(rows) + 1), dtype=np.int64)
    start = 0
    for i, column in enumerate(np.flatnonzero(kinds == TEXT)):
        content, ends = _texts(rows.iloc[:, column], separator)
        offsets[i] = ends + start
        parts.append(content)
        start += len(content)
    size = start + len(rows) * (numbers.shape[1] * LONGEST_NUMBER + len(kinds))
    if len(room) < size:
        room = np.empty(size, dtype=np.uint8)
    used = put_rows(
        numbers, numbers.view(np.uint64), kinds, np.concatenate(parts), offsets, POWERS,
        np.uint8(ord(separator)), room,
    )  # fmt: skip
    return room, int(used)


def _texts(
    values: pd.Series, separator: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes of a column's fields, one after another, and their offsets, (rows + 1,)."""
    text = pc.fill_null(pa.array(values, pa.string(), from_pandas=True), "")
    special = pc.match_substring_regex(text, f'["\r\n{re.escape(separator)}]')
    if pc.any(special).as_py():
        quoted = pc.replace_substring(text, '"', '""')
        quoted = pc.binary_join_element_wise('"', quoted, '"', "")
        text = pc.if_else(special, quoted, text)
    _, ends, content = text.buffers()
    offsets = np.frombuffer(ends, dtype=np.int32)[text.offset : text.offset + len(text) + 1]
    held = np.frombuffer(content or b"", dtype=np.uint8)
    return held[offsets[0] : offsets[-1]], (offsets - offsets[0]).astype(np.int64)
