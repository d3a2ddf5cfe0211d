"""The long table of a screen's proteomics: one row per sample and gene."""

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
from phenoprot.screens.tables import canonical_doses
from phenoprot.screens.tables import numbers as parse_any

LONG = ("compound", "concentration", "replicate", "gene", "intensity")


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
        The same rows, less those of genes without any value, which are named on stderr;
        ``control`` tells negative controls (by name, or by concentration 0). Concentrations that
        differ by rounding are made equal.

    Raises
    ------
    UserError
        Columns are missing; rows have no compound, gene, replicate, group or concentration; a
        name has two spellings; values are no intensities; there is no control; rows occur twice.
    """
    wanted = [*LONG, *settings.control_group]
    missing = [name for name in wanted if name not in table]
    if missing:
        raise UserError(
            f"{len(missing)} column(s) are missing: {listed(missing)}",
            where=where,
            remedy=f"A long table has the columns {', '.join(wanted)}",
        )
    if table.empty:
        raise UserError("the table has no row", where=where, remedy="Export it again.")
    if "unit" in table:
        one_unit(table["unit"], settings.dose_unit, where)
    out = table[wanted].reset_index(drop=True)
    control = settings.control_compound
    for name in ("compound", "replicate", "gene", *settings.control_group):
        out[name] = required_names(out[name], name, where, control if name == "compound" else None)
    for name in ("compound", "gene"):
        require_one_spelling(out[name], name, where)
    clipped = clips_negatives(settings)
    out["intensity"] = intensities(
        out["intensity"], "intensity", where, out["gene"], negative=clipped
    )
    out["intensity"] = out["intensity"].replace(0.0, np.nan)
    warn_of_logarithms(out["intensity"].to_numpy(), "the column intensity", where)
    concentration, _ = parse_any(_plain(out["concentration"]))
    named = (out["compound"] == control).to_numpy()
    bad = ~named & ~(np.isfinite(concentration) & (concentration >= 0))
    if bad.any():
        raise UserError(
            f"{int(bad.sum())} treated row(s) have no concentration >= 0, "
            f"e.g. {quoted(out['concentration'][bad].iloc[0])} of "
            f"{quoted(out['compound'][bad].iloc[0])}",
            where=where,
            remedy=f"Give numbers in {settings.dose_unit}",
        )
    out["concentration"] = canonical_doses(pd.Series(concentration))
    out["control"] = named | (concentration == 0)
    treated = concentration[~out["control"].to_numpy()]
    warn_of_doses(treated * dose_scale(settings.dose_unit), "the unit of the concentrations", where)
    if not out["control"].any():
        raise UserError(
            f"there is no control: no row has the compound {quoted(control)} or the "
            "concentration 0",
            where=where,
            remedy="Set control_compound",
        )
    key = ["compound", "concentration", "replicate", "gene", *settings.control_group]
    twice = out.duplicated(key, keep=False)
    if twice.any():
        first = out.loc[twice, key].iloc[0].tolist()
        raise UserError(
            f"{int(twice.sum())} rows share compound, concentration, replicate and gene, "
            f"e.g. {', '.join(map(str, first))}",
            where=where,
            remedy="Keep one row of each, or number the replicates",
        )
    negative = int((out["intensity"] < 0).sum())
    if negative:
        group = out[out["control"]].groupby([*settings.control_group, "gene"], sort=False)
        means = group["intensity"].mean().reset_index()
        require_positive_controls(means["intensity"].to_numpy(), means["gene"], where)
        warn_of_clipping(negative, settings, where)
    return _with_values(out, where)


def _plain(values: pd.Series) -> pd.Series:
    """A column without its categories."""
    return values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values


def _with_values(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Leave out the genes that have no value anywhere, and say so; stop if none has one."""
    counts = table.groupby("gene")["intensity"].count()
    absent = list(counts.index[counts == 0])
    if not absent:
        return table
    if len(absent) == len(counts):
        raise UserError(
            f"none of {len(counts)} gene(s) has a value: all intensities are 0 or missing",
            where=where,
            remedy="Export the table again.",
        )
    warn(
        f"{len(absent)} of {len(counts)} gene(s) have no value anywhere and are left out: "
        f"{listed(absent)}.",
        where,
    )
    return table[~table["gene"].isin(absent)].reset_index(drop=True)


def one_unit(units: pd.Series, expected: str, where: str) -> None:
    """Raise UserError unless every unit means `expected`."""
    found = sorted(_plain(units).astype(str).unique())
    if any(dose_scale(unit) != dose_scale(expected) for unit in found):
        raise UserError(
            f"concentrations are in {listed(found)}, not all in {expected}",
            where=where,
            remedy="Convert them to one unit and set dose_unit to it",
        )
