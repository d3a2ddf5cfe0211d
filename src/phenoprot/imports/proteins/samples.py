"""Which column of a protein table is which well: by a pattern, a file, or what the source says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.imports.columns import find, text
from phenoprot.imports.source import read_any
from phenoprot.screens.contract import PLATE, WELL, WELL_KEY
from phenoprot.screens.tables import canonical_well, faulty_wells

DEFAULT = r"(?P<plate>.+)[_ ](?P<well>[A-Za-z]{1,2}[0-9]{1,2})"
"""Names of samples that need no option: a plate, ``_`` or a space, and a well."""
REMEDY = (
    "Say it by --pattern (of `screens new` --protein-pattern), a regular expression with "
    "(?P<plate>...) and (?P<well>...), or by --samples, a CSV file with the columns column, plate, "
    "well."
)


@dataclass(frozen=True)
class Placed:
    """Wells of the columns.

    Parameters
    ----------
    wells
        One row per column: ``Metadata_Plate`` and ``Metadata_Well``, missing where the column has
        no well.
    unmatched
        Names of columns without a well: left out.
    absent
        Names in the map of samples that are no column of the table.
    how
        What said it, for the report.
    """

    wells: pd.DataFrame
    unmatched: list[str]
    absent: list[str] = field(default_factory=list)
    how: str = ""


def place_samples(
    samples: pd.DataFrame,
    where: str,
    *,
    pattern: str | None = None,
    file: Path | None = None,
    plate: str | None = None,
) -> Placed:
    """Find plate and well of every sample.

    Parameters
    ----------
    samples
        Columns ``column`` and ``sample``, and ``Metadata_Plate`` and ``Metadata_Well`` where the
        source says them.
    where
        File.
    pattern
        Regular expression, searched in the name of the sample and, if not found, in that of its
        column. Groups ``well`` and, unless `plate` is given, ``plate``.
    file
        Table with the columns ``column`` (a column or sample of the table), plate and well.
    plate
        Plate of all samples.

    Raises
    ------
    UserError
        Nothing says the wells, or two things do; the pattern or the file is faulty; no column has
        a well; two columns have one well.
    """
    if pattern and file:
        raise UserError(
            "both --pattern and --samples are given", where=where, remedy="Give one of them."
        )
    if file is not None:
        placed = _by_file(samples, file, plate)
    elif pattern or WELL not in samples:
        placed = _by_pattern(samples, pattern, plate, where)
    else:
        placed = _by_source(samples, plate, where)
    wells = placed.wells
    if wells[WELL].isna().all():
        raise UserError(
            f"none of {len(samples)} column(s) has a well ({placed.how}): "
            f"{listed([quoted(name) for name in samples['sample']], 3)}",
            where=where,
            remedy=REMEDY,
        )
    faults = faulty_wells(wells[WELL].dropna())
    if faults:
        raise UserError(
            f"{len(faults)} well(s) are none: {listed(faults)}", where=where, remedy=REMEDY
        )
    keys = list(wells.dropna().itertuples(index=False, name=None))
    twice = [f"{p}/{w} ({n} columns)" for (p, w), n in Counter(keys).items() if n > 1]
    if twice:
        raise UserError(
            f"{len(twice)} well(s) are named by several columns: {listed(twice)}",
            where=where,
            remedy="Leave out the repeats (by --samples), or average them first.",
        )
    return placed


def _by_source(samples: pd.DataFrame, plate: str | None, where: str) -> Placed:
    if PLATE not in samples and plate is None:
        raise UserError(
            "the table says the wells, and no plate",
            where=where,
            remedy="Name it by --plate (of `screens new` --protein-plate).",
        )
    wells = pd.DataFrame(
        {PLATE: plate if plate is not None else samples[PLATE], WELL: samples[WELL]},
        index=samples.index,
    )
    return _placed(samples, wells, "the table says the wells")


def _by_pattern(
    samples: pd.DataFrame, pattern: str | None, plate: str | None, where: str
) -> Placed:
    try:
        compiled = re.compile(pattern or DEFAULT)
    except re.error as error:
        raise UserError(
            f"is no regular expression: {error}", where=f"--pattern {pattern}", remedy=REMEDY
        ) from None
    groups = compiled.groupindex
    if "well" not in groups or ("plate" not in groups and plate is None):
        raise UserError(
            f"has no group {'plate' if 'well' in groups else 'well'}",
            where=f"--pattern {pattern}",
            remedy=f"{REMEDY} One plate for all samples: --plate (--protein-plate).",
        )
    search = compiled.search if pattern else compiled.fullmatch
    rows = []
    for sample, column in samples[["sample", "column"]].itertuples(index=False):
        match = search(sample) or search(column)
        said = match.groupdict() if match else {}
        rows.append((plate if plate is not None else said.get("plate"), said.get("well")))
    wells = pd.DataFrame(rows, columns=WELL_KEY, index=samples.index, dtype=object)
    how = f"pattern {pattern}" if pattern else "names are not '<plate>_<well>', e.g. P1_A01"
    return _placed(samples, wells, how)


def _by_file(samples: pd.DataFrame, file: Path, plate: str | None) -> Placed:
    table = read_any(file)
    named = {name.lower(): name for name in table}
    column = named.get("column") or named.get("sample") or named.get("run")
    well, of_plate = find(table, "well"), find(table, "plate")
    if column is None or well is None or (of_plate is None and plate is None):
        missing = "column" if column is None else "well" if well is None else "plate"
        raise UserError(
            f"has no column {quoted(missing)}",
            where=str(file),
            remedy="Its columns are: column (of the protein table), plate, well.",
        )
    keys = text(table[column])
    twice = list(keys[keys.duplicated() & keys.notna()].unique())
    if twice or keys.isna().any():
        raise UserError(
            f"{len(twice)} column(s) are mapped twice: {listed(twice)}"
            if twice
            else f"{int(keys.isna().sum())} row(s) name no column",
            where=str(file),
            remedy="Give each column of the protein table one row.",
        )
    plates = text(table[of_plate]) if plate is None else pd.Series(plate, index=table.index)
    places = dict(zip(keys, zip(plates, text(table[well]), strict=True), strict=True))
    lines, used = [], set()
    for sample, name in samples[["sample", "column"]].itertuples(index=False):
        key = name if name in places else sample
        used.add(key)
        lines.append(places.get(key, (None, None)))
    wells = pd.DataFrame(lines, columns=WELL_KEY, index=samples.index, dtype=object)
    placed = _placed(samples, wells, f"file {file}")
    absent = [key for key in places if key not in used]
    return Placed(placed.wells, placed.unmatched, absent, placed.how)


def _placed(samples: pd.DataFrame, wells: pd.DataFrame, how: str) -> Placed:
    """Wells in their canonical spelling; a column needs both a plate and a well."""
    wells = wells.apply(text)
    whole = wells.notna().all(axis=1)
    wells = wells.where(whole, None)
    wells[WELL] = wells[WELL].map(canonical_well, na_action="ignore")
    return Placed(wells, list(samples.loc[~whole, "column"]), how=how)
