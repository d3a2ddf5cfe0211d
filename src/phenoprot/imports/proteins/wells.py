"""Tables with one row per well and one column per protein, such as plates of immunoassays."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.tables import parse_numbers
from phenoprot.imports.columns import (
    NAMES,
    describes_wells,
    find,
    folded,
    has_decimal_commas,
    is_metadata,
    text,
)
from phenoprot.imports.proteins.marks import find_marked
from phenoprot.imports.proteins.matrix import MISSING, Matrix, numbers_of, require_rows
from phenoprot.screens.contract import PLATE, WELL

_UNIT = re.compile(r"(?P<name>.+?)\s*[\[(](?P<unit>[^\[\]()]+)[\])]")
_KNOWN = frozenset(name for names in NAMES.values() for name in names)


def protein_columns(table: pd.DataFrame) -> list[str]:
    """Columns of a table of wells that hold numbers and are not named as annotations are."""
    return [
        column
        for column in table
        if not is_metadata(column)
        and folded(column) not in _KNOWN
        and not describes_wells(column)
        and _is_number(table[column])
    ]


def _is_number(values: pd.Series) -> bool:
    """Whether more cells of a column are numbers than are words, be it with decimal commas."""
    if pd.api.types.is_numeric_dtype(values):
        return not pd.api.types.is_bool_dtype(values)
    if not all(isinstance(cell, str) for cell in values.dropna().head(100)):
        return False
    present = values[values.notna() & ~values.str.strip().str.lower().isin(MISSING)]
    _, wrong = parse_numbers(present)
    return bool(len(present) and (wrong.mean() < 0.5 or has_decimal_commas(present)))


def is_wells(table: pd.DataFrame) -> bool:
    """Whether a table has a well in each row, and columns of numbers."""
    return find(table.columns, "well") is not None and len(protein_columns(table)) > 1


def read_wells(table: pd.DataFrame, where: str) -> Matrix:
    """Read a table of wells.

    A unit behind the name of every protein, in brackets, is no part of the names:
    ``IL-6 [NSU]``.

    Raises
    ------
    UserError
        It has no column of wells or of proteins; a value is no number.
    """
    require_rows(len(table), where)
    well, plate = find(table.columns, "well"), find(table.columns, "plate")
    columns = protein_columns(table)
    if well is None or not columns:
        raise UserError(
            "has no column of wells" if well is None else "has no column of numbers",
            where=where,
            remedy="Name the columns Metadata_Plate and Metadata_Well; proteins are the others.",
        )
    matches = [_UNIT.fullmatch(column) for column in columns]
    units = {match["unit"] if match else "" for match in matches}
    unit = units.pop() if len(units) == 1 else ""
    names = [m["name"] for m in matches if m] if unit else columns
    if len(set(names)) < len(names):
        twice = [quoted(name) for name in dict.fromkeys(names) if names.count(name) > 1]
        raise UserError(
            f"{len(twice)} protein(s) have several columns: {listed(twice)}",
            where=where,
            remedy="Give each protein one column.",
        )
    wells = text(table[well])
    plates = text(table[plate]) if plate else pd.Series("", index=table.index)
    absent = wells.isna() | plates.isna()
    if absent.any():
        lines = [int(row) + 2 for row in np.flatnonzero(absent)]
        raise UserError(
            f"{len(lines)} row(s) have no plate or well: row {listed(lines)}",
            where=where,
            remedy="Fill them in, or remove these rows.",
        )
    others = [column for column in table if column not in {*columns, well, plate}]
    samples = pd.DataFrame({"column": (plates + "/" + wells).str.lstrip("/")})
    samples["sample"] = samples["column"]
    if plate:
        samples[PLATE] = plates
    samples[WELL] = wells
    for column in others:
        samples[column] = text(table[column])
    gene = pd.Series(names, dtype=object)
    nothing = pd.Series([None] * len(names), dtype=object)
    marked = find_marked(pd.DataFrame(index=gene.index), nothing, gene, (), where=where)
    values = np.column_stack([numbers_of(table[column], where) for column in columns]).T
    return Matrix(
        title=f"table of wells{f', {unit}' if unit else ''}",
        rows=pd.DataFrame({"gene": gene, "protein": nothing})[~marked.any].reset_index(drop=True),
        values=values[~marked.any],
        samples=samples.reset_index(drop=True),
        left_out={kind: list(gene[rows]) for kind, rows in marked.rows.items() if rows.any()},
        separators="",
    )
