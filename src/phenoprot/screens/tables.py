"""Read one table of a screen: typed columns, wells and compounds in one canonical spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from phenoprot.errors import UserError, quoted
from phenoprot.tables import parse_numbers, read_delimited, read_parquet

WELL_PATTERN = r"^(?:[A-Z]|A[A-F])(?:0[1-9]|[1-3][0-9]|4[0-8])$"
"""Canonical names of up to 1536 wells: rows A to AF, columns 01 to 48."""
_WELL = re.compile(r"([A-Za-z]{1,2})0*([0-9]{1,2})")
_CANONICAL = re.compile(WELL_PATTERN)


def canonical_well(name: str) -> str:
    """``"a1"`` -> ``"A01"``. Another name is only stripped: validation finds it."""
    match = _WELL.fullmatch(name.strip())
    return f"{match[1].upper()}{int(match[2]):02d}" if match else name.strip()


def well_fault(name: str) -> str | None:
    """Why a canonical name is no well of a plate of up to 1536 wells; None: it is one."""
    if _CANONICAL.match(name):
        return None
    match = _WELL.fullmatch(name)
    if match is None:
        return "is no well name"
    if int(match[2]) == 0:
        return "has column 0, the first is 1"
    return "lies beyond row AF or column 48"


def faulty_wells(names: Iterable[str]) -> list[str]:
    """The canonical names that are no wells, each once and in order, and why."""
    found = ((name, well_fault(name)) for name in dict.fromkeys(names))
    return [f"{quoted(name)} {fault}" for name, fault in found if fault]


def canonical_compound(name: str) -> str:
    """A compound's name without surrounding or repeated white space."""
    return " ".join(name.split())


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV or a parquet table of a screen.

    In a CSV, ``Metadata_*`` columns are text and the others numbers; a column with anything that
    is no number stays text, which validation finds.

    Raises
    ------
    UserError
        The file is missing, empty, damaged, or of another kind; see :mod:`phenoprot.tables`.
    """
    if path.suffix == ".parquet":
        return read_parquet(path)
    if not path.name.endswith((".csv", ".csv.gz")):
        raise UserError(
            "unknown kind of table", where=str(path), remedy="Use .csv, .csv.gz or .parquet."
        )
    table = read_delimited(path)
    for column in table.columns[~table.columns.str.startswith("Metadata_")]:
        numbers, wrong = parse_numbers(table[column])
        if not wrong.any():
            table[column] = numbers
    return table
