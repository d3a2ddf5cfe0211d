"""The images table of a screen: a CellProfiler LoadData CSV.

One row per field of view. The key is ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Site``. The
image of a stain is named in one of two ways (the stain is DNA in these examples):

========================================== ================================================
``PathName_DNA`` and ``FileName_DNA``      folder and file
``URL_DNA``                                a URL, or the path of a file; goes before the other
========================================== ================================================

and, optionally, its illumination function likewise by ``PathName_IllumDNA`` and
``FileName_IllumDNA``, by ``URL_IllumDNA``, or by ``Illum_DNA``. ``OrigDNA`` may stand for ``DNA``,
as in the tables of the JUMP Consortium. No other names are known, and columns may stand in any
order. A relative path starts at the folder of the CSV. Which URLs are read:
:mod:`phenoprot.screens.places`.

Plates and sites become parts of file names: see :mod:`phenoprot.core.names` for what they may be.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import RULE, faulty_names, is_missing_word
from phenoprot.core.tables import read_delimited
from phenoprot.screens.contract import (
    FIELD_KEY,
    PLATE,
    SITE,
    STAINS,
    WELL,
    illumination_column,
    url_column,
)
from phenoprot.screens.places import PLACES, absolute_place, place_fault
from phenoprot.screens.tables import canonical_well, faulty_wells

IMAGE_NAMES = {stain: (stain, f"Orig{stain}") for stain in STAINS}
"""Names under which LoadData knows the image of a stain."""
ILLUMINATION_NAMES = {stain: (f"Illum{stain}",) for stain in STAINS}
"""Names under which LoadData knows the illumination function of a stain."""

Fault = tuple[str, str]
"""What is wrong, and the remedy."""


def read_load_data(path: Path) -> pd.DataFrame:
    """Read the fields of view of a screen.

    Parameters
    ----------
    path
        LoadData CSV, plain or gzipped.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Plate``, ``Metadata_Well`` (as in ``A01``) and ``Metadata_Site`` as strings;
        ``URL_<stain>`` of each of the five stains: an absolute path, or a URL;
        ``Illum_<stain>`` likewise, where the CSV has illumination functions. Sorted by the key.

    Raises
    ------
    UserError
        The file cannot be read, has no row, lacks a column or a cell, names a stain's image
        twice, holds a field twice, or names plates, sites, wells or places that cannot be. Every
        fault is named.
    """
    table = read_delimited(path)
    if table.empty:
        raise UserError(
            "the table has a header but no row", where=str(path), remedy="Give each field a row."
        )
    folder = path.parent.resolve()
    faults: list[Fault] = []
    fields: dict[str, pd.Series] = {}
    missing = [column for column in FIELD_KEY if column not in table]
    if missing:
        remedy = "They name plate, well and site of a field of view."
        faults.append((f"{len(missing)} key column(s) missing: {', '.join(missing)}", remedy))
    for column in FIELD_KEY:
        if column in table:
            faults += _empty_cells(table[column])
            fields[column] = table[column].str.strip()
    for column, what in ((PLATE, "plate"), (SITE, "site")):
        if column in fields:
            faults += _faulty_names(fields[column], what)
    if WELL in fields:
        fields[WELL] = fields[WELL].map(canonical_well, na_action="ignore")
        faults += _faulty_wells(fields[WELL])
    faults += _find_images(table, folder, fields)
    faults += _find_illumination(table, folder, fields)
    if not missing:
        faults += _duplicate_fields(pd.DataFrame({key: fields[key] for key in FIELD_KEY}))
    if faults:
        raise UserError(
            "; ".join(what for what, _ in faults),
            where=str(path),
            remedy=" ".join(dict.fromkeys(remedy for _, remedy in faults)),
        )
    return pd.DataFrame(fields).sort_values(FIELD_KEY, kind="stable", ignore_index=True)


def _find_images(table: pd.DataFrame, folder: Path, fields: dict[str, pd.Series]) -> list[Fault]:
    """Add the image columns to `fields`; return what is wrong with them."""
    faults = []
    for stain in STAINS:
        places, wrong = _places(table, folder, IMAGE_NAMES[stain])
        if places is None and not wrong:
            wrong = [
                (
                    f"no image column for stain {stain}",
                    "A stain S needs PathName_S and FileName_S, or URL_S (or OrigS for S).",
                )
            ]
        faults += wrong
        if places is not None:
            fields[url_column(stain)] = places
    return faults


def _find_illumination(
    table: pd.DataFrame, folder: Path, fields: dict[str, pd.Series]
) -> list[Fault]:
    """Add illumination columns, if there are any, to `fields`; return what is wrong with them."""
    faults: list[Fault] = []
    found = {}
    for stain in STAINS:
        column = illumination_column(stain)
        places, wrong = _places(table, folder, ILLUMINATION_NAMES[stain], plain=column)
        faults += wrong
        if places is not None:
            found[column] = places
    without = [stain for stain in STAINS if illumination_column(stain) not in found]
    if found and without and not faults:
        remedy = "Give an illumination function for each stain, or for none."
        faults.append((f"no illumination function for {', '.join(without)}", remedy))
    fields |= found
    return faults


def _places(
    table: pd.DataFrame, folder: Path, names: tuple[str, ...], plain: str = ""
) -> tuple[pd.Series | None, list[Fault]]:
    """Where the files of one channel are, under whichever of its names; None: not in the table."""
    used = [plain] if plain in table else []
    used += [f"URL_{name}" for name in names if f"URL_{name}" in table]
    used = used or [f"FileName_{name}" for name in names if f"FileName_{name}" in table]
    if not used:
        return None, []
    if len(used) > 1:
        return None, [(f"{' and '.join(used)} name the same channel", "Keep one of them.")]
    column = used[0]
    faults = _empty_cells(table[column])
    if not column.startswith("FileName_"):
        places, wrong = _absolute_places(table[column].str.strip(), folder)
        return places, [*faults, *wrong]
    parent = column.replace("FileName_", "PathName_", 1)
    if parent not in table:
        remedy = f"Add the folder of the files as {parent}; '.' is the folder of the CSV."
        return None, [*faults, (f"there is {column} but no {parent}", remedy)]
    # A folder may be called NA.
    faults += _empty_cells(table[parent], table[parent].str.strip().fillna("") == "")
    places = table[parent].str.strip().str.rstrip("/") + "/" + table[column].str.strip()
    places, wrong = _absolute_places(places.rename(f"{parent}, {column}"), folder)
    return places, [*faults, *wrong]


def _absolute_places(values: pd.Series, folder: Path) -> tuple[pd.Series, list[Fault]]:
    """The places of a column as the reader wants them; those that are not read are faults."""
    faults = [
        f"{quoted(place)} {fault}"
        for place in values.dropna().unique()
        if (fault := place_fault(place))
    ]
    if faults:
        what = f"column '{values.name}' names {len(faults)} place(s) that are not read"
        return values, [(f"{what}: {listed(faults, 3)}", PLACES)]
    return values.map(lambda place: absolute_place(place, folder), na_action="ignore"), []


def _is_empty(values: pd.Series) -> pd.Series:
    """Cells without text, or with what programs write for a missing value."""
    text = values.dropna().str.strip()
    empty = text[(text == "") | text.map(is_missing_word)].index
    return values.isna() | values.index.isin(empty)


def _empty_cells(values: pd.Series, empty: pd.Series | None = None) -> list[Fault]:
    rows = (_is_empty(values) if empty is None else empty).to_numpy().nonzero()[0]
    if not len(rows):
        return []
    words = values.iloc[rows].dropna().str.strip()
    written = f" ({listed([quoted(word) for word in words[words != ''].unique()])})"
    return [
        (
            f"column '{values.name}' has {len(rows)} empty cell(s)"
            f"{written if len(written) > 3 else ''}: row {listed([row + 2 for row in rows])}",
            "Fill empty cells, or leave the row out.",
        )
    ]


def _faulty_names(values: pd.Series, what: str) -> list[Fault]:
    names = values.dropna().unique()
    names = names[[bool(name) and not is_missing_word(name) for name in names]]
    faults = faulty_names(names)
    found: list[Fault] = []
    if faults:
        cannot = f"{len(faults)} {what} name(s) cannot be used as file names"
        found.append(
            (f"column '{values.name}': {cannot}: {listed(faults)}", f"Rename them. {RULE}.")
        )
    # Some file systems take no notice of case or of how accents are stored.
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault(unicodedata.normalize("NFC", name).casefold(), []).append(name)
    alike = [" and ".join(map(quoted, each)) for each in spellings.values() if len(each) > 1]
    if alike:
        differ = f"{len(alike)} {what} name(s) differ only in case or in how accents are stored"
        found.append((f"column '{values.name}': {differ}: {listed(alike)}", "Spell them one way."))
    return found


def _faulty_wells(values: pd.Series) -> list[Fault]:
    names = values.dropna().unique()
    faults = faulty_wells(name for name in names if name and not is_missing_word(name))
    if not faults:
        return []
    remedy = "Write wells as row and column; a plate has at most 1536: A01 to AF48."
    what = f"column '{values.name}' has {len(faults)} name(s) that are no wells"
    return [(f"{what}: {listed(faults)}", remedy)]


def _duplicate_fields(keys: pd.DataFrame) -> list[Fault]:
    names = keys.dropna().agg("/".join, axis=1)
    twice = [f"{name} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if not twice:
        return []
    return [
        (
            f"{len(twice)} field(s) have more than one row: {listed(sorted(twice))}",
            "Give each field of view one row.",
        )
    ]
