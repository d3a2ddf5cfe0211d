"""Numbers of wide tables, read a whole table at a time; what is no number is told cell by cell.

A table of CellProfiler has thousands of columns and a hundred rows: readers that work column by
column spend their time between the columns. Here all cells of a CSV file are cast to float64 as one
array of text that lies in the file's own bytes (Arrow's parser rounds correctly). Columns with
anything else than numbers, empty cells and ``nan`` are then read by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from phenoprot.core.names import is_missing_word
from phenoprot.core.tables import parse_numbers

UNDEFINED = "nan"
"""What CellProfiler itself writes where a feature is not defined: no word about it."""
_COMMA, _NEWLINE, _RETURN, _QUOTE = b',\n\r"'
BLOCK = 2**23
"""Bytes of a file that are read together: a site in one go, a plate in little memory."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Cells = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Numbers:
    """Cells of some columns."""

    values: Floats
    """(N, C), NaN where a cell holds no number; infinities as they are."""
    odd: dict[tuple[int, int], object] = field(default_factory=dict)
    """Cells that are neither number nor empty nor ``nan``, and those that are infinite, by row and
    column."""


class PlainText:
    """The cells of a CSV file without quotes, where they lie in its bytes.

    Parameters
    ----------
    content
        UTF-8; lines that end in LF or CRLF, all of them, the last one too.
    width
        Fields of the header.
    """

    def __init__(self, content: bytes, width: int) -> None:
        self._content, self._width = content, width
        self._bytes = np.frombuffer(content, dtype=np.uint8)

    def numbers(self, columns: Sequence[int]) -> Numbers:
        """Cells of some columns, by their places in the header.

        Raises
        ------
        ValueError
            Lines have another number of fields than the header, or there is a quote.
        """
        wanted = np.zeros(self._width, dtype=bool)
        places = np.array(columns, dtype=np.int64)
        wanted[places] = True
        values: list[Floats] = []
        odd: dict[tuple[int, int], object] = {}
        row = 0
        for starts, ends in self._blocks():
            try:
                block = self._cast(starts, ends, wanted).take(places, axis=1)
            except pa.ArrowInvalid:
                return self._column_by_column(columns)
            if np.isinf(block).any():
                cells = np.argwhere(np.isinf(block)).tolist()
                odd |= {
                    (row + r, at): self._text(starts[r, columns[at]], ends[r, columns[at]])
                    for r, at in cells
                }
            values.append(block)
            row += len(starts)
        if len(values) == 1:  # a site: no copy
            return Numbers(values[0], odd)
        return Numbers(np.concatenate([np.empty((0, len(columns))), *values]), odd)

    def texts(self, columns: Sequence[int]) -> Cells:
        """Cells of some columns as text, None where empty, (N, columns); raises likewise."""
        rows = [
            [self._text(starts[row, at], ends[row, at]) or None for at in columns]
            for starts, ends in self._blocks()
            for row in range(len(starts))
        ]
        return np.array(rows, dtype=object).reshape(len(rows), len(columns))

    def _column_by_column(self, columns: Sequence[int]) -> Numbers:
        blocks = [*self._blocks()]
        starts = np.concatenate([block for block, _ in blocks])
        ends = np.concatenate([block for _, block in blocks])
        every = np.ones(len(starts), dtype=bool)

        def column(at: int) -> Floats:
            return self._cast(starts[:, columns[at]], ends[:, columns[at]], every)

        def cells(at: int) -> Cells:
            places = zip(starts[:, columns[at]], ends[:, columns[at]], strict=True)
            return np.array([self._text(*place) or None for place in places], dtype=object)

        return _by_columns((len(starts), len(columns)), column, cells)

    def _blocks(self) -> Iterator[tuple[Integers, Integers]]:
        """Where cells begin and end, (rows, fields), some rows at a time."""
        begin = self._content.index(b"\n") + 1
        while begin < len(self._content):
            last = self._content.index(b"\n", min(begin + BLOCK, len(self._content) - 1))
            yield self._places(begin, last + 1)
            begin = last + 1

    def _places(self, begin: int, stop: int) -> tuple[Integers, Integers]:
        # One comparison over all bytes; the few others below the comma are sorted out after it.
        ends: Integers = np.flatnonzero(self._bytes[begin:stop] <= _COMMA)
        ends += begin
        signs = self._bytes[ends]
        newlines = signs == _NEWLINE
        chosen = newlines | (signs == _COMMA)
        others = signs[~chosen]
        returns = (others == _RETURN).sum()
        if (others == _QUOTE).any():
            raise ValueError("there is a quote")
        if len(others):
            ends, newlines = ends[chosen], newlines[chosen]
        last = newlines[self._width - 1 :: self._width]
        if len(last) * self._width != len(ends) or newlines.sum() != len(last) or not last.all():
            raise ValueError("lines have other numbers of fields than the header")
        starts = np.empty_like(ends)
        starts[0], starts[1:] = begin, ends[:-1] + 1
        starts, ends = starts.reshape(-1, self._width), ends.reshape(-1, self._width)
        if returns:
            before = (self._bytes[ends[:, -1] - 1] == _RETURN) & (ends[:, -1] > starts[:, -1])
            if before.sum() != returns:
                raise ValueError("a line ends in CR")
            ends[:, -1] -= before
        return starts, ends

    def _text(self, start: int, end: int) -> str:
        return self._content[start:end].decode()

    def _cast(self, starts: Integers, ends: Integers, wanted: npt.NDArray[np.bool_]) -> Floats:
        """Cells as numbers, NaN where empty or not wanted; raises at what is none.

        Arrow's arrays of text have no gaps: what lies between two cells is an element, too, and
        like the cells that are not wanted it is null, and not looked at.
        """
        if not starts.size:
            return np.empty(starts.shape)
        narrow = len(self._content) < 2**31
        places = np.empty(2 * starts.size + 1, dtype=np.int32 if narrow else np.int64)
        places[:-1:2], places[1::2] = starts.ravel(), ends.ravel()
        places[-1] = places[-2]
        valid = np.zeros((starts.size, 2), dtype=bool)
        valid[:, 0] = (wanted & (ends > starts)).ravel()
        texts = (pa.StringArray if narrow else pa.LargeStringArray).from_buffers(
            2 * starts.size,
            pa.py_buffer(places),
            pa.py_buffer(self._content),
            pa.py_buffer(np.packbits(valid.ravel(), bitorder="little")),
        )
        _, data = texts.cast(pa.float64()).buffers()
        numbers = np.where(valid[:, 0], np.frombuffer(data)[: 2 * starts.size : 2], np.nan)
        nans = np.isnan(numbers) & valid[:, 0]
        if nans.any():
            self._require_plain_nans(places[:-1:2], places[1::2], nans)
        return numbers.reshape(starts.shape)

    def _require_plain_nans(
        self, starts: npt.NDArray[Any], ends: npt.NDArray[Any], nans: npt.NDArray[np.bool_]
    ) -> None:
        """Arrow takes ``-nan`` and ``nan(1)``, too: here they are words."""
        first = starts[nans]
        plain = ends[nans] - first == len(UNDEFINED)
        for offset, letter in enumerate(UNDEFINED.encode()):
            plain &= self._bytes[first + offset] | 32 == letter
        if not plain.all():
            raise pa.ArrowInvalid("a NaN that is written otherwise")


def numbers_of_texts(table: pd.DataFrame) -> Numbers:
    """Read columns of text, None where empty."""
    columns = [
        table.iloc[:, at].to_numpy(dtype=object, na_value=None) for at in range(table.shape[1])
    ]

    def column(at: int) -> Floats:
        texts = pa.array(columns[at], pa.large_string())
        numbers: Floats = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        words = columns[at][np.isnan(numbers)]
        if any(word is not None and word.lower() != UNDEFINED for word in words):
            raise pa.ArrowInvalid("a NaN that is written otherwise")
        return numbers

    return _by_columns(table.shape, column, columns.__getitem__)


def _by_columns(
    shape: tuple[int, int], column: Callable[[int], Floats], cells: Callable[[int], Cells]
) -> Numbers:
    """Read column by column; those that hold more than plain finite numbers cell by cell."""
    values = np.empty(shape)
    odd: dict[tuple[int, int], object] = {}
    for at in range(shape[1]):
        try:
            values[:, at] = column(at)
            if not np.isinf(values[:, at]).any():
                continue
        except pa.ArrowInvalid:
            pass
        its = numbers_of_cells(cells(at)[:, np.newaxis])
        values[:, at] = its.values[:, 0]
        odd |= {(row, at): cell for (row, _), cell in its.odd.items()}
    return Numbers(values, odd)


def numbers_of_cells(cells: Cells) -> Numbers:
    """Read cells of any type: text, numbers, None."""
    flat = cells.ravel()
    texts = np.fromiter((isinstance(cell, str) for cell in flat), bool, len(flat))
    plain = np.fromiter((isinstance(cell, int | float | None) for cell in flat), bool, len(flat))
    values = np.full(len(flat), np.nan)
    values[plain] = flat[plain].astype(np.float64)
    values[texts], _ = parse_numbers(pd.Series(flat[texts], dtype=object))
    told = np.isinf(values) | (np.isnan(values) & texts) | ~(texts | plain)
    odd = {
        divmod(int(at), cells.shape[1]): flat[at]
        for at in np.flatnonzero(told)
        if not (isinstance(flat[at], str) and flat[at].strip().lower() in {"", UNDEFINED})
    }
    return Numbers(values.reshape(cells.shape), odd)


def is_missing(cell: object) -> bool:
    """Whether an odd cell is a word for a missing value."""
    return isinstance(cell, str) and is_missing_word(cell)
