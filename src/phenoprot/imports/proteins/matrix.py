"""A protein table of any source: rows of proteins, columns of samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.tables import parse_numbers
from phenoprot.screens.tables import numbers as parse_any

Scale = Literal["linear", "log2", "log10", "ln", "level"]
MISSING = frozenset({"", "na", "nan", "none", "null", "n/a", "#n/a", "filtered"})
"""What stands for a missing intensity, in lower case; Spectronaut writes ``Filtered``."""
LARGEST_INTENSITY = 1e30
"""Far above what any instrument counts."""


@dataclass(frozen=True)
class Matrix:
    """What a source says of proteins and samples, before anything is merged or left out.

    Parameters
    ----------
    title
        The source and its quantity, for people: ``MaxQuant, LFQ intensity``.
    rows
        One row per protein group, in the order of the file: columns ``gene`` and ``protein``
        (text, missing where the file has none), ``row`` (its line or name, for messages).
    values
        (rows, samples), NaN where missing.
    samples
        One row per column of `values`: ``column`` (its name in the file), ``sample`` (the part of
        it that names the sample); with ``Metadata_Plate`` and ``Metadata_Well`` where the source
        says the well; further columns are annotations under their own names.
    scale
        The scale that the source writes by its format; None: any.
    left_out
        Rows left out already: why, and the names.
    untold
        What should be marked in such a table and is not.
    notes
        What else was done, for the report.
    separators
        Characters between the members of a group; empty if rows have plain names.
    """

    title: str
    rows: pd.DataFrame
    values: npt.NDArray[np.float64]
    samples: pd.DataFrame
    scale: Scale | None = None
    left_out: dict[str, list[str]] = field(default_factory=dict)
    untold: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    separators: str = ";,"


def numbers_of(values: pd.Series, where: str) -> npt.NDArray[np.float64]:
    """Intensities of a column, NaN where missing.

    Raises
    ------
    UserError
        Cells hold something else than a number; they are counted.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    is_text = pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}
    numbers, wrong = parse_numbers(values) if is_text else parse_any(values)
    # What is no number may be a word for a missing value.
    for row in np.flatnonzero(wrong):
        cell = values.iloc[row]
        wrong[row] = not isinstance(cell, str) or cell.strip().lower() not in MISSING
    wrong = wrong | np.isinf(numbers) | (np.abs(numbers) > LARGEST_INTENSITY)
    if wrong.any():
        first = str(values[wrong].iloc[0])
        comma = "," in first and "." not in first
        raise UserError(
            f"{int(wrong.sum())} value(s) are not finite numbers, e.g. {quoted(first)}",
            where=f"{where}, column {quoted(str(values.name))}",
            remedy="Export the table with decimal points, not commas."
            if comma
            else "Leave missing intensities empty.",
        )
    return numbers


def require_columns(present: Iterable[str], wanted: Iterable[str], where: str) -> None:
    """Stop unless all `wanted` columns are there."""
    known = set(present)
    missing = [name for name in wanted if name not in known]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed([quoted(name) for name in missing])}",
            where=where,
            remedy="Check their names, with case and spaces, or name another --dialect.",
        )


def require_rows(count: int, where: str) -> None:
    """Stop if a table has only its header."""
    if not count:
        raise UserError("the table has no row", where=where, remedy="Export it again.")
