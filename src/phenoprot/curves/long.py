"""The readout in long format, as the curves are made from it: one row per sample and protein."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.notices import warn
from phenoprot.curves.design import dose_scale
from phenoprot.curves.scale import warn_of_doses, warn_of_logarithms
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.values import (
    clips_negatives,
    intensities,
    require_one_spelling,
    require_positive_controls,
    required_names,
    warn_of_clipping,
)
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    PLATE,
    PROTEIN,
    TREATMENT_KEY,
    VALUE,
    WELL_KEY,
)
from phenoprot.screens.tables import canonical_doses
from phenoprot.screens.tables import numbers as parse_any

REPLICATE = "Metadata_Replicate"
"""Tells the samples of one treatment apart."""
LONG = (COMPOUND, CONCENTRATION, REPLICATE, PROTEIN, VALUE)
IS_CONTROL = "is_control"
_WORDS = {COMPOUND: "compound", REPLICATE: "replicate", PROTEIN: "protein"}
"""What messages call a column."""


def long_readout(proteomics: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Give every row of a screen's readout its treatment and the number of its replicate.

    Returns
    -------
    pandas.DataFrame
        Columns `LONG` and ``Metadata_Plate``, in the order of `proteomics`. The replicate is the
        number of the well among those of its treatment, by plate and well.
    """
    placed = wells.sort_values(WELL_KEY)
    placed = placed.assign(**{REPLICATE: placed.groupby(TREATMENT_KEY).cumcount() + 1})
    long = proteomics.merge(placed[[*WELL_KEY, *TREATMENT_KEY, REPLICATE]], on=WELL_KEY)
    return long[[*LONG, PLATE]]


def check_long(table: pd.DataFrame, settings: CurveSettings, where: str) -> pd.DataFrame:
    """Check a long table and give its columns their types.

    Parameters
    ----------
    table
        Columns `LONG`, those of ``settings.control_group``, and optionally ``unit``. Intensities
        are >= 0, missing ones NaN, and 0 counts as missing. With a ``settings.ratio_range`` from
        0 or more, treated intensities may be negative, as their ratios are clipped.
    settings
        Names the controls and the unit.
    where
        Name of the table in messages.

    Returns
    -------
    checked
        The same rows, less those of proteins without any value, which are named on stderr;
        `IS_CONTROL` marks negative controls (by name, or by concentration 0). Concentrations that
        differ by rounding are made equal.

    Raises
    ------
    UserError
        Columns are missing; rows have no compound, protein, replicate, group or concentration; a
        name has two spellings; values are no intensities; there is no control; rows occur twice.
    """
    groups = list(settings.control_group)
    wanted = [*LONG, *groups]
    _require_columns(table, wanted, where)
    if "unit" in table:
        one_unit(table["unit"], settings.dose_unit, where)
    out = table[wanted].reset_index(drop=True)
    control = settings.control_compound
    for name in (*_WORDS, *groups):
        known = control if name == COMPOUND else None
        out[name] = required_names(out[name], _WORDS.get(name, name), where, known)
    for name in (COMPOUND, PROTEIN):
        require_one_spelling(out[name], _WORDS[name], where)
    clipped = clips_negatives(settings)
    out[VALUE] = intensities(out[VALUE], VALUE, where, out[PROTEIN], negative=clipped)
    out[VALUE] = out[VALUE].replace(0.0, np.nan)
    warn_of_logarithms(out[VALUE].to_numpy(), f"the column {VALUE}", where)
    out = _with_controls(out, settings, where)
    _require_unique(out, [COMPOUND, CONCENTRATION, REPLICATE, PROTEIN, *groups], where)
    negative = int((out[VALUE] < 0).sum())
    if negative:
        group = out[out[IS_CONTROL]].groupby([*groups, PROTEIN], sort=False)
        means = group[VALUE].mean().reset_index()
        require_positive_controls(means[VALUE].to_numpy(), means[PROTEIN], where)
        warn_of_clipping(negative, settings, where)
    return _with_values(out, where)


def _require_columns(table: pd.DataFrame, wanted: list[str], where: str) -> None:
    """Stop if columns or all rows are missing."""
    missing = [name for name in wanted if name not in table]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy=f"A long table has the columns {', '.join(wanted)}",
        )
    if table.empty:
        raise UserError("the table has no row", where=where, remedy="Export it again.")


def _with_controls(table: pd.DataFrame, settings: CurveSettings, where: str) -> pd.DataFrame:
    """Parse the concentrations and mark the controls in `IS_CONTROL`."""
    control = settings.control_compound
    concentration, _ = parse_any(_plain(table[CONCENTRATION]))
    named = (table[COMPOUND] == control).to_numpy()
    bad = ~named & ~(np.isfinite(concentration) & (concentration >= 0))
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} treated row(s) have no concentration >= 0, "
            f"e.g. {quoted(table[CONCENTRATION][bad].iloc[0])} of "
            f"{quoted(table[COMPOUND][bad].iloc[0])}",
            where=where,
            remedy=f"Give numbers in {settings.dose_unit}",
        )
    out = table.assign(**{CONCENTRATION: canonical_doses(pd.Series(concentration))})
    out[IS_CONTROL] = named | (concentration == 0)
    treated = concentration[~out[IS_CONTROL].to_numpy()]
    warn_of_doses(treated * dose_scale(settings.dose_unit), "the unit of the concentrations", where)
    if not out[IS_CONTROL].any():
        raise UserError(
            f"there is no control: no row has the compound {quoted(control)} or the "
            "concentration 0",
            where=where,
            remedy="Set control_compound",
        )
    return out


def _require_unique(table: pd.DataFrame, key: list[str], where: str) -> None:
    """Stop if rows share their key."""
    twice = table.duplicated(key, keep=False)
    if twice.any():
        first = table.loc[twice, key].iloc[0].tolist()
        raise UserError(
            f"{int(twice.sum())} rows share compound, concentration, replicate and protein, "
            f"e.g. {', '.join(map(str, first))}",
            where=where,
            remedy="Keep one row of each, or number the replicates",
        )


def _plain(values: pd.Series) -> pd.Series:
    """A column without its categories."""
    return values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values


def _with_values(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Leave out the proteins that have no value anywhere, and say so; stop if none has one."""
    counts = table.groupby(PROTEIN)[VALUE].count()
    absent = list(counts.index[counts == 0])
    if not absent:
        return table
    if len(absent) == len(counts):
        raise UserError(
            f"none of {len(counts)} protein(s) has a value: all intensities are 0 or missing",
            where=where,
            remedy="Export the table again.",
        )
    warn(
        f"{len(absent)} of {len(counts)} protein(s) have no value anywhere and are left out: "
        f"{listed(absent)}.",
        where,
    )
    return table[~table[PROTEIN].isin(absent)].reset_index(drop=True)


def one_unit(units: pd.Series, expected: str, where: str) -> None:
    """Raise UserError unless every unit means `expected`."""
    found = sorted(_plain(units).astype(str).unique())
    if any(dose_scale(unit) != dose_scale(expected) for unit in found):
        raise UserError(
            f"concentrations are in {listed(found)}, not all in {expected}",
            where=where,
            remedy="Convert them to one unit and set dose_unit to it",
        )
