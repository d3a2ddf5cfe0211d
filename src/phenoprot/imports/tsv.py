"""Tab-separated tables as search engines, spreadsheets and R write them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from phenoprot.core.errors import UserError, listed
from phenoprot.core.tables import parse_delimited, unpacked_text

ENCLOSED = re.compile(r'"(?:[^"]|"")*"')
"""A field that quotes enclose as a whole; quotes inside are doubled."""


def read_tsv(path: Path) -> pd.DataFrame:
    """Read a tab-separated table, all cells as strings.

    A quote is a character like any other, except that

    - a file whose header has every name in double quotes is quoted (R, pandas): quotes must be
      closed where they were opened, and quoted fields may hold tabs and line breaks;
    - in any other file a field that is enclosed in quotes as a whole loses them (spreadsheets
      enclose fields that hold commas or quotes).

    Raises
    ------
    UserError
        As from :func:`phenoprot.core.tables.read_delimited`.
    """
    return parse_tsv(unpacked_text(path), str(path))


def parse_tsv(text: str, where: str) -> pd.DataFrame:
    """Read a tab-separated table from text; see :func:`read_tsv`."""
    if all(ENCLOSED.fullmatch(field) for field in first_line(text).split("\t")):
        try:
            return parse_delimited(text, where, "\t")
        except UserError as error:
            if "fields of the header" not in error.what:
                raise
            raise UserError(
                error.what,
                where=error.where,
                remedy="Export the table again (from R: write.table with row.names = FALSE).",
            ) from None
    table = parse_delimited(text, where, "\t", quotes=False)
    names = _unquoted(pd.Series(table.columns, dtype=object))
    twice = list(names[names.duplicated()].unique())
    if twice:
        raise UserError(
            f"{len(twice)} column name(s) occur more than once: {listed(twice)}",
            where=f"{where}, header",
            remedy="Give each column a name of its own.",
        )
    table = table.apply(_unquoted)
    table.columns = pd.Index(names.fillna(""), dtype=object)
    return table


LONG_EXPONENTS = [re.compile(f"{letter}[+-]?[0-9]{{5}}") for letter in "eE"]
"""Text that arrow takes for a number and the strict reader refuses; one letter each is faster."""
EMPTY = [form for word in ("na", "nan", "none", "null") for form in
         (word, word.upper(), word.capitalize())]  # fmt: skip
"""What programs write for a missing number."""


def parse_plain_tsv(text: str, names: str, numbers: list[str]) -> pd.DataFrame | None:
    """Read some columns of a plain table at once, typed; None leaves it to :func:`parse_tsv`.

    Plain is a table without a quote, whose lines have the fields of the header and whose cells of
    `numbers` are finite numbers, empty, or a word for a missing value. What is read is what
    :func:`parse_tsv` and :func:`phenoprot.core.tables.parse_numbers` read.

    Parameters
    ----------
    text
        The table.
    names
        Column of strings.
    numbers
        Columns of numbers, float64 with NaN where missing.
    """
    line = first_line(text)
    header = line.split("\t")
    wanted = [names, *numbers]
    if '"' in text or len({*header}) < len(header) or not {*wanted} <= {*header}:
        return None
    if any(exponent.search(text) for exponent in LONG_EXPONENTS):
        return None
    body = pa.py_buffer(text.encode()).slice(text.index(line) + len(line.encode()))
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(body),
            read_options=pa.csv.ReadOptions(
                use_threads=False, block_size=2**22, column_names=header
            ),
            parse_options=pa.csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pa.csv.ConvertOptions(
                column_types={names: pa.string()} | dict.fromkeys(numbers, pa.float64()),
                include_columns=wanted,
                null_values=["", *EMPTY],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = table.select(numbers).columns
    if not all(pc.all(pc.is_finite(column)).as_py() is not False for column in columns):
        return None
    frame: pd.DataFrame = table.to_pandas()
    return frame


def first_line(text: str) -> str:
    """The first line that has a character; empty if none has."""
    found = re.search(r"[^\r\n]+", text)
    return found[0] if found else ""


def _unquoted(values: pd.Series) -> pd.Series:
    """Text without the quotes that enclose a field as a whole, doubled ones inside halved."""
    enclosed = values.str.startswith('"', na=False)
    if not enclosed.any():
        return values
    some = values[enclosed]
    some = some[some.str.fullmatch(ENCLOSED)]
    bare = some.str[1:-1].str.replace('""', '"', regex=False)
    out = values.copy()
    out[bare.index] = bare.where(bare != "", None)
    return out
