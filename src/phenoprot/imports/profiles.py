"""Feature tables as other programs write them, one row per well, field of view or cell.

Known are the tables of pycytominer, CytoTable and AnnData, and any other whose columns have names
of :mod:`phenoprot.imports.columns`. Cells are averaged over their field or well here; fields over
their well when the screen is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import is_missing_word
from phenoprot.core.notices import warn
from phenoprot.core.tables import holds_numbers
from phenoprot.imports.columns import (
    NAMES,
    describes_wells,
    find,
    folded,
    has_decimal_commas,
    is_metadata,
    text,
)
from phenoprot.imports.source import expanded, read_any, stem
from phenoprot.screens.contract import (
    CELL_COUNT,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    SITE,
    WELL,
    WELL_KEY,
    feature_columns,
)
from phenoprot.screens.tables import canonical_well, faulty_wells, numbers

_COMPARTMENTS = ("Cells_", "Nuclei_", "Cytoplasm_", "Image_")
_PLACE = re.compile(
    r"^$|^unnamed: ?\d+|^index$|^level_\d+$|(?:^|_)(?:image|object|table|group)_?(?:number|index)"
    r"|(?:^|_)(?:location|parent|children|executiontime|number_object)_|_number$"
    r"|areashape_(?:center|boundingbox(?:minimum|maximum))_[xyz]$",
    re.IGNORECASE,
)
"""Columns that number rows, images or objects, or say where they lie."""
_OBJECT = re.compile(r"object_?number|number_object|cell_?id|object_?id", re.IGNORECASE)
MOST_MISSING = 0.5
"""Share of its columns that a table may lose, being missing in a well or in one of the files."""
CENTRED, FURTHEST, NARROWEST, WIDEST = 0.3, 1.0, 0.5, 2.0
"""Normalised is a table whose negative controls have on each plate means within these of 0 (the
median feature, and every feature in their standard deviations) and, by the median feature, a
standard deviation between the last two. The checks of a screen have the same limits."""


@dataclass(frozen=True)
class Profiles:
    """One feature table of a screen."""

    name: str
    """Name of the table in the screen."""
    table: pd.DataFrame
    """The key, ``Metadata_Site`` and ``Metadata_CellCount`` where there are any, float features."""
    about: pd.DataFrame
    """What the files say of each row besides: columns of compounds, doses and the like, as they
    are named there, and `WELL_KEY`."""
    lines: list[str] = field(default_factory=list)
    """What was understood, and what was left out."""


def read_profiles(
    paths: Sequence[Path], name: str | None = None, plate: str | None = None
) -> Profiles:
    """Read one feature table from one or more files, of other plates each.

    Parameters
    ----------
    paths
        Files, folders of files, or patterns.
    name
        Name of the table; ``cellprofiler`` if its columns are named so, else that of the file.
    plate
        Plate of files that do not name one.

    Returns
    -------
    Profiles
        Features that every file has, in the order of the first, float64.

    Raises
    ------
    UserError
        Wells cannot be told, there is no feature, rows repeat a key, or files share less than half
        of their features.
    """
    files = expanded(paths)
    lines: list[str] = []
    parts = [_read(path, plate, lines) for path in files]
    shared = [
        feature
        for feature in parts[0][0].columns
        if feature.startswith("Metadata_") or all(feature in part for part, _ in parts)
    ]
    features = [column for column in shared if not column.startswith("Metadata_")]
    every = {feature for part, _ in parts for feature in feature_columns(part)}
    where = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    if len(features) < MOST_MISSING * len(every) or not features:
        raise UserError(
            f"{len(features)} of {len(every)} features stand in all {len(files)} files",
            where=where,
            remedy="Select features over all plates together, or give tables of different "
            "features a name each (--profiles NAME=FILE).",
        )
    if len(features) < len(every):
        lines.append(
            f"{len(every) - len(features)} of {len(every)} features are not in all files: left out"
        )
    keys = [key for key in (PLATE, WELL, SITE, CELL_COUNT) if key in parts[0][0]]
    different = [str(path) for path, (part, _) in zip(files, parts, strict=True)
                 if any((key in part) != (key in keys) for key in (SITE, CELL_COUNT))]  # fmt: skip
    if different:
        raise UserError(
            f"{len(different)} file(s) have sites or counts of cells, or lack them, unlike the "
            f"first: {listed(different)}",
            where=where,
            remedy="Give tables of one kind.",
        )
    table = pd.concat([part[[*keys, *features]] for part, _ in parts], ignore_index=True)
    _require_unique(table, where)
    about = pd.concat([about for _, about in parts], ignore_index=True)
    if name is None:
        known = all(column.startswith(_COMPARTMENTS) for column in features)
        name = "cellprofiler" if known else stem(files[0])
    return Profiles(name, table, about, list(dict.fromkeys(lines)))


def _read(path: Path, plate: str | None, lines: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keys and features of a file, and its other columns."""
    raw = read_any(path)
    if raw.empty:
        raise UserError("the table has no row", where=str(path), remedy="Export it again.")
    keys = _keys(raw, plate, path)
    features, others = _features(raw, path, lines)
    about = pd.concat([keys[WELL_KEY], others.drop(columns=WELL_KEY, errors="ignore")], axis=1)
    count = find(others.columns, "cell_count")
    if count is not None and not features.empty:
        cells, wrong = numbers(others[count])
        if not wrong.any() and not np.isnan(cells).any():
            keys[CELL_COUNT] = cells
    table = pd.concat([keys, features], axis=1)
    per_cell = keys.duplicated([PLATE, WELL, *([SITE] if SITE in keys else [])]).any() and any(
        _OBJECT.search(column) for column in raw.columns
    )
    if per_cell:
        table, about = _averaged(table, about)
        lines.append(f"{path.name}: {len(raw)} cells averaged to {len(table)} rows")
    return table, about


def _keys(raw: pd.DataFrame, plate: str | None, path: Path) -> pd.DataFrame:
    """Plate, well and site of every row."""
    columns = [column for column in raw if is_metadata(column)] or list(raw)
    keys = pd.DataFrame(index=raw.index)
    faults: list[str] = []
    for key, what, given in ((PLATE, "plate", plate), (WELL, "well", None), (SITE, "site", None)):
        column = find(columns, what) or find(raw.columns, what)
        if column is not None:
            keys[key] = text(raw[column])
            if missing := int(keys[key].isna().sum()):
                faults.append(f"column '{column}' is empty in {missing} row(s)")
        elif given is not None:
            keys[key] = given
        elif what != "site":
            faults.append(f"no column names the {what}")
    if WELL in keys:
        keys[WELL] = keys[WELL].map(canonical_well, na_action="ignore")
        faults += faulty_wells(keys[WELL].dropna())
    if faults:
        raise UserError(
            f"{len(faults)} fault(s) in the keys: {listed(faults)}",
            where=str(path),
            remedy=(
                "Tables of CellProfiler are read by `phenoprot features import`."
                if "ImageNumber" in raw
                else "Name the columns Metadata_Plate and Metadata_Well, and fill them; --plate "
                "gives the plate of a table that names none."
            ),
        )
    return keys


def _features(raw: pd.DataFrame, path: Path, lines: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns that are features, as float64, and the others."""
    known = {name for what, names in NAMES.items() if what != "cell_count" for name in names}
    candidates = [
        column for column in raw if not is_metadata(column) and folded(column) not in known
    ]
    about_wells = [column for column in candidates if describes_wells(column)]
    candidates = [column for column in candidates if column not in about_wells]
    places = [column for column in candidates if _PLACE.search(column.strip())]
    values: dict[str, np.ndarray] = {}
    words: list[str] = []
    odd: list[str] = []
    left = set(places)
    for column in candidates:
        if column in left:
            continue
        cells = raw[column]
        if holds_numbers(cells):
            values[column] = cells.to_numpy(dtype=np.float64, na_value=np.nan)
            continue
        if not _is_text(cells):
            odd.append(f"{quoted(column)} ({cells.dtype})")
            continue
        parsed, wrong = numbers(cells)
        wrong &= ~cells.map(lambda cell: isinstance(cell, str) and is_missing_word(cell)).to_numpy()
        if not wrong.any():
            values[column] = parsed
        elif np.isfinite(parsed).any() or has_decimal_commas(cells[wrong]):
            row = int(np.flatnonzero(wrong)[0])
            odd.append(f"{quoted(column)} (row {row + 2} {quoted(cells.iloc[row])})")
        else:
            words.append(column)
    if about_wells:
        lines.append(
            f"{len(about_wells)} column(s) that describe wells are no features: "
            f"{listed(about_wells)}"
        )
    if places:
        lines.append(
            f"{len(places)} column(s) that number or place things are no features: "
            f"{listed(places, 3)}"
        )
    if odd:
        raise UserError(
            f"{len(odd)} column(s) hold other values than numbers: {listed(odd)}",
            where=str(path),
            remedy="Correct them (numbers have decimal points), or name columns that are no "
            "features Metadata_...",
        )
    if words:
        what = f"{len(words)} column(s) with text are no features: {listed(words, 3)}"
        lines.append(what)
        warn(what, str(path))
    if not values:
        raise UserError(
            "no column is a feature",
            where=str(path),
            remedy="A feature table has columns of numbers besides plate and well.",
        )
    return pd.DataFrame(values, index=raw.index), raw.drop(columns=[*values, *words, *places])


def _is_text(cells: pd.Series) -> bool:
    """Whether a column holds text, decimals or nothing."""
    return all(cell is None or isinstance(cell, str | float | Decimal) for cell in cells)


def _averaged(table: pd.DataFrame, about: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means over the cells of a field or well, and how many there are."""
    keys = [key for key in (PLATE, WELL, SITE) if key in table]
    groups = table.drop(columns=CELL_COUNT, errors="ignore").groupby(keys, sort=True)
    means = groups.mean()
    means.insert(0, CELL_COUNT, groups.size())
    return means.reset_index(), about.drop_duplicates(WELL_KEY).reset_index(drop=True)


def _require_unique(table: pd.DataFrame, where: str) -> None:
    keys = [PLATE, WELL, *([SITE] if SITE in table else [])]
    twice = table[table.duplicated(keys)]
    if len(twice):
        names = list(dict.fromkeys("/".join(key) for key in twice[keys].to_numpy()))
        raise UserError(
            f"{len(names)} of the wells or fields have more than one row: {listed(names)}",
            where=where,
            remedy="Give each well one row, name the field in a column Metadata_Site, or number "
            "cells in a column ObjectNumber.",
        )


def cleaned(profiles: Profiles, wells: pd.DataFrame) -> Profiles:
    """The rows of wells that are in the layout, and the features that all of them have.

    A well without any feature is left out, then features that are missing or infinite somewhere,
    and those that are equal everywhere.

    Raises
    ------
    UserError
        No row is of a well of the layout, or half of the features are missing somewhere.
    """
    table, lines = profiles.table, list(profiles.lines)
    known = pd.MultiIndex.from_frame(wells[WELL_KEY])
    inside = pd.MultiIndex.from_frame(table[WELL_KEY]).isin(known)
    what = f"profiles/{profiles.name}"
    if not inside.any():
        raise UserError(
            f"no row is of a well of the layout: plates {listed(list(table[PLATE].unique()), 3)}, "
            f"in the layout {listed(list(wells[PLATE].unique()), 3)}",
            where=what,
            remedy="Name plates alike in the plate map and the feature table.",
        )
    if not inside.all():
        lines.append(f"{(~inside).sum()} row(s) of wells that are not in the layout left out")
    table = table[inside]
    features = feature_columns(table)
    values = table[features].to_numpy(dtype=np.float64)
    finite = np.isfinite(values) & (np.abs(values) <= np.finfo(np.float32).max)
    nothing = ~finite.any(axis=1)
    if nothing.any():
        lines.append(f"{nothing.sum()} row(s) without any feature left out")
    table, values, finite = table[~nothing], values[~nothing], finite[~nothing]
    whole = finite.all(axis=0)
    if whole.sum() < MOST_MISSING * len(features):
        raise UserError(
            f"{(~whole).sum()} of {len(features)} features are missing or infinite in some well",
            where=what,
            remedy="Leave out the wells or the features that are not measured.",
        )
    constant = whole & (np.ptp(np.where(finite, values, 0.0), axis=0) == 0)
    for count, why in ((int((~whole).sum()), "missing or infinite in some well"),
                       (int(constant.sum()), "equal in all wells")):  # fmt: skip
        if count:
            lines.append(f"{count} feature(s) {why}: left out")
            warn(lines[-1], what)
    keep = [name for name, good in zip(features, whole & ~constant, strict=True) if good]
    keys = [column for column in table if column.startswith("Metadata_")]
    return Profiles(
        profiles.name, table[[*keys, *keep]].reset_index(drop=True), profiles.about, lines
    )


def is_normalised(table: pd.DataFrame, wells: pd.DataFrame) -> bool:
    """Whether the features of every plate are in units of its negative controls' spread."""
    features = feature_columns(table)
    controls = wells[wells[CONTROL] == NEGATIVE_CONTROL][WELL_KEY]
    chosen = table.merge(controls, on=WELL_KEY)
    if set(chosen[PLATE]) != set(table[PLATE]):
        return False
    groups = chosen.groupby(PLATE)[features]
    means, spreads = groups.mean(), groups.std(ddof=1)
    typical, spread = means.abs().median(axis=1), spreads.median(axis=1)
    shifts = means.abs() / spreads.where(spreads > 0)
    return bool(
        (typical < CENTRED).all()
        and spread.between(NARROWEST, WIDEST).all()
        and (shifts.max(axis=1) <= FURTHEST).all()
    )
