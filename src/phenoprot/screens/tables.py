"""Read one table of a screen: typed columns, wells and compounds in one canonical spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.core.tables import (
    parquet_columns,
    parse_numbers,
    read_delimited,
    read_parquet,
)

WELL_PATTERN = r"^(?:[A-Z]|A[A-F])(?:0[1-9]|[1-3][0-9]|4[0-8])$"
"""Canonical names of up to 1536 wells: rows A to AF, columns 01 to 48."""
_WELL = re.compile(r"([A-Za-z]{1,2})0*([0-9]{1,2})")
_CANONICAL = re.compile(WELL_PATTERN)
_DASHES = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
SAME_DOSE = 1e-6
"""Relative difference below which two concentrations are one: arithmetic, and single precision,
change digits that far back."""


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


def folded_name(name: str) -> str:
    """A name without what two spellings of one thing differ by.

    These are case, white space, kind of dash, characters that do not show, and the Unicode form
    (NFC, NFD, full width, ligatures).
    """
    for _ in range(2):  # folding the case can undo the form
        name = unicodedata.normalize("NFKC", name).casefold()
    return "".join("-" if c in _DASHES else c for c in name if not _is_unseen(c))


def _is_unseen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def canonical_doses(doses: pd.Series) -> pd.Series:
    """Concentrations with those that differ by arithmetic only (`SAME_DOSE`) made equal.

    The shortest of them when written out stands for all: 0.3 for 0.30000000000000004. Others stay
    as they are, bit for bit.
    """
    unique = np.unique(doses[np.isfinite(doses)])
    if len(unique) < 2:
        return doses
    begins = np.concatenate([[True], np.diff(unique) > SAME_DOSE * np.abs(unique[1:])])
    if begins.all():
        return doses
    same: dict[float, float] = {}
    for group in np.split(unique, np.flatnonzero(begins)[1:]):
        shortest = min(group.tolist(), key=lambda dose: (len(repr(dose)), dose))
        same |= dict.fromkeys(group.tolist(), shortest)
    return doses.map(same, na_action="ignore").where(np.isfinite(doses), doses)


def without_blanks(names: pd.Series) -> pd.Series:
    """The column with cells of nothing but white space as missing."""
    names = names.astype(object)
    blank = [name for name in names.dropna().unique() if not name.strip()]
    return names.where(~names.isin(blank), None) if blank else names


def missing_words(values: pd.Series) -> list[tuple[str, str]]:
    """Cells of a column of names in which a program wrote ``nan`` or the like for a missing value.

    Returns
    -------
    list of tuple
        What is wrong, and the remedy; empty if nothing is.
    """
    words = [name for name in values.dropna().unique() if is_missing_word(name)]
    rows = values.isin(words).to_numpy().nonzero()[0]
    if not len(rows):
        return []
    shown = [f"row {row + 2} {quoted(values.iloc[row])}" for row in rows[:3]]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return [
        (
            f"column '{values.name}' has {len(rows)} cell(s) that a program wrote for a missing "
            f"value: {', '.join(shown)}{more}",
            "Write the name there, or leave the cell empty.",
        )
    ]


def numbers(values: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Like :func:`phenoprot.core.tables.parse_numbers`, for columns of any type.

    Decimals are numbers; dates, durations, truth values and objects are none.
    """
    if values.dtype != object:
        known = pd.api.types.is_string_dtype(values) or pd.api.types.is_numeric_dtype(values)
        if known and not pd.api.types.is_complex_dtype(values):
            return parse_numbers(values)
        return np.full(len(values), np.nan), values.notna().to_numpy()
    is_number = values.map(lambda cell: isinstance(cell, Decimal | int | float))
    is_number &= ~values.map(lambda cell: isinstance(cell, bool)) & values.notna()
    is_text = values.map(lambda cell: isinstance(cell, str))
    parsed, wrong = parse_numbers(values.where(is_text, None))
    parsed[is_number] = [float(cell) for cell in values[is_number]]
    return parsed, wrong | (values.notna() & ~is_text & ~is_number).to_numpy()


def read_table(
    path: Path,
    *,
    columns: list[str] | None = None,
    rows: tuple[str, Collection[str]] | None = None,
) -> pd.DataFrame:
    """Read a CSV or a parquet table of a screen.

    In a CSV, ``Metadata_*`` columns are text and the others numbers; a column with anything that
    is no number stays text, which validation finds.

    Parameters
    ----------
    path
        The table.
    columns, rows
        Parts to read of a parquet table, see :func:`phenoprot.core.tables.read_parquet`; a CSV is
        read whole, and `rows` of it kept.

    Raises
    ------
    UserError
        The file is missing, empty, damaged, or of another kind; see :mod:`phenoprot.core.tables`.
    """
    if path.suffix == ".parquet":
        absent = {*(columns or ()), *([rows[0]] if rows else ())} - {*parquet_columns(path)}
        # What a table lacks is told of the whole table.
        part = (None, None) if absent else (columns, rows)
        return _with_floats(read_parquet(path, part[0], rows=part[1]))
    if not path.name.endswith((".csv", ".csv.gz")):
        raise UserError(
            "unknown kind of table", where=str(path), remedy="Use .csv, .csv.gz or .parquet."
        )
    table = read_delimited(path)
    for column in table.columns[~table.columns.str.startswith("Metadata_")]:
        numbers, wrong = parse_numbers(table[column])
        if not wrong.any():
            table[column] = numbers
    if rows is not None and rows[0] in table:
        table = table[table[rows[0]].isin([*rows[1]])].reset_index(drop=True)
    return table


def _with_floats(table: pd.DataFrame) -> pd.DataFrame:
    """Decimal columns as floating-point numbers."""
    for column in table.select_dtypes(object):
        if {type(cell) for cell in table[column].dropna()} == {Decimal}:
            table[column] = table[column].astype(np.float64)
    return table
