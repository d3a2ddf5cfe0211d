"""From features of fields or wells to normalised well profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.names import RULE, faulty_names
from phenoprot.core.tables import holds_numbers
from phenoprot.screens.aggregate import aggregate_wells, no_counts
from phenoprot.screens.checked import is_text
from phenoprot.screens.contract import CONTROL, COUNTS, SITE, WELL, WELL_KEY, feature_columns
from phenoprot.screens.tables import (
    canonical_well,
    missing_words,
    numbers,
    read_table,
    without_blanks,
)
from phenoprot.validation.settings import ValidationSettings
from phenoprot.wells.checks import check_layout, check_result, check_wells
from phenoprot.wells.normalise import Method, normalise_to_controls, require_finite


def well_profiles(
    features: pd.DataFrame,
    wells: pd.DataFrame,
    how: Method,
    settings: ValidationSettings | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Average fields to wells, if they are fields, and normalise per plate.

    Parameters
    ----------
    features
        One row per field (with ``Metadata_Site``) or per well.
    wells
        Plate layout with ``Metadata_Control``.
    how
        See :func:`phenoprot.wells.normalise.normalise_to_controls`.
    settings
        Thresholds of the gate, or their defaults.

    Returns
    -------
    profile : pandas.DataFrame
        One row per well: key, counts if there are any, float32 features.
    warnings : list of str
        Warnings for the user, one line each.

    Raises
    ------
    UserError
        Rows repeat, wells are not in the layout, a plate has no two negative controls with a
        cell, or features are infinite, before the normalisation or after it.
    """
    settings = settings or ValidationSettings()
    profile = aggregate_wells(features) if SITE in features else features
    if profile.duplicated(WELL_KEY).any():
        names = profile.loc[profile.duplicated(WELL_KEY), WELL_KEY].agg("/".join, axis=1).tolist()
        raise UserError(
            f"{len(names)} row(s) repeat an earlier well: {listed(names)}",
            where="features",
            remedy=f"Give each well one row, or name the fields in {SITE}.",
        )
    known = pd.MultiIndex.from_frame(wells[WELL_KEY])
    strange = profile.loc[~pd.MultiIndex.from_frame(profile[WELL_KEY]).isin(known), WELL_KEY]
    if len(strange):
        names = strange.agg("/".join, axis=1).tolist()
        raise UserError(
            f"{len(names)} well(s) are not in the plate layout: {listed(names)}",
            where="features",
            remedy="Add them to the layout.",
        )
    warnings = check_wells(profile, wells, how, settings)
    normalised = require_finite(normalise_to_controls(profile, wells, how), "features")
    return normalised, warnings + check_result(normalised, settings)


def read_features(path: Path) -> pd.DataFrame:
    """Read a table of features of fields or wells.

    Raises
    ------
    UserError
        The file cannot be read, has no key, no feature, or a feature that is not a number.
    """
    table = _read(path, WELL_KEY)
    features = feature_columns(table)
    wrong = [column for column in features if not holds_numbers(table[column])]
    if wrong or not features:
        raise UserError(
            f"{len(wrong)} feature(s) are no numbers: {listed(wrong)}" if wrong else "no feature",
            where=str(path),
            remedy="Name columns that are no features Metadata_...",
        )
    for column in [column for column in COUNTS if column in table]:
        counts, not_numbers = numbers(table[column])
        bad = int(not_numbers.sum()) or no_counts(pd.Series(counts))
        if bad:
            raise UserError(
                f"column '{column}' has {bad} value(s) that are no whole number of 0 or more",
                where=str(path),
                remedy="Write whole numbers, or leave the column out.",
            )
        table[column] = counts.astype(np.int64)
    return table


def read_layout(path: Path) -> pd.DataFrame:
    """Read a plate layout: well key and ``Metadata_Control``.

    Raises
    ------
    UserError
        The file cannot be read, lacks a column, or breaks a rule of
        :func:`phenoprot.wells.checks.check_layout`.
    """
    wells = _read(path, [*WELL_KEY, CONTROL])
    wells[CONTROL] = wells[CONTROL].fillna("").astype(str)
    check_layout(wells, str(path))
    return wells


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    table = read_table(path)
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(
            f"{len(missing)} required column(s) missing: {', '.join(missing)}",
            where=str(path),
            remedy=f"It needs {', '.join(columns)}.",
        )
    if table.empty:
        raise UserError("the table has no row", where=str(path), remedy="Export it again.")
    faults: list[tuple[str, str]] = []
    for column in [column for column in (*WELL_KEY, SITE) if column in table]:
        names = table[column]
        if not (is_text(names) or pd.api.types.is_integer_dtype(names)):
            what = f"column '{column}' holds {names.dtype}, expected text"
            faults.append((what, "Write names as text."))
            continue
        # A number such as 7 has one spelling.
        table[column] = names = without_blanks(names.astype(str).where(names.notna(), None))
        faults += missing_words(names)
        if column != WELL and (wrong := faulty_names(names.dropna().unique())):
            what = f"column '{column}' has {len(wrong)} name(s) that cannot be used as file names"
            faults.append((f"{what}: {listed(wrong)}", f"Rename them. {RULE}."))
    if faults:
        raise UserError(
            "; ".join(what for what, _ in faults),
            where=str(path),
            remedy=" ".join(dict.fromkeys(remedy for _, remedy in faults)),
        )
    keys = [column for column in (*WELL_KEY, SITE) if column in table]
    empty = int(table[keys].isna().any(axis=1).sum())
    if empty:
        named = "plate, well or site" if SITE in table else "plate or well"
        raise UserError(
            f"{empty} row(s) without {named}", where=str(path), remedy="Fill these cells."
        )
    table[WELL] = table[WELL].map(canonical_well)
    return table
