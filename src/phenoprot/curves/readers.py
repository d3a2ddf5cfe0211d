"""Read CurveCurator's own input: a TOML file of parameters and a TSV table of intensities."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import require_file
from phenoprot.core.notices import warn
from phenoprot.core.tables import read_delimited
from phenoprot.curves.config import design_of, read_toml, settings_of, warn_of_design
from phenoprot.curves.curvecurator import raw
from phenoprot.curves.design import DoseDesign
from phenoprot.curves.outputs import require_output
from phenoprot.curves.scale import warn_of_logarithms
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.values import (
    clips_negatives,
    intensities,
    require_one_spelling,
    require_positive_controls,
    required_names,
    warn_of_clipping,
)
from phenoprot.screens.contaminants import contaminant_names

ENCLOSED = re.compile(r'"(?:[^"]|"")*"')
"""A field that quotes enclose as a whole; quotes inside are doubled."""
LONGEST_HEADER = 2**20
"""Bytes in which the first line is searched."""


@dataclass(frozen=True)
class CurveJob:
    """A table of curves to be fitted.

    Parameters
    ----------
    table
        ``Name``, ``N duplicates`` and ``Raw <experiment>`` columns, sorted by name.
    design
        Doses and controls, less the experiments without a single value.
    settings
        Options of the fit.
    curves_file
        Where the configuration wants the curves.
    empty
        Experiments that were left out because they have no value.
    """

    table: pd.DataFrame
    design: DoseDesign
    settings: FitSettings
    curves_file: Path
    empty: tuple[str, ...]


def read_design(path: Path) -> DoseDesign:
    """Doses and controls of a CurveCurator TOML file."""
    return design_of(read_toml(path), path)


def read_curvecurator(
    path: Path, *, sum_duplicates: bool = False, output: Path | None = None
) -> CurveJob:
    """Read a CurveCurator TOML file and its TSV table.

    Parameters
    ----------
    path
        The TOML file; the paths in it are relative to its folder.
    sum_duplicates
        Add up the rows of a name, as CurveCurator does without a warning; refused otherwise.
    output
        Where the curves are written, if not to the curves_file of the TOML file. It must be
        neither the TOML file nor the table.
    """
    config = read_toml(path)
    design, settings = design_of(config, path), settings_of(config, path)
    folder = path.resolve().parent
    source = folder / config["Paths"]["input_file"]
    curves_file = output or folder / config["Paths"].get("curves_file", "curves.txt")
    require_output(curves_file, {"parameter file": path, "input_file": source})
    warn_of_design(design, path)
    table = read_intensities(source, design, settings)
    table = join_duplicates(table, design, sum_duplicates, str(source))
    absent = table[raw(design.experiments)].isna().all()
    empty = tuple(name for name, gone in zip(design.experiments, absent, strict=True) if bool(gone))
    if empty:
        design = design.without(set(empty))
        table = table[["Name", "N duplicates", *raw(design.experiments)]]
    return CurveJob(table, design, settings, curves_file, empty)


def read_tsv(path: Path) -> pd.DataFrame:
    """Read a tab-separated table as search engines, spreadsheets and R write it, all strings.

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
    require_file(path)
    if _header_is_quoted(path):
        try:
            return read_delimited(path, "\t")
        except UserError as error:
            if "fields of the header" not in error.what:
                raise
            raise UserError(
                error.what,
                where=error.where,
                remedy="Export the table again (from R: write.table with row.names = FALSE).",
            ) from None
    table = read_delimited(path, "\t", quotes=False)
    names = _unquoted(pd.Series(table.columns, dtype=object))
    twice = list(names[names.duplicated()].unique())
    if twice:
        raise UserError(
            f"{len(twice)} column name(s) occur more than once: {listed(twice)}",
            where=f"{path}, header",
            remedy="Give each column a name of its own.",
        )
    table = table.apply(_unquoted)
    table.columns = pd.Index(names.fillna(""), dtype=object)
    return table


def _header_is_quoted(path: Path) -> bool:
    """Whether the first line has every field in quotes."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            start = stream.read(LONGEST_HEADER).decode("utf-8-sig", errors="replace")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return False  # the reader reports what is wrong
    lines = (line for line in re.split("\r\n|\r|\n", start) if line)
    return all(ENCLOSED.fullmatch(field) for field in next(lines, "").split("\t"))


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


def read_intensities(
    path: Path, design: DoseDesign, settings: FitSettings | None = None
) -> pd.DataFrame:
    """Read a tab-separated table; returns Name and the design's Raw columns as float64.

    Parameters
    ----------
    path
        Table with a column ``Name`` and ``Raw <experiment>`` columns; others are ignored.
    design
        Names the experiments.
    settings
        With a ``ratio_range`` from 0 or more, treated intensities may be negative: their ratios
        will be clipped.

    Raises
    ------
    UserError
        The table cannot be read exactly, columns, names or values are missing or wrong.
    """
    columns = raw(design.experiments)
    table = read_tsv(path)
    missing = [name for name in ["Name", *columns] if name not in table]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=str(path),
            remedy="Every experiment needs a tab-separated column 'Raw <experiment>'",
        )
    if table.empty:
        raise UserError("the table has no row", where=str(path), remedy="Export it again.")
    names = required_names(table["Name"], "Name", str(path))
    require_one_spelling(names, "Name", str(path))
    _require_one_line(names, str(path))
    clipped = clips_negatives(settings)
    out: dict[str, object] = {"Name": names.to_numpy(dtype=object)}
    for column in columns:
        out[column] = intensities(table[column], column, str(path), names, negative=clipped)
    values = pd.DataFrame(out)
    numbers = values[columns].to_numpy(dtype=np.float64)
    if (numbers < 0).any():
        controls = values[raw(design.controls)].mean(axis=1).to_numpy(dtype=np.float64)
        require_positive_controls(controls, names, str(path))
        warn_of_clipping(int((numbers < 0).sum()), settings, str(path))
    warn_of_logarithms(numbers, "the Raw columns", str(path))
    marked = contaminant_names(names)
    if marked:
        warn(
            f"{len(marked)} Name(s) mark contaminants or decoys, they are fitted like the others: "
            f"{listed(marked)}.",
            str(path),
        )
    return values


def _require_one_line(names: pd.Series, where: str) -> None:
    broken = names[names.str.contains(r"[\t\n\r]")]
    if len(broken):
        raise UserError(
            f"{len(broken)} name(s) hold a tab or a line break, e.g. {quoted(broken.iloc[0])}",
            where=f"{where}, column 'Name'",
            remedy="Remove it: the curves are written as lines, with tabs between the fields.",
        )


def join_duplicates(
    table: pd.DataFrame, design: DoseDesign, sum_duplicates: bool, where: str
) -> pd.DataFrame:
    """Sort by name and count (or refuse) the rows of each; sums ignore missing values."""
    twice = table["Name"][table["Name"].duplicated()].unique()
    if len(twice) and not sum_duplicates:
        raise UserError(
            f"{len(twice)} name(s) occur more than once: {listed(list(twice))}",
            where=where,
            remedy="Make names unique, or ask for their sum (--sum-duplicates)",
        )
    grouped = table.groupby("Name", sort=True)
    joined = grouped[raw(design.experiments)].sum(min_count=1).reset_index()
    joined.insert(1, "N duplicates", grouped.size().to_numpy())
    return joined
