"""Concentrations of the wells of a plate map, and their unit."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.imports.columns import (
    EXPONENT,
    column_of,
    doses_with_unit,
    find,
    find_dose,
    split_amount,
    text,
    unit_of,
)
from phenoprot.screens.tables import numbers


def read_doses(
    table: pd.DataFrame,
    treated: pd.Series,
    concentration: float | None,
    unit_asked: str | None,
    where: str,
    lines: list[str],
) -> tuple[pd.Series, str | None]:
    """Concentrations of all wells, and their unit.

    Parameters
    ----------
    table
        One row per well.
    treated
        Rows that must have a concentration.
    concentration
        Of all wells, for a table without a column of them.
    unit_asked
        Unit of the result; None: as the table has it.
    where
        The file, for messages.
    lines
        What was understood is added.

    Raises
    ------
    UserError
        A treated well has no concentration, nothing says the unit, or a unit is not known;
        `concentration` is none.
    """
    if concentration is not None and not 0 < concentration < np.inf:
        raise UserError(
            f"{concentration:g} is no concentration of treated wells",
            where="--concentration",
            remedy="Give a number above 0.",
        )
    column, unit = find_dose(table.columns)
    if column is None and concentration is not None:
        doses = pd.Series(concentration, index=table.index, dtype=np.float64)
        return doses, _require_unit(unit_asked, where)
    if column is None and (column := find(table.columns, "stock")) is not None:
        # Broad's compound plates hold 1000 times the concentration of the well.
        unit = unit_asked or "uM"
        lines.append(
            f"{column}: millimolar in Broad's compound plates, taken as {unit} in the wells"
        )
    if column is None:
        if not treated.any():
            return pd.Series(0.0, index=table.index), unit_asked
        raise UserError(
            f"no column names the concentrations; there are: {listed(list(table.columns), 12)}",
            where=where,
            remedy="Name it Metadata_Concentration, or say that all wells have one "
            "(--concentration 5 --unit uM).",
        )
    if concentration is not None:
        lines.append(f"{column} says the concentrations, not --concentration {concentration:g}")
    cells = table[column].where(treated, None)
    units = column_of(table, "unit").where(treated, None)
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
    own = found.fillna(unit or unit_asked or "")
    _require_agreement(table, treated, column, _converted(doses, own, "M"), where)
    screen = unit_asked or (unit if unit else next(iter(found.dropna().mode()), None))
    if (own[treated] == "").any():
        screen = _require_unit(unit_asked, where)
    return pd.Series(_converted(doses, own, screen), index=table.index), screen


def _require_agreement(
    table: pd.DataFrame, treated: pd.Series, column: str, molar: np.ndarray, where: str
) -> None:
    """Stop if another column says other concentrations; `molar` are those that are read."""
    for other, unit in doses_with_unit(table.columns).items():
        theirs, _ = numbers(table[other])
        theirs = theirs * 10.0 ** EXPONENT[unit]
        differ = treated.to_numpy() & np.isfinite(theirs) & ~np.isclose(theirs, molar, 0.01, 0)
        if other != column and differ.any():
            rows = [int(row) + 2 for row in np.flatnonzero(differ)]
            raise UserError(
                f"columns '{column}' and '{other}' say different concentrations in {len(rows)} "
                f"treated well(s): row {listed(rows)}",
                where=where,
                remedy="Correct them, or leave one of the columns out.",
            )


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
