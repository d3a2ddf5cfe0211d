"""Tab-separated tables as search engines, spreadsheets and R write them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

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
