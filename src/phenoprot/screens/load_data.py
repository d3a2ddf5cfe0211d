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
order. A relative path starts at the folder of the CSV.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pandas as pd

from phenoprot.errors import UserError, listed
from phenoprot.screens.contract import FIELD_KEY, STAINS, WELL
from phenoprot.screens.tables import canonical_well
from phenoprot.tables import read_delimited

IMAGE_NAMES = {stain: (stain, f"Orig{stain}") for stain in STAINS}
"""Names under which LoadData knows the image of a stain."""
ILLUMINATION_NAMES = {stain: (f"Illum{stain}",) for stain in STAINS}
"""Names under which LoadData knows the illumination function of a stain."""

Fault = tuple[str, str]
"""What is wrong, and the remedy."""


def url_column(stain: str) -> str:
    """Column that holds the place of a stain's image."""
    return f"URL_{stain}"


def illumination_column(stain: str) -> str:
    """Column that holds the place of a stain's illumination function."""
    return f"Illum_{stain}"


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
        twice, or holds a field twice. Every fault is named.
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
    if WELL in fields:
        fields[WELL] = fields[WELL].map(canonical_well, na_action="ignore")
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
        return table[column].map(lambda text: _absolute(text, folder), na_action="ignore"), faults
    parent = column.replace("FileName_", "PathName_", 1)
    if parent not in table:
        remedy = f"Add the folder of the files as {parent}; '.' is the folder of the CSV."
        return None, [*faults, (f"there is {column} but no {parent}", remedy)]
    faults += _empty_cells(table[parent])
    places = table[parent].str.strip().str.rstrip("/") + "/" + table[column].str.strip()
    return places.map(lambda text: _absolute(text, folder), na_action="ignore"), faults


def _absolute(place: str, folder: Path) -> str:
    """A URL as it is; a path, or a ``file:`` URL, as an absolute path."""
    place = place.strip()
    if place.startswith("file:"):
        # CellProfiler writes file:/a%20b, others file:///a%20b
        return str(PurePosixPath(unquote(urlsplit(place).path)))
    return place if "://" in place else str(folder / place)


def _empty_cells(values: pd.Series) -> list[Fault]:
    empty = (values.isna() | (values.str.strip() == "")).to_numpy().nonzero()[0]
    if not len(empty):
        return []
    rows = listed([row + 2 for row in empty])
    return [
        (
            f"column '{values.name}' has {len(empty)} empty cell(s): row {rows}",
            "Fill empty cells, or leave the row out.",
        )
    ]


def _duplicate_fields(keys: pd.DataFrame) -> list[Fault]:
    names = keys.dropna().agg("/".join, axis=1)
    twice = [f"{name} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if not twice:
        return []
    return [
        (
            f"{len(twice)} field(s) have more than one row: {', '.join(sorted(twice))}",
            "Give each field of view one row.",
        )
    ]
