"""Read one table of a screen: typed columns, wells and compounds in one canonical spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from phenoprot.errors import UserError
from phenoprot.tables import parse_numbers, read_delimited, read_parquet

_WELL = re.compile(r"^([A-Za-z]{1,2})0*(\d{1,2})$")


def canonical_well(name: str) -> str:
    """``"a1"`` -> ``"A01"``. Another name is only stripped: validation finds it."""
    match = _WELL.match(name.strip())
    return f"{match[1].upper()}{int(match[2]):02d}" if match else name.strip()


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
