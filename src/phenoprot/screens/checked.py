"""A table of a screen by its contract: required columns there, numbers as such, one spelling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import RULE, faulty_names
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    COUNTS,
    PLATE,
    PROTEIN,
    SITE,
    TARGET,
    VALUE,
    WELL,
)
from phenoprot.screens.tables import (
    canonical_compound,
    canonical_doses,
    canonical_well,
    missing_words,
    numbers,
    without_blanks,
)

_NUMERIC = {CONCENTRATION, VALUE, *COUNTS}
_NAMED = (PLATE, WELL, SITE, COMPOUND, PROTEIN, TARGET)
"""Columns of names and keys: ``nan`` and the like are missing values there, no names."""
_PATHS = (PLATE, SITE)
"""Columns whose names become parts of paths."""


def is_text(values: pd.Series) -> bool:
    """Whether a column holds strings only (missing values aside)."""
    return values.isna().all() or bool(pd.api.types.is_string_dtype(values.dropna()))


def checked_table(kind: str, path: Path, required: list[str], table: pd.DataFrame) -> pd.DataFrame:
    """The table with numbers as such, and wells, compounds and doses in one spelling.

    Parameters
    ----------
    kind, path
        What the table is, and its file, for messages.
    required
        Columns that it must have.
    table
        As read; is changed.

    Raises
    ------
    UserError
        Names every fault of the table at once.
    """
    faults: list[tuple[str, str]] = []  # what, and its remedy
    missing = [column for column in required if column not in table]
    if missing:
        faults.append(
            (
                f"{len(missing)} required column(s) missing: {', '.join(missing)}",
                f"A {kind} table needs {', '.join(required)}.",
            )
        )
    for column in [*required, *COUNTS]:
        if column in _NUMERIC and column in table:
            parsed, wrong = numbers(table[column])
            faults += _not_numbers(table[column], wrong)
            table[column] = parsed
    for column in table.columns[table.columns.str.startswith("Metadata_")]:
        if column not in _NUMERIC and not is_text(table[column]):
            faults.append(
                (
                    f"column '{column}' holds {table[column].dtype}, expected strings",
                    "Metadata columns are strings: write the table with them as text, "
                    "or as CSV, which is read as text.",
                )
            )
        elif column in _NAMED:
            table[column] = without_blanks(table[column])
            faults += missing_words(table[column])
        if column in _PATHS and is_text(table[column]):
            faults += _no_paths(table[column])
    if faults:
        raise UserError(
            "; ".join(what for what, _ in faults),
            where=str(path),
            remedy=" ".join(dict.fromkeys(remedy for _, remedy in faults)),
        )
    if WELL in table:
        table[WELL] = _mapped(table[WELL], canonical_well)
    if COMPOUND in table:
        table[COMPOUND] = _mapped(table[COMPOUND], canonical_compound)
    if CONCENTRATION in table:
        table[CONCENTRATION] = canonical_doses(table[CONCENTRATION])
    return table


def _mapped(names: pd.Series, canonical: Callable[[str], str]) -> pd.Series:
    # A long readout repeats few names many times.
    return names.map({name: canonical(name) for name in names.dropna().unique()})


def _not_numbers(values: pd.Series, wrong: np.ndarray) -> list[tuple[str, str]]:
    rows = wrong.nonzero()[0]
    if not len(rows):
        return []
    shown = [f"row {row + 2} {quoted(values.iloc[row])}" for row in rows[:4]]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return [
        (
            f"column '{values.name}' has {len(rows)} value(s) that are no number: "
            f"{', '.join(shown[:3])}{more}",
            "Write plain numbers; the unit stands in screen.yaml.",
        )
    ]


def _no_paths(values: pd.Series) -> list[tuple[str, str]]:
    faults = faulty_names(values.dropna().unique())
    if not faults:
        return []
    return [
        (
            f"column '{values.name}' has {len(faults)} name(s) that cannot be used as file "
            f"names: {listed(faults)}",
            f"Rename them. {RULE}.",
        )
    ]
