"""From a plate map, or what a feature table says of its wells, to the plate layout of a screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.imports.columns import (
    find,
    find_dose,
    row_letters,
    split_amount,
    text,
    unit_of,
)
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
from phenoprot.screens.structures import read_smiles
from phenoprot.screens.tables import (
    canonical_compound,
    canonical_well,
    faulty_wells,
    folded_name,
    numbers,
)

EXPONENT = {"M": 0, "mM": -3, "uM": -6, "nM": -9, "pM": -12}
VEHICLES = ("dmso", "dimethylsulfoxide", "vehicle", "mock", "water", "h2o", "pbs", "ethanol")
"""Names of compounds that are none, folded."""
_NEGATIVE = {
    "negcon", "neg", "negative", "negativecontrol", "negctrl", "negcontrol", "nc", "vehicle",
    "vehiclecontrol", "dmso", "ctlvehicle", "solvent", "untreated", "ctluntrt",
}  # fmt: skip
_POSITIVE = {"pos", "positive", "positivecontrol", "posctrl", "poscontrol", "pc", "ctlpos"}
_TREATED = {
    "trt", "treated", "treatment", "sample", "test", "compound", "trtcp", "false", "query", "0",
}  # fmt: skip
_EMPTY = {"empty", "blank", "unused", "nocells", "emptywell"}
ROUNDING = 0.01
"""Relative difference below which two concentrations of a compound are roundings of one."""


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
    names, marks = _names(about), _marks(about, where)
    solvent = _column(about, "solvent")
    empty = (marks == "empty") | (
        names.isna() & solvent.isna() & (marks != NEGATIVE_CONTROL) & (marks != POSITIVE_CONTROL)
    )
    _require_named(about, empty & (marks != "empty"), where)
    names = names.where(names.notna() | empty, solvent)
    vehicle = names.map(lambda name: folded_name(name) in VEHICLES, na_action="ignore").eq(True)
    marks = marks.mask(vehicle & (marks == "control"), NEGATIVE_CONTROL)
    marks = marks.mask(marks == "control", POSITIVE_CONTROL)
    control = _negative_control(names, marks, vehicle, options, where)
    is_control = (marks == NEGATIVE_CONTROL) | names.map(
        lambda name: folded_name(name) == folded_name(control), na_action="ignore"
    ).eq(True)
    doses, unit = _doses(about, ~is_control & ~empty, options, where, lines)
    untreated = ~is_control & ~empty & (doses == 0)
    if untreated.any():
        lines.append(f"{untreated.sum()} well(s) with concentration 0: taken for {control}")
        is_control |= untreated
    found[COMPOUND] = names.map(canonical_compound, na_action="ignore").mask(is_control, control)
    found[CONCENTRATION] = np.where(is_control, 0.0, doses)
    found[CONTROL] = marks.where(marks == POSITIVE_CONTROL, "").mask(is_control, NEGATIVE_CONTROL)
    for column, what in ((INCHIKEY, "inchikey"), (SMILES, "smiles")):
        if find(about.columns, what) is not None:
            found[column] = _column(about, what).mask(is_control, None)
    if empty.any():
        lines.append(f"{empty.sum()} empty well(s) left out")
    found = _once(found[~empty], where)
    keys = ([PLATE] if PLATE in found else []) + [WELL]
    cells = _column(about, "cell_line").dropna().unique()
    return Layout(found.sort_values(keys, ignore_index=True), unit, control, tuple(cells), lines)


def _column(table: pd.DataFrame, what: str) -> pd.Series:
    name = find(table.columns, what)
    if name is None:
        return pd.Series([None] * len(table), index=table.index, dtype=object)
    return text(table[name])


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
    known = known.dropna(subset="key").drop_duplicates("key").set_index("key")
    wanted = keys.dropna().unique()
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
    names = _column(table, "compound")
    for what in ("broad", "sample"):
        names = names.where(names.notna(), _column(table, what))
    return names


def _marks(table: pd.DataFrame, where: str) -> pd.Series:
    """``negcon``, ``poscon``, ``control`` (which of both is to be seen), ``empty`` or none."""
    marks = pd.Series([""] * len(table), index=table.index, dtype=object)
    strange: list[str] = []
    for what in ("kind", "control"):  # the second is the more exact, and goes before the first
        words = _column(table, what)
        known = {word: _mark(word) for word in words.dropna().unique()}
        if what == "control":
            strange = [word for word, mark in known.items() if mark is None]
        new = words.map(known).fillna("")
        marks = marks.mask(new != "", new)
    if strange:
        raise UserError(
            f"column '{find(table.columns, 'control')}' has {len(strange)} word(s) that are no "
            f"kind of control: {listed([quoted(word) for word in strange])}",
            where=where,
            remedy="Known are negcon, poscon (also poscon_...), control, trt, empty, or nothing.",
        )
    return marks


def _mark(word: str) -> str | None:
    mark = "".join(c for c in word.lower() if c.isalnum())
    if mark in _NEGATIVE or mark.startswith("negcon"):
        return NEGATIVE_CONTROL
    if mark in _POSITIVE or mark.startswith("poscon"):
        return POSITIVE_CONTROL
    if mark in _EMPTY:
        return "empty"
    if mark in _TREATED:
        return ""
    return "control" if mark in {"control", "ctrl", "ctl"} else None


def _negative_control(
    names: pd.Series, marks: pd.Series, vehicle: pd.Series, options: LayoutOptions, where: str
) -> str:
    """Name of the negative control: as asked for, as marked, or as vehicles are called."""
    if options.negative_control is not None:
        return canonical_compound(options.negative_control)
    for chosen in (names[marks == NEGATIVE_CONTROL], names[vehicle]):
        if len(chosen):
            named = chosen.dropna()
            return canonical_compound(str(named.mode()[0])) if len(named) else "DMSO"
    raise UserError(
        "no well is a negative control",
        where=where,
        remedy="Name their compound (--negative-control), or mark them negcon in a column "
        "control_type.",
    )


def _doses(
    table: pd.DataFrame,
    treated: pd.Series,
    options: LayoutOptions,
    where: str,
    lines: list[str],
) -> tuple[pd.Series, str | None]:
    """Concentrations and their unit."""
    column, unit = find_dose(table.columns)
    if column is None and options.concentration is not None:
        doses = pd.Series(options.concentration, index=table.index, dtype=np.float64)
        return doses, _require_unit(options.unit, where)
    if column is None and (column := find(table.columns, "stock")) is not None:
        # Broad's compound plates hold 1000 times the concentration of the well.
        unit = options.unit or "uM"
        lines.append(
            f"{column}: millimolar in Broad's compound plates, taken as {unit} in the wells"
        )
    if column is None:
        if not treated.any():
            return pd.Series(0.0, index=table.index), options.unit
        raise UserError(
            f"no column names the concentrations; there are: {listed(list(table.columns), 12)}",
            where=where,
            remedy="Name it Metadata_Concentration, or say that all wells have one "
            "(--concentration 5 --unit uM).",
        )
    cells = table[column].where(treated, None)
    units = _column(table, "unit").where(treated, None)
    if cells.map(lambda cell: isinstance(cell, str)).any():
        parts = {cell: split_amount(cell) for cell in text(cells).dropna().unique()}
        words = text(cells)
        cells = words.map({cell: number for cell, (number, _) in parts.items()})
        told = words.map({cell: its for cell, (_, its) in parts.items()})
        units = told.where(told.notna(), units)
    doses, wrong = numbers(cells)
    wrong |= treated.to_numpy() & ~((doses >= 0) & np.isfinite(doses))
    if wrong.any():
        rows = np.flatnonzero(wrong)
        shown = [f"row {row + 2} {quoted(table[column].iloc[row])}" for row in rows[:3]]
        raise UserError(
            f"column '{column}' has no concentration in {len(rows)} treated well(s): "
            f"{listed(shown)}",
            where=where,
            remedy="Write numbers, with a decimal point, or mark wells without a compound empty.",
        )
    found = units.map(unit_of, na_action="ignore").where(treated, None)
    strange = list(units[units.notna() & found.isna() & treated].unique())
    if strange:
        raise UserError(
            f"{len(strange)} unit(s) are not known: {listed([quoted(word) for word in strange])}",
            where=where,
            remedy=f"Known are {', '.join(EXPONENT)}.",
        )
    own = found.fillna(unit or options.unit or "")
    screen = options.unit or (unit if unit else next(iter(found.dropna().mode()), None))
    if (own[treated] == "").any():
        screen = _require_unit(options.unit, where)
    return pd.Series(_converted(doses, own, screen), index=table.index), screen


def _require_unit(unit: str | None, where: str) -> str:
    if unit is None:
        raise UserError(
            "nothing says the unit of the concentrations",
            where=where,
            remedy=f"Give it (--unit): {', '.join(EXPONENT)}.",
        )
    return unit


def _converted(doses: np.ndarray, units: pd.Series, unit: str | None) -> np.ndarray:
    if unit is None:
        return doses
    shift = units.map(lambda own: EXPONENT[own] - EXPONENT[unit] if own else 0).to_numpy()
    moved = [
        dose
        if not by or not np.isfinite(dose)
        else float(Decimal(repr(float(dose))).scaleb(int(by)))
        for dose, by in zip(doses, shift, strict=True)
    ]
    return np.array(moved, dtype=np.float64)


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


def settled(wells: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    """The layout of all plates, with one spelling, structure and rounding for each compound.

    Of several spellings the commonest stands for all; of several InChIKeys or SMILES of one name
    those of its first well that has them; of concentrations of a compound that differ by less than
    :data:`ROUNDING` the commonest. What was changed is added to `lines`.
    """
    wells = wells.reset_index(drop=True)
    names = wells[COMPOUND]
    folded = names.map({name: folded_name(name) for name in names.unique()})
    spelt = names.groupby(folded).agg(lambda each: each.mode()[0])
    changed = names != folded.map(spelt)
    if changed.any():
        lines.append(
            f"{names[changed].nunique()} spelling(s) of compounds changed to the commonest: "
            f"{listed([quoted(n) for n in names[changed].unique()])}"
        )
    wells[COMPOUND] = folded.map(spelt)
    wells = _structures(wells, lines)
    return _roundings(wells, lines)


def _structures(wells: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    columns = [column for column in (INCHIKEY, SMILES) if column in wells]
    for column in columns:
        wells[column] = wells[column].where(wells[column].notna(), None)
    if INCHIKEY in wells:
        whole = wells[INCHIKEY].str.fullmatch(r"[A-Z]{14}-[A-Z]{10}-[A-Z]").eq(True)
        cut = wells[INCHIKEY].notna() & ~whole
        if cut.any():
            lines.append(f"{wells[INCHIKEY][cut].nunique()} InChIKey(s) are not whole: left out")
        wells[INCHIKEY] = wells[INCHIKEY].where(whole, None)
    for column in columns:
        given = wells[[COMPOUND, column]].dropna()
        several = given.groupby(COMPOUND)[column].nunique()
        several = several[several > 1]
        if len(several):
            lines.append(
                f"{len(several)} compound(s) have several {column.removeprefix('Metadata_')}s, the "
                f"first stands for all: {listed(list(several.index))}"
            )
        first = given.drop_duplicates(COMPOUND).set_index(COMPOUND)[column]
        wells[column] = wells[COMPOUND].map(first)
    if SMILES in wells:
        smiles = wells[[COMPOUND, SMILES]].dropna().drop_duplicates(COMPOUND)
        if INCHIKEY in wells:
            known = set(wells[COMPOUND][wells[INCHIKEY].notna()])
            smiles = smiles[~smiles[COMPOUND].isin(known)]
        keys = {name: _inchikey(its) for name, its in smiles.to_numpy()}
        keys = {name: key for name, key in keys.items() if key}
        if keys:
            lines.append(f"{len(keys)} InChIKey(s) made from the SMILES")
            made = wells[COMPOUND].map(keys)
            had = wells.get(INCHIKEY, made)
            wells[INCHIKEY] = had.where(had.notna(), made)
    return wells


def _inchikey(smiles: str) -> str:
    """Standard InChIKey of a structure; empty if none can be made."""
    from rdkit import rdBase
    from rdkit.Chem import inchi

    molecule = read_smiles(smiles)
    if molecule is None:
        return ""
    with rdBase.BlockLogs():
        return str(inchi.MolToInchiKey(molecule))


def _roundings(wells: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    changed: list[str] = []
    doses = wells[CONCENTRATION].to_numpy(copy=True)
    for compound, rows in wells.groupby(COMPOUND, sort=True).indices.items():
        counts = pd.Series(doses[rows]).value_counts()
        unique = np.sort(counts.index.to_numpy())
        gaps = np.diff(unique) > ROUNDING * unique[1:]
        if gaps.all():
            continue
        for group in np.split(unique, np.flatnonzero(gaps) + 1):
            if len(group) > 1:
                best = min(group, key=lambda d: (-counts[d], len(repr(float(d))), d))
                doses[rows] = np.where(np.isin(doses[rows], group), best, doses[rows])
                changed.append(str(compound))
    if changed:
        lines.append(
            f"{len(changed)} compound(s) have concentrations that differ by less than "
            f"{ROUNDING:.0%}, made one: {listed(list(dict.fromkeys(changed)))}"
        )
    wells[CONCENTRATION] = doses
    return wells
