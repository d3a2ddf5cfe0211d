"""Read CurveCurator's own input: a TOML file of parameters and a table of intensities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.notices import warn
from phenoprot.core.outputs import require_output
from phenoprot.core.tables import read_parquet, unpacked_text
from phenoprot.curves.config import design_of, read_toml, settings_of, warn_of_design
from phenoprot.curves.curvecurator import raw
from phenoprot.curves.design import DoseDesign
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
from phenoprot.imports.tsv import parse_plain_tsv, parse_tsv
from phenoprot.screens.contaminants import contaminant_names


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
    folder = path.absolute().parent  # of a link, the folder that holds the link
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


def read_intensities(
    path: Path, design: DoseDesign, settings: FitSettings | None = None
) -> pd.DataFrame:
    """Read a tab-separated table; returns Name and the design's Raw columns as float64.

    Parameters
    ----------
    path
        Table with a column ``Name`` and ``Raw <experiment>`` columns; others are ignored. Text,
        or parquet by its suffix.
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
    table = _read(path, columns)
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


def _read(path: Path, numbers: list[str]) -> pd.DataFrame:
    """The table of a file: plain text and parquet typed, any other text as strings."""
    if path.suffix == ".parquet":
        table = read_parquet(path)
        return table[[name for name in table if name in {"Name", *numbers}]]
    text = unpacked_text(path)
    plain = parse_plain_tsv(text, "Name", numbers)
    return parse_tsv(text, str(path)) if plain is None else plain


def _require_one_line(names: pd.Series, where: str) -> None:
    text = pa.array(names, pa.string())
    broken = names[pc.match_substring_regex(text, r"[\t\n\r]").to_numpy(zero_copy_only=False)]
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
    if not len(twice):
        order = pc.sort_indices(pa.array(table["Name"], pa.string())).to_numpy()
        joined = table.take(order).reset_index(drop=True)
        joined.insert(1, "N duplicates", 1)
        return joined
    grouped = table.groupby("Name", sort=True)
    joined = grouped[raw(design.experiments)].sum(min_count=1).reset_index()
    joined.insert(1, "N duplicates", grouped.size().to_numpy())
    return joined
