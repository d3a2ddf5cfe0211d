"""The tables that CellProfiler exports, as CSV or SQLite, read exactly.

ExportToSpreadsheet writes ``Image.csv``, ``Nuclei.csv`` and so on, often behind the name of the
experiment (``MyExpt_Image.csv``), and often into a folder for each site. ExportToDatabase writes
one SQLite file with the tables ``Per_Image``, ``Per_Nuclei`` and so on, likewise.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import kind_of
from phenoprot.core.sqlite import is_sqlite, opened_sqlite
from phenoprot.core.tables import read_delimited
from phenoprot.features.cellprofiler.names import COMPARTMENTS

IMAGE = "Image"
TABLES = (IMAGE, *COMPARTMENTS)
SQLITE_ENDINGS = {".sqlite", ".sqlite3", ".db", ".db3"}
ROWS_AT_ONCE = 2000
"""Rows of an SQLite table in memory as Python objects."""
_CSV = re.compile(r"(|.*[_\-. ])(image|nuclei|cells|cytoplasm)\.csv(?:\.gz)?", re.IGNORECASE)
_PER = re.compile(r"(.*)Per_(image|nuclei|cells|cytoplasm)", re.IGNORECASE | re.DOTALL)
_REMEDY = "Name the folder that ExportToSpreadsheet wrote, or the SQLite file of ExportToDatabase."

Cells = npt.NDArray[np.object_]


class Table(Protocol):
    """A table whose cells are text, numbers or None."""

    columns: list[str]

    def chunks(self, columns: Sequence[str]) -> Iterator[Cells]:
        """Cells of some columns, (N, columns), some rows at a time."""
        ...


class CsvTable:
    """A CSV file: all cells are text."""

    def __init__(self, path: Path) -> None:
        self._frame: pd.DataFrame = read_delimited(path)
        self.columns: list[str] = list(self._frame)

    def chunks(self, columns: Sequence[str]) -> Iterator[Cells]:
        """All rows at once."""
        yield self._frame[list(columns)].to_numpy(dtype=object, na_value=None)


class SqliteTable:
    """A table of an SQLite file, whose columns of numbers may hold text, too."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        with _opened(path) as connection:
            head = connection.execute(f"SELECT * FROM {_identifier(name)} LIMIT 0")
            self.columns: list[str] = [column[0] for column in head.description]

    def chunks(self, columns: Sequence[str]) -> Iterator[Cells]:
        """Some rows at a time, in the order of the file."""
        names = ", ".join(map(_identifier, columns))
        with _opened(self._path) as connection:
            rows = connection.execute(f"SELECT {names} FROM {_identifier(self._name)}")
            while part := rows.fetchmany(ROWS_AT_ONCE):
                cells = np.empty((len(part), len(columns)), dtype=object)
                cells[:] = part
                yield cells


@dataclass(frozen=True)
class Export:
    """The tables of one analysis."""

    source: Path
    """Folder, or SQLite file."""
    names: dict[str, str]
    """File or table of each of :data:`TABLES`."""

    def where(self, table: str) -> str:
        """Names a table, for messages."""
        name = re.sub(r"\.csv(\.gz)?$", "", self.names[table], flags=re.IGNORECASE)
        return f"{self.source}, table {re.sub('^Per_', '', name)}"

    def read(self, table: str) -> Table:
        """Open one of :data:`TABLES`.

        Raises
        ------
        UserError
            It cannot be read; see :mod:`phenoprot.core.tables`.
        """
        if self.source.is_file():
            return SqliteTable(self.source, self.names[table])
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
            sets.setdefault(match[1].lower(), {})[match[2].capitalize()] = name
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
    missing = [f"Per_{table}" for table in TABLES if table not in best]
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
