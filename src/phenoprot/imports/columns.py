"""Which column of a table that a laboratory brings holds what: plate, well, compound, dose, ...

Names are compared without ``Metadata_``, case, spaces and signs: ``Metadata_pert_iname``,
``pert_iname`` and ``Pert iname`` are one. Known are the names of JUMP, of Broad (LINCS, Drug
Repurposing Hub), of pycytominer and CytoTable, and plain words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal

import pandas as pd

from phenoprot.core.names import is_missing_word

NAMES: dict[str, tuple[str, ...]] = {
    "plate": (
        "plate", "platename", "plateid", "assayplatebarcode", "platebarcode", "barcode",
        "assayplate", "sourceplate",
    ),
    "plate_map": ("platemapname", "platemap", "mapname", "layout"),
    "well": ("well", "wellposition", "wellid", "wellname", "wellloc", "position", "pertwell",
             "usersamplewellloc"),
    "row": ("row", "wellrow", "platerow", "rowname"),
    "column": ("column", "col", "wellcolumn", "wellcol", "platecolumn", "platecol"),
    "site": ("site", "fieldofview", "field", "fov", "fieldid", "fieldindex", "siteid"),
    "sample": ("broadsample", "jcp2022", "sampleid", "compoundid", "drugid", "libraryid"),
    "broad": ("broadid", "pertid", "brdid"),
    "compound": (
        "compound", "pertiname", "compoundname", "drugname", "drug", "treatment", "treatmentname",
        "substance", "perturbation", "pertname", "name", "moleculename",
    ),
    "concentration": (
        "concentration", "conc", "dose", "pertdose", "finalconcentration", "compoundconcentration",
        "drugconcentration", "dosevalue",
    ),
    "unit": ("concentrationunit", "concunit", "doseunit", "pertdoseunit", "unit", "unitofdose"),
    "stock": ("mmolesperliter",),
    "control": ("control", "controltype", "negconcontroltype", "welltype", "wellrole", "role",
                "pertwelltype"),
    "kind": ("perttype", "broadsampletype", "sampletype", "type"),
    "solvent": ("solvent", "vehicle", "pertvehicle"),
    "inchikey": ("inchikey", "standardinchikey", "inchikey27"),
    "smiles": ("smiles", "canonicalsmiles", "isomericsmiles", "structuresmiles"),
    "cell_line": ("cellline", "cellid", "celltype", "cell"),
    "cell_count": (
        "cellcount", "countcells", "objectcount", "cellscount", "ncells", "numberofcells",
        "cellscountcells",
    ),
}  # fmt: skip
"""Names by what the column holds, the likelier first."""
_DOSES = {
    start + name + unit
    for name in NAMES["concentration"]
    for start in ("", "final", "log", "log10")
    for unit in ("", "m", "mm", "um", "nm", "pm", "moll", "umoll", "nmoll", "ugml", "ngml")
}
_OF_WELLS = _DOSES | {
    "batch", "batchid", "replicate", "replicateid", "rep", "biorep", "techrep", "platereplicate",
    "experiment", "run", "timepoint", "time", "timeh", "hours", "day", "date", "timestamp",
    "passage", "donor", "operator", "platenumber", "plateno", "platenr", "wellnumber", "wellindex",
    "wellno",
}  # fmt: skip
"""Further names, folded, of what wells are described by: neither features nor proteins."""
EXPONENT = {"M": 0, "mM": -3, "uM": -6, "nM": -9, "pM": -12}
"""Units of concentration, and the power of ten that each is of a mole per litre."""
_UNIT = r"(M|mM|[uµμ]M|nM|pM|mol/l|mmol/l|[uµμ]mol/l|nmol/l|pmol/l|micromolar|nanomolar)"
_WITH_UNIT = re.compile(rf"(.*?)[\s_.\-(\[]+(?:in[\s_])?{_UNIT}[)\]]?")
_AMOUNT = re.compile(rf"\s*([0-9.,eE+\-]+)\s*{_UNIT}\s*")
_COMMA = re.compile(r"\s*[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?\s*")
_METADATA = re.compile(r"^(?:image_)?metadata_", re.IGNORECASE)


def folded(column: str) -> str:
    """A column's name without ``Metadata_``, case and signs."""
    return re.sub(r"[^a-z0-9]", "", _METADATA.sub("", column.strip()).lower())


def is_metadata(column: str) -> bool:
    """Whether a column is named ``Metadata_...`` or, as by CytoTable, ``Image_Metadata_...``."""
    return _METADATA.match(column) is not None


def describes_wells(column: str) -> bool:
    """Whether a column that no key of :data:`NAMES` finds describes wells: ``Dose_uM``, ``Batch``.

    By its numbers such a column could be a feature or a protein, and would tell models the dose.
    """
    return folded(column) in _OF_WELLS


def find(columns: Iterable[str], what: str) -> str | None:
    """The column that holds `what`, a key of :data:`NAMES`; None: no column is named so.

    Of several the likelier name is taken, of two of one name the one with ``Metadata_``.
    """
    by_name: dict[str, str] = {}
    for column in columns:
        name = folded(column)
        if name not in by_name or (is_metadata(column) and not is_metadata(by_name[name])):
            by_name[name] = column
    return next((by_name[name] for name in NAMES[what] if name in by_name), None)


def text(values: pd.Series) -> pd.Series:
    """A column as text: 7.0 is ``7``; blanks and words for a missing value are missing."""

    def written(cell: object) -> str | None:
        if cell is None or cell is pd.NaT or cell is pd.NA:
            return None
        if isinstance(cell, float | Decimal):
            number = float(cell)
            if math.isnan(number):
                return None
            shown = str(int(number)) if abs(number) < 2**53 and number.is_integer() else str(cell)
        else:
            shown = str(cell).strip()
        return None if not shown or is_missing_word(shown) else shown

    known = {cell: written(cell) for cell in values.dropna().unique()}
    return values.map(known).astype(object).where(values.notna(), None)


def column_of(table: pd.DataFrame, what: str) -> pd.Series:
    """The column that holds `what` as text; missing throughout if there is none."""
    name = find(table.columns, what)
    if name is None:
        return pd.Series([None] * len(table), index=table.index, dtype=object)
    return text(table[name])


def unit_of(word: str) -> str | None:
    """A unit of concentration in the spelling of ``screen.yaml``; None: it is none."""
    word = word.strip().replace("µ", "u").replace("μ", "u")
    words = {"mol/l": "M", "micromolar": "uM", "nanomolar": "nM", "um": "uM", "nm": "nM"}
    if word in EXPONENT:
        return word
    lower = word.lower()
    if lower in words:
        return words[lower]
    return f"{lower[0]}M" if re.fullmatch("[munp]mol/l", lower) else None


def find_dose(columns: Iterable[str]) -> tuple[str | None, str | None]:
    """The column of the concentration, and the unit that its name tells.

    ``Dose (nM)``, ``conc_uM`` and ``concentration [µM]`` tell theirs.
    """
    columns = list(columns)
    found = find(columns, "concentration")
    if found is not None:
        return found, None
    parts = _with_unit(columns)
    names = {name: column for column, (name, _) in reversed(parts.items())}
    likeliest = find(names, "concentration")
    return (None, None) if likeliest is None else (names[likeliest], parts[names[likeliest]][1])


def doses_with_unit(columns: Iterable[str]) -> dict[str, str]:
    """Columns of concentrations whose names tell the unit, with that unit."""
    return {
        column: unit
        for column, (name, unit) in _with_unit(columns).items()
        if find([name], "concentration")
    }


def _with_unit(columns: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Names without their unit, and the unit, of the columns that end in one."""
    found = {}
    for column in columns:
        match = _WITH_UNIT.fullmatch(column.strip())
        if match and (unit := unit_of(match[2])):
            found[column] = (match[1], unit)
    return found


def split_amount(cell: str) -> tuple[str, str | None]:
    """``"10 uM"`` as the number's text and its unit; a cell without a unit as it is."""
    match = _AMOUNT.fullmatch(cell)
    if match is None or (unit := unit_of(match[2])) is None:
        return cell, None
    return match[1], unit


def has_decimal_commas(cells: pd.Series) -> bool:
    """Whether a cell of a column is a number with a decimal comma: ``0,5``."""
    return bool(cells.map(lambda c: isinstance(c, str) and _COMMA.fullmatch(c) is not None).any())


def row_letters(row: str) -> str:
    """The letters of a plate's row that is given as a number from 1; letters as they are."""
    number = int(row) - 1 if row.isdecimal() else -1
    if not 0 <= number < 52:
        return row
    return ("A" if number >= 26 else "") + chr(ord("A") + number % 26)
