"""Tables in Excel workbooks (.xlsx, ECMA-376), every cell as the text that the file holds."""

from __future__ import annotations

import errno
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file

LARGEST = 512 * 2**20
"""Bytes that a part of a workbook may unpack to."""
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRINGS = "xl/sharedStrings.xml"
_PLACE = re.compile(r"([A-Z]{1,3})[0-9]+")
Cells = dict[int, str]
"""Text by column, from 0; empty cells are left out."""


def read_workbook(path: Path) -> pd.DataFrame:
    """Read the table of a workbook: its first row with a cell is the header.

    Returns
    -------
    pandas.DataFrame
        Columns of strings, missing where a cell is empty. Numbers are as the file holds them, a
        date is a number of days. Rows without a cell are passed over.

    Raises
    ------
    UserError
        It is no workbook, damaged or too large; several sheets have cells; a column has no name or
        that of another.
    """
    require_file(path)
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            strings = _strings(archive, where)
            sheets = {
                name: [row for row in _rows(archive, part, strings, where) if row]
                for name, part in _sheets(archive, where).items()
            }
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, EOFError) as error:
        raise _damaged(where, str(error)) from None
    except (KeyError, ValueError, IndexError, NotImplementedError) as error:
        raise _damaged(where, str(error).strip('"')) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's begin
            raise
        raise _damaged(where, "its parts are not where it says") from None
    used = [name for name, rows in sheets.items() if rows]
    if len(used) != 1:
        raise UserError(
            f"{len(used)} sheets have cells{': ' if used else ''}{listed(used)}",
            where=where,
            remedy="Save the sheet with the table as CSV (UTF-8).",
        )
    header, *rows = sheets[used[0]]
    names = _header(header, rows, where)
    data = [[row.get(column) for column in names] for row in rows]
    return pd.DataFrame(data, columns=pd.Index(list(names.values()), dtype=object), dtype=object)


def _damaged(where: str, what: str) -> UserError:
    return UserError(
        f"is no whole workbook: {what}", where=where, remedy="Save the table as CSV (UTF-8)."
    )


def _header(header: Cells, rows: list[Cells], where: str) -> dict[int, str]:
    """Name of every column, by its place."""
    nameless = {column for row in rows for column in row} - header.keys()
    twice = [name for name, count in Counter(header.values()).items() if count > 1]
    if nameless or twice:
        raise UserError(
            f"{len(nameless)} column(s) have cells and no name"
            if nameless
            else f"{len(twice)} column name(s) occur more than once: "
            f"{listed([quoted(name) for name in twice])}",
            where=f"{where}, header",
            remedy="Give each column a name of its own.",
        )
    return dict(sorted(header.items()))


def _part(archive: zipfile.ZipFile, name: str, where: str) -> Iterator[ElementTree.Element]:
    """Elements of a part as they end; those below the root are forgotten after use."""
    if archive.getinfo(name).file_size > LARGEST:
        raise _damaged(where, f"{name} unpacks to more than {LARGEST} bytes")
    with archive.open(name) as stream:
        for _, element in ElementTree.iterparse(stream):
            yield element


def _sheets(archive: zipfile.ZipFile, where: str) -> dict[str, str]:
    """Part of every sheet, by its name, in their order."""
    links = {
        str(element.get("Id")): str(element.get("Target")).removeprefix("/xl/")
        for element in _part(archive, "xl/_rels/workbook.xml.rels", where)
        if element.tag.endswith("}Relationship")
    }
    return {
        str(element.get("name")): f"xl/{links[str(element.get(_LINK))]}"
        for element in _part(archive, "xl/workbook.xml", where)
        if element.tag == f"{_MAIN}sheet"
    }


def _strings(archive: zipfile.ZipFile, where: str) -> list[str]:
    """Texts that cells refer to; formatted ones come in parts."""
    if _STRINGS not in archive.namelist():
        return []
    found = []
    for element in _part(archive, _STRINGS, where):
        if element.tag == f"{_MAIN}si":
            found.append(_text(element))
            element.clear()
    return found


def _text(element: ElementTree.Element) -> str:
    """Text of an element, without the phonetic readings beside it."""
    runs = [*element.findall(f"{_MAIN}t"), *element.findall(f"{_MAIN}r/{_MAIN}t")]
    return "".join(run.text or "" for run in runs)


def _rows(archive: zipfile.ZipFile, part: str, strings: list[str], where: str) -> Iterator[Cells]:
    for element in _part(archive, part, where):
        if element.tag == f"{_MAIN}row":
            cells = (_cell(cell, strings) for cell in element.findall(f"{_MAIN}c"))
            yield {column: value for column, value in cells if value}
            element.clear()


def _cell(cell: ElementTree.Element, strings: list[str]) -> tuple[int, str]:
    """Column and text of a cell."""
    match = _PLACE.fullmatch(cell.get("r", ""))
    if match is None:
        raise ValueError(f"a cell has the place {cell.get('r')!r}")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    if kind == "inlineStr":
        found = cell.find(f"{_MAIN}is")
        value = "" if found is None else _text(found)
    elif kind == "s":
        if not value.isdecimal():
            raise ValueError(f"a cell refers to the text {value!r}")
        value = strings[int(value)]
    elif kind == "b":
        value = "TRUE" if value == "1" else "FALSE"
    return column - 1, value.strip()
