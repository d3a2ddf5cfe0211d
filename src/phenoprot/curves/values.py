"""Names and numbers of tables of intensities: missing ones, wrong ones, negative ones."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import MISSING_WORDS
from phenoprot.core.notices import warn
from phenoprot.curves.settings import FitSettings
from phenoprot.screens.tables import numbers as parse_any

MISSING_INTENSITIES = frozenset({"", "na", "nan", "none", "null"})
"""Strings, in lower case, that mean a missing intensity."""
LARGEST_INTENSITY = 1e30
"""Far above what any instrument counts, and far below where sums of squares overflow."""


def required_names(values: pd.Series, what: str, where: str, known: str | None = None) -> pd.Series:
    """Names as strings; missing ones are refused.

    Parameters
    ----------
    values
        A column of names.
    what
        What they name, e.g. ``protein``.
    where
        File or table.
    known
        A valid name even if programs write it for missing values, e.g. the control compound
        ``None``.

    Raises
    ------
    UserError
        Rows have no name, or one that a program wrote for a missing value; they are counted.
    """
    absent = values.isna().to_numpy(dtype=bool)
    text = values.astype(object).where(~absent, "").astype(str)
    none = {"", *MISSING_WORDS}
    words = [name for name in text.unique() if name.strip().lower() in none and name != known]
    bad = text.isin(words).to_numpy()
    if bad.any():
        shown = [quoted(word) for word in words if word.strip()]
        rows = [int(row) + 1 for row in np.flatnonzero(bad)]
        raise UserError(
            f"{len(rows)} row(s) have no {what}{f' ({listed(shown)})' if shown else ''}: "
            f"row {listed(rows)}",
            where=where,
            remedy=f"Give every row its {what}, or remove these rows.",
        )
    return text


def require_one_spelling(names: pd.Series, what: str, where: str) -> None:
    """Stop if two names look alike and differ in their characters (Unicode NFKC).

    Raises
    ------
    UserError
        Counts such names and shows the first few.
    """
    plain = pc.all(pc.string_is_ascii(pa.array(names, pa.string(), from_pandas=True)))
    if plain.as_py() is not False:  # ASCII is its own normal form
        return
    spellings: dict[str, list[str]] = {}
    for name in names.unique():
        spellings.setdefault(unicodedata.normalize("NFKC", name), []).append(name)
    several = [ascii(group)[1:-1] for group in spellings.values() if len(group) > 1]
    if several:
        raise UserError(
            f"{len(several)} {what}(s) are written in two ways that look alike: {listed(several)}",
            where=where,
            remedy="Write each in one way.",
        )


def intensities(
    values: pd.Series, column: str, where: str, names: pd.Series, *, negative: bool = False
) -> npt.NDArray[np.float64]:
    """Turn strings or numbers into intensities (NaN where empty).

    Parameters
    ----------
    values
        A column of intensities.
    column
        Its name, for messages.
    where
        File or table.
    names
        Names of the rows, for messages.
    negative
        Whether negative values are allowed.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    if not pd.api.types.is_numeric_dtype(values):
        text = values[values.map(lambda cell: isinstance(cell, str))].str.strip().str.lower()
        absent = text.index[text.isin(MISSING_INTENSITIES)]
        values = values.astype(object).where(~values.index.isin(absent), None)
    numbers, wrong = parse_any(values)
    bad = wrong | np.isinf(numbers) | (np.abs(numbers) > LARGEST_INTENSITY)
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} value(s) in {column!r} are not finite numbers, "
            f"e.g. {quoted(str(values[bad].iloc[0]))} of {quoted(names[bad].iloc[0])}",
            where=where,
            remedy="Leave missing intensities empty",
        )
    below = numbers < 0
    if below.any() and not negative:
        raise UserError(
            f"{int(below.sum())} negative intensity(ies) in {column!r}, "
            f"e.g. {numbers[below][0]:g} of {quoted(names[below].iloc[0])}",
            where=where,
            remedy="Give intensities, not their logarithms. If a background was subtracted, set "
            "negative values to 0, or ratio_range = [0, inf] to have their ratios clipped",
        )
    return numbers


def clips_negatives(settings: FitSettings | None) -> bool:
    """Whether negative treated intensities become ratios of at least 0, as in CurveCurator."""
    return (
        settings is not None
        and settings.ratio_range is not None
        and settings.ratio_range[0] >= 0
        and not settings.normalization  # it takes logarithms
    )


def require_positive_controls(means: npt.NDArray[np.float64], names: pd.Series, where: str) -> None:
    """Stop if a mean control is negative: its ratios would have the wrong sign.

    Raises
    ------
    UserError
        Counts them.
    """
    bad = means < 0
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} mean control intensity(ies) are negative, e.g. "
            f"{means[bad][0]:g} of {quoted(names[bad].iloc[0])}",
            where=where,
            remedy="Give intensities or ratios, not their logarithms, or remove these rows",
        )


def warn_of_clipping(count: int, settings: FitSettings | None, where: str) -> None:
    """Warn of the number of negative values that ratio_range clips."""
    limits = None if settings is None else settings.ratio_range
    warn(f"{count} negative intensity(ies): their ratios are clipped into {limits}.", where)
