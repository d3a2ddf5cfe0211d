"""Workbooks as Excel writes them: shared strings, sparse rows, a rich text, empty sheets."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def place(row: int, column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


def write(path: Path, table: pd.DataFrame, more: str = "") -> Path:
    """Write a table; `more` is the content of a second sheet."""
    strings: dict[str, int] = {}
    rows = []
    for number, line in enumerate([list(table), *table.to_numpy().tolist()], 1):
        cells = []
        for column, value in enumerate(line):
            if isinstance(value, str) and value:
                index = strings.setdefault(value, len(strings))
                cells.append(f'<c r="{place(number, column)}" s="1" t="s"><v>{index}</v></c>')
            elif isinstance(value, bool):
                cells.append(f'<c r="{place(number, column)}" t="b"><v>{int(value)}</v></c>')
            elif isinstance(value, int | float) and value == value:  # noqa: PLR0124
                cells.append(f'<c r="{place(number, column)}"><v>{value!r}</v></c>')
        rows.append(f'<row r="{number}">{"".join(cells)}</row>')
    texts = "".join(
        f"<si><r><t>{escape(s[:1])}</t></r><r><t>{escape(s[1:])}</t></r><rPh><t>x</t></rPh></si>"
        if len(s) > 3
        else f'<si><t xml:space="preserve">{escape(s)}</t></si>'
        for s in strings
    )
    parts = {
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{LINKS}"><sheets>'
        '<sheet name="Table" sheetId="1" r:id="rId1"/>'
        '<sheet name="Sheet2" sheetId="2" r:id="rId2"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships "
        'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{LINKS}/worksheet" Target="/xl/worksheets/sheet2.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{''.join(rows)}</sheetData>"
        "</worksheet>",
        "xl/worksheets/sheet2.xml": f"<worksheet {MAIN}><sheetData>{more}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {MAIN}>{texts}</sst>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, HEAD + content)
    return path
