"""The tables that CellProfiler exports, as CSV or SQLite, read exactly.

ExportToSpreadsheet writes ``Image.csv``, ``Nuclei.csv`` and so on, often behind the name of the
experiment (``MyExpt_Image.csv``), and often into a folder for each site. ExportToDatabase writes
one SQLite file with the tables ``Per_Image``, ``Per_Nuclei`` and so on, likewise, or with one table
``Per_Object`` of all objects. cytominer-database collects the folders of a plate in one SQLite file
with the tables ``Image``, ``Nuclei`` and so on, in which ``TableNumber`` tells the folders apart.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import decode_text, kind_of, require_file
from phenoprot.core.sqlite import is_sqlite, opened_sqlite
from phenoprot.core.tables import parse_delimited, unpacked_text
from phenoprot.features.cellprofiler.names import COMPARTMENTS
from phenoprot.features.numbers import (
    Cells,
    Floats,
    Integers,
    Numbers,
    PlainText,
    numbers_of_cells,
    numbers_of_texts,
)

IMAGE, OBJECT = "Image", "Object"
TABLES = (IMAGE, *COMPARTMENTS)
SQLITE_ENDINGS = {".sqlite", ".sqlite3", ".db", ".db3"}
ROWS_AT_ONCE = 500
"""Rows of an SQLite table in memory as Python objects."""
_CSV = re.compile(r"(|.*[_\-. ])(image|nuclei|cells|cytoplasm)\.csv(?:\.gz)?", re.IGNORECASE)
_PER = re.compile(r"(.*)Per_(image|nuclei|cells|cytoplasm|object)", re.IGNORECASE | re.DOTALL)
_BARE = re.compile(r"()(image|nuclei|cells|cytoplasm)", re.IGNORECASE)
_REMEDY = "Name the folder that ExportToSpreadsheet wrote, or the SQLite file of ExportToDatabase."

Span = tuple[int, int]
"""Row ids of an SQLite table, from the first to before the last."""


class Table(Protocol):
    """A table whose cells are text, numbers or None."""

    columns: list[str]

    def cells(self, columns: Sequence[str]) -> Cells:
        """Cells of some columns as they are, (N, columns)."""
        ...

    def numbers(self, columns: Sequence[str]) -> Numbers:
        """Cells of some columns as numbers."""
        ...


class CsvTable:
    """A CSV file: all cells are text."""

    def __init__(self, path: Path) -> None:
        self._where = str(path)
        if path.suffix == ".gz":
            content = unpacked_text(path).encode()
        else:
            require_file(path)
            content = path.read_bytes()
        self._content = content
        first = content[: max(content.find(b"\n"), 0)].removesuffix(b"\r")
        names = first.decode("ascii", errors="replace").split(",")
        # The exact reader takes what is not as CellProfiler writes it.
        self._plain: PlainText | None = None
        if first.isascii() and b'"' not in first and all(names) and len(set(names)) == len(names):
            if not content.isascii():
                decode_text(content, self._where)  # refuses what is not UTF-8
            whole = content if content.endswith(b"\n") else content + b"\n"
            self._plain = PlainText(whole, len(names))
        self.columns: list[str] = names if self._plain is not None else list(self._frame)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return parse_delimited(decode_text(self._content, self._where), self._where)

    def cells(self, columns: Sequence[str]) -> Cells:
        """Cells of some columns, text or None, (N, columns)."""
        if self._plain is not None:
            try:
                return self._plain.texts([self.columns.index(column) for column in columns])
            except ValueError:
                pass
        return self._frame[list(columns)].to_numpy(dtype=object, na_value=None)

    def numbers(self, columns: Sequence[str]) -> Numbers:
        """Cells of some columns as numbers."""
        if self._plain is not None:
            places = {name: at for at, name in enumerate(self.columns)}
            try:
                return self._plain.numbers([places[column] for column in columns])
            except ValueError:
                pass
        return numbers_of_texts(self._frame[list(columns)])


class _Text(str):
    """Text of an SQLite table; numpy makes no number of it, whatever it holds."""

    __slots__ = ()

    def __float__(self) -> float:
        raise TypeError("text")


class SqliteTable:
    """A table of an SQLite file, whose columns of numbers may hold text, too."""

    def __init__(self, path: Path, name: str, span: Span | None = None) -> None:
        self._path, self._name, self._span = path, name, span
        with _opened(path) as connection:
            head = connection.execute(f"SELECT * FROM {_identifier(name)} LIMIT 0")
            self.columns: list[str] = [column[0] for column in head.description]

    def cells(self, columns: Sequence[str]) -> Cells:
        """Cells of some columns, in the order of the file."""
        chunks = [_as_cells(rows, len(columns)) for rows in self._rows(columns)]
        return np.concatenate([np.empty((0, len(columns)), dtype=object), *chunks])

    def numbers(self, columns: Sequence[str]) -> Numbers:
        """Cells of some columns as numbers."""
        plain = self._plain_numbers(columns)
        if plain is not None:
            return plain
        values = [np.empty((0, len(columns)))]
        odd: dict[tuple[int, int], object] = {}
        start = 0
        for rows in self._rows(columns):
            its = _numbers_of_rows(rows, len(columns))
            values.append(its.values)
            odd |= {(start + row, column): cell for (row, column), cell in its.odd.items()}
            start += len(rows)
        return Numbers(np.concatenate(values), odd)

    def _plain_numbers(self, columns: Sequence[str]) -> Numbers | None:
        from phenoprot.features.pages import read_pages  # compiled: not for tables of text

        with _opened(self._path) as connection:
            connection.execute("BEGIN")
            values = read_pages(connection, self._path, self._name, columns, self._span)
        return None if values is None else _told(values)

    def row_ids(self, columns: Sequence[str]) -> tuple[Integers, Cells]:
        """Row id and cells of some columns of every row."""
        chunks = [_as_cells(rows, 1 + len(columns)) for rows in self._rows(columns, "rowid, ")]
        cells = np.concatenate([np.empty((0, 1 + len(columns)), dtype=object), *chunks])
        return cells[:, 0].astype(np.int64), cells[:, 1:]

    def _rows(self, columns: Sequence[str], more: str = "") -> Iterator[list[tuple[object, ...]]]:
        names = more + ", ".join(map(_identifier, columns))
        query = f"SELECT {names} FROM {_identifier(self._name)}"
        if self._span is not None:
            query += f" WHERE rowid >= {self._span[0]:d} AND rowid < {self._span[1]:d}"
        with _opened(self._path) as connection:
            connection.text_factory = lambda text: _Text(text, "utf-8")
            cursor = connection.execute(query)
            try:
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    yield rows
            except UnicodeDecodeError as error:
                raise UserError(
                    f"holds text that is not UTF-8: {quoted(ascii(error.object))}",
                    where=f"{self._path}, table {self._name}",
                    remedy="Make the file again with the program that wrote it.",
                ) from None


def _as_cells(rows: list[tuple[object, ...]], width: int) -> Cells:
    cells = np.empty((len(rows), width), dtype=object)
    cells[:] = rows
    return cells


def _numbers_of_rows(rows: list[tuple[object, ...]], width: int) -> Numbers:
    """Rows of numbers and NULL at once, others cell by cell."""
    try:
        values = np.array(rows, dtype=np.float64).reshape(len(rows), width)
    except (TypeError, ValueError):
        return numbers_of_cells(_as_cells(rows, width))
    return _told(values)


def _told(values: Floats) -> Numbers:
    return Numbers(
        values,
        {(row, at): values[row, at] for row, at in np.argwhere(np.isinf(values)).tolist()},
    )


@dataclass(frozen=True)
class Export:
    """The tables of one analysis."""

    source: Path
    """Folder, or SQLite file."""
    names: dict[str, str]
    """File or table of each of :data:`TABLES`; one table may hold all compartments."""

    def where(self, table: str) -> str:
        """Names a table, for messages."""
        name = re.sub(r"\.csv(\.gz)?$", "", self.names[table], flags=re.IGNORECASE)
        return f"{self.source}, table {re.sub('^Per_', '', name)}"

    @property
    def size(self) -> int:
        """Bytes of the files."""
        if self.source.is_file():
            return self.source.stat().st_size
        return sum((self.source / name).stat().st_size for name in set(self.names.values()))

    def holds_all(self, compartment: str) -> bool:
        """Whether the table of a compartment is that of all of them."""
        return sum(name == self.names[compartment] for name in self.names.values()) > 1

    def read(self, table: str, span: Span | None = None) -> Table:
        """Open one of :data:`TABLES`, or some rows of an SQLite table.

        Raises
        ------
        UserError
            It cannot be read; see :mod:`phenoprot.core.tables`.
        """
        if self.source.is_file():
            return SqliteTable(self.source, self.names[table], span)
        return CsvTable(self.source / self.names[table])


def find_exports(source: Path) -> list[Export]:
    """The analyses in a folder and the folders below it, or in an SQLite file.

    Raises
    ------
    UserError
        There is none, tables are missing, or more than one file could be meant.
    """
    if source.is_dir():
        return _in_folders(source)
    if not source.exists():
        raise UserError("no such file or folder", where=str(source), remedy=_REMEDY)
    if not source.is_file():
        raise UserError(
            f"is {kind_of(source)}, expected a file or a folder", where=str(source), remedy=_REMEDY
        )
    if source.suffix.lower() not in SQLITE_ENDINGS and not is_sqlite(source):
        raise UserError(
            "is neither a folder nor an .sqlite file",
            where=str(source),
            remedy="Name the folder of the CSV files, or the file of ExportToDatabase.",
        )
    return [_in_sqlite(source)]


def _in_folders(source: Path) -> list[Export]:
    found: list[Export] = []
    faults: list[str] = []
    for place, folders, files in os.walk(source):
        folders.sort()
        folder = Path(place)
        sets: dict[str, dict[str, list[str]]] = {}
        for name in sorted(files):
            if match := _CSV.fullmatch(name):
                its = sets.setdefault(match[1].lower(), {})
                its.setdefault(match[2].capitalize(), []).append(name)
        for prefix, tables in sets.items():
            twice = [" and ".join(names) for names in tables.values() if len(names) > 1]
            missing = [f"{prefix}{table}.csv" for table in TABLES if table not in tables]
            if IMAGE not in tables and (len(sets) > 1 or folder != source):
                continue  # objects of another kind, e.g. Filtered_Cells.csv
            if twice:
                faults.append(f"{folder}: {listed(twice)} could both be meant")
            elif missing:
                faults.append(
                    f"{folder}: {len(missing)} of {len(TABLES)} CellProfiler tables are missing: "
                    f"{listed(missing)}"
                )
            else:
                found.append(Export(folder, {table: tables[table][0] for table in TABLES}))
    if len(faults) == 1:
        where, _, what = faults[0].partition(": ")
        raise UserError(what, where=where, remedy=_REMEDY)
    if faults:
        raise UserError(
            f"{len(faults)} sets of tables are not whole: {listed(faults, 3)}",
            where=str(source),
            remedy=_REMEDY,
        )
    if not found:
        raise UserError(
            f"{len(TABLES)} of {len(TABLES)} CellProfiler tables are missing: "
            f"{', '.join(f'{table}.csv' for table in TABLES)}",
            where=str(source),
            remedy=_REMEDY,
        )
    return found


def _in_sqlite(path: Path) -> Export:
    sets: dict[str, dict[str, str]] = {}
    with _opened(path) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        names = [name for (name,) in connection.execute(query)]
    for name in names:
        if match := _PER.fullmatch(name):
            sets.setdefault(f"{match[1].lower()}per", {})[match[2].capitalize()] = name
        elif match := _BARE.fullmatch(name):
            sets.setdefault("", {})[match[2].capitalize()] = name
    for tables in sets.values():
        every = tables.pop(OBJECT, None)
        if every is not None and not any(name in tables for name in COMPARTMENTS):
            tables.update(dict.fromkeys(COMPARTMENTS, every))
    whole = [tables for tables in sets.values() if len(tables) == len(TABLES)]
    if len(whole) == 1:
        return Export(path, whole[0])
    if whole:
        images = [quoted(tables[IMAGE]) for tables in whole]
        raise UserError(
            f"holds {len(whole)} analyses: {listed(images)}",
            where=str(path),
            remedy="Export each of them to a file of its own.",
        )
    best = max(sets.values(), key=len, default={})
    prefix = "" if best and best is sets.get("") else "Per_"
    missing = [f"{prefix}{table}" for table in TABLES if table not in best]
    raise UserError(
        f"{len(missing)} of {len(TABLES)} CellProfiler tables are missing: {listed(missing)}",
        where=str(path),
        remedy="Export one table per object type (ExportToDatabase).",
    )


def _opened(path: Path) -> AbstractContextManager[sqlite3.Connection]:
    return opened_sqlite(
        path, "cannot be read as CellProfiler's SQLite file", "Export it again (ExportToDatabase)."
    )


def _identifier(name: str) -> str:
    """A name as SQL has it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'
