"""From a plate map, or what a feature table says of its wells, to the plate layout of a screen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.imports.columns import column_of, find, find_dose, row_letters, text
from phenoprot.imports.controls import VEHICLES, name_negative_control, read_marks
from phenoprot.imports.doses import read_doses
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    INCHIKEY,
    NEGATIVE_CONTROL,
    PLATE,
    POSITIVE_CONTROL,
    SMILES,
    WELL,
)
from phenoprot.screens.tables import canonical_compound, canonical_well, faulty_wells, folded_name


@dataclass(frozen=True)
class LayoutOptions:
    """What a table of wells does not say itself."""

    plate: str | None = None
    """Plate of all rows, for a table without a column of plates."""
    concentration: float | None = None
    """Concentration of all treated wells, for a table without a column of concentrations."""
    unit: str | None = None
    """Unit of the screen; tables that name none are taken to be in it."""
    negative_control: str | None = None
    """Name of the negative control; told from marks and names if not given."""


@dataclass(frozen=True)
class Layout:
    """Wells of one or more plates."""

    wells: pd.DataFrame
    """Columns of the contract; without ``Metadata_Plate`` where the table stands for any plate."""
    unit: str | None
    """Unit of the concentrations; None: the table has no concentrations but 0."""
    negative_control: str
    """Name of the compound of the negative controls."""
    cell_lines: tuple[str, ...] = ()
    """Cells that the table names."""
    lines: list[str] = field(default_factory=list)
    """What was understood, and what was left out."""


def read_layout(
    table: pd.DataFrame,
    where: str,
    options: LayoutOptions = LayoutOptions(),
    compounds: pd.DataFrame | None = None,
) -> Layout:
    """Understand a table of wells.

    Parameters
    ----------
    table
        One row per well, or several that say the same; columns under any of the names of
        :data:`phenoprot.imports.columns.NAMES`.
    where
        The file, for messages.
    options
        What the table does not say.
    compounds
        Further columns of the compounds, joined by Broad sample or name: name, structure, kind of
        control.

    Raises
    ------
    UserError
        There is no column of wells or compounds; wells are none, or stand twice with different
        contents; marks of controls are not known; concentrations or their unit are missing.
    """
    lines: list[str] = []
    found = pd.DataFrame(index=table.index)
    found[WELL] = _wells(table, where)
    plate = find(table.columns, "plate")
    if plate is not None:
        found[PLATE] = text(table[plate])
    elif options.plate is not None:
        found[PLATE] = options.plate
    about = _with_compounds(table, compounds, where, lines)
    _require_compound_column(about, where)
    names, marks = _names(about), read_marks(about, where)
    solvent = column_of(about, "solvent")
    empty = (marks == "empty") | (
        names.isna() & solvent.isna() & (marks != NEGATIVE_CONTROL) & (marks != POSITIVE_CONTROL)
    )
    _require_named(about, empty & (marks != "empty"), where)
    names = names.where(names.notna() | empty, solvent)
    vehicle = names.map(lambda name: folded_name(name) in VEHICLES, na_action="ignore").eq(True)
    marks = marks.mask(vehicle & (marks == "control"), NEGATIVE_CONTROL)
    marks = marks.mask(marks == "control", POSITIVE_CONTROL)
    control = name_negative_control(names, marks, vehicle, options.negative_control, where)
    is_control = (marks == NEGATIVE_CONTROL) | names.map(
        lambda name: folded_name(name) == folded_name(control), na_action="ignore"
    ).eq(True)
    doses, unit = read_doses(
        about, ~is_control & ~empty, options.concentration, options.unit, where, lines
    )
    untreated = ~is_control & ~empty & (doses == 0)
    _require_doses(names[untreated & (marks == POSITIVE_CONTROL)], where)
    if untreated.any():
        lines.append(f"{untreated.sum()} well(s) with concentration 0: taken for {control}")
        is_control |= untreated
    if not is_control.any():
        raise UserError(
            f"no well holds the negative control {quoted(control)}",
            where=where,
            remedy="Give --negative-control the name that the wells have.",
        )
    found[COMPOUND] = names.map(canonical_compound, na_action="ignore").mask(is_control, control)
    found[CONCENTRATION] = np.where(is_control, 0.0, doses)
    found[CONTROL] = marks.where(marks == POSITIVE_CONTROL, "").mask(is_control, NEGATIVE_CONTROL)
    for column, what in ((INCHIKEY, "inchikey"), (SMILES, "smiles")):
        if find(about.columns, what) is not None:
            found[column] = column_of(about, what).mask(is_control, None)
    if empty.any():
        lines.append(f"{empty.sum()} empty well(s) left out")
    found = _once(found[~empty], where)
    keys = ([PLATE] if PLATE in found else []) + [WELL]
    cells = column_of(about, "cell_line").dropna().unique()
    return Layout(found.sort_values(keys, ignore_index=True), unit, control, tuple(cells), lines)


def _wells(table: pd.DataFrame, where: str) -> pd.Series:
    name = find(table.columns, "well")
    if name is not None:
        wells, said = text(table[name]), name
    else:
        row, column = find(table.columns, "row"), find(table.columns, "column")
        if row is None or column is None:
            raise UserError(
                f"no column names the wells; there are: {listed(list(table.columns), 12)}",
                where=where,
                remedy="Name it Metadata_Well (A01), or give Row and Column.",
            )
        letters = text(table[row]).map(row_letters, na_action="ignore")
        wells, said = letters + text(table[column]), f"{row}, {column}"
    missing = int(wells.isna().sum())
    faults = faulty_wells(canonical_well(name) for name in wells.dropna().unique())
    if missing:
        faults.append(f"{missing} row(s) name none")
    if faults:
        raise UserError(
            f"column '{said}': {len(faults)} fault(s): {listed(faults)}",
            where=where,
            remedy="Write wells as row and column: A01 to AF48.",
        )
    return wells.map({name: canonical_well(name) for name in wells.unique()})


def _with_compounds(
    table: pd.DataFrame, compounds: pd.DataFrame | None, where: str, lines: list[str]
) -> pd.DataFrame:
    """The table, with the columns of the compounds that it lacks."""
    if compounds is None:
        return table
    for what in ("sample", "broad", "compound"):
        mine, theirs = find(table.columns, what), find(compounds.columns, what)
        if mine is not None and theirs is not None:
            break
    else:
        raise UserError(
            "the plate map and the table of compounds have no column in common",
            where=where,
            remedy="Name the compounds in both, as broad_sample or compound.",
        )
    keys, known = text(table[mine]), compounds.assign(key=text(compounds[theirs]))
    wanted = keys.dropna().unique()
    told = [find(known.columns, w) for w in ("compound", "inchikey", "smiles", "control")]
    rows = known[known["key"].isin(wanted)].drop_duplicates(["key", *filter(None, told)])
    several = list(rows["key"][rows["key"].duplicated()].unique())
    if several:
        lines.append(
            f"{len(several)} sample(s) stand in rows of the compounds that differ, the first is "
            f"taken: {listed(several)}"
        )
    known = known.dropna(subset="key").drop_duplicates("key").set_index("key")
    unknown = [name for name in wanted if name not in known.index]
    lines.append(
        f"{len(wanted) - len(unknown)} of {len(wanted)} samples of the map are among the compounds"
        + (f"; not: {listed(unknown)}" if unknown else "")
    )
    # Names and structures are those of the table of compounds, the rest is the map's.
    theirs_first = {"sample", "broad", "compound", "inchikey", "smiles"} - {what}
    mine_only = {"control", "kind"}
    dropped = [find(table.columns, w) for w in theirs_first if find(known.columns, w)]
    ignored = [find(known.columns, w) for w in mine_only if find(table.columns, w)]
    kept = known.drop(columns=[theirs, *filter(None, ignored)])
    left = table.drop(columns=[name for name in dropped if name is not None and name != mine])
    joined = pd.concat([left, kept.reindex(keys).set_index(table.index)], axis=1)
    return joined.loc[:, ~joined.columns.duplicated()]


def _require_compound_column(table: pd.DataFrame, where: str) -> None:
    if not any(find(table.columns, what) for what in ("compound", "broad", "sample")):
        raise UserError(
            f"no column names the compounds; there are: {listed(list(table.columns), 12)}",
            where=where,
            remedy="Name it Metadata_Compound, or give a plate map that does (--plate-map).",
        )


def _require_doses(names: pd.Series, where: str) -> None:
    """Stop if positive controls are at concentration 0, which would make them negative ones."""
    if len(names):
        raise UserError(
            f"{len(names)} well(s) of positive controls have concentration 0: "
            f"{listed(sorted(set(names.dropna())))}",
            where=where,
            remedy="Give their concentration, or mark them as what they are.",
        )


def _require_named(table: pd.DataFrame, nameless: pd.Series, where: str) -> None:
    """Stop if a well has a concentration and no compound."""
    column = find_dose(table.columns)[0]
    if column is None:
        return
    rows = np.flatnonzero(nameless & text(table[column]).notna())
    if len(rows):
        raise UserError(
            f"{len(rows)} well(s) have a concentration and no compound: "
            f"row {listed([row + 2 for row in rows])}",
            where=where,
            remedy="Name the compound, or mark the well empty.",
        )


def _names(table: pd.DataFrame) -> pd.Series:
    """Names of the compounds: the name, else the Broad id, else the sample."""
    names = column_of(table, "compound")
    for what in ("broad", "sample"):
        names = names.where(names.notna(), column_of(table, what))
    return names


def _once(wells: pd.DataFrame, where: str) -> pd.DataFrame:
    """Wells without repetitions, as of a table of fields or cells."""
    keys = [name for name in (PLATE, WELL) if name in wells]
    wells = wells.drop_duplicates()
    twice = wells[wells.duplicated(keys, keep=False)]
    if len(twice):
        names = list(dict.fromkeys("/".join(key) for key in twice[keys].to_numpy()))
        raise UserError(
            f"{len(names)} well(s) stand in several rows that differ: {listed(names)}",
            where=where,
            remedy="Give each well one content; if the table is of several plates, name them in "
            "a column Metadata_Plate.",
        )
    if PLATE in wells and wells[PLATE].isna().any():
        raise UserError(
            f"{wells[PLATE].isna().sum()} row(s) name no plate",
            where=where,
            remedy="Fill in the column of plates.",
        )
    return wells
