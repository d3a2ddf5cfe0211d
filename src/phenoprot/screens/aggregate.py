"""Means over the fields of a well.

A well's profile is the mean over its fields, as in the poster: a field counts the same whether it
has few cells or many. A feature that a field lacks (NaN) is averaged over the fields that have it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.tables import holds_numbers
from phenoprot.screens.contract import (
    CELL_COUNT,
    EMPTY_COUNT,
    FIELD_COUNT,
    FIELD_KEY,
    WELL_KEY,
    feature_columns,
)


def aggregate_wells(fields: pd.DataFrame) -> pd.DataFrame:
    """Average fields of view to wells.

    Parameters
    ----------
    fields
        One row per field: ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Site``, optional
        ``Metadata_CellCount``, and features. A field with a count of 0 takes no part in the mean.

    Returns
    -------
    pandas.DataFrame
        One row per well, sorted: ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_CellCount`` (sum
        over fields, if there is one), ``Metadata_FieldCount``, ``Metadata_EmptyFieldCount`` and
        float32 features; a well none of whose fields has a cell has missing features.

    Raises
    ------
    UserError
        A field has more than one row.
    """
    twice = fields[fields.duplicated(FIELD_KEY)]
    if len(twice):
        names = list(dict.fromkeys("/".join(map(str, key)) for key in twice[FIELD_KEY].to_numpy()))
        raise UserError(
            f"{len(names)} field(s) of view have more than one row: {listed(names)}",
            where="field features",
            remedy="Give each field one row.",
        )
    features = feature_columns(fields)
    if CELL_COUNT in fields:
        has_cells = (fields[CELL_COUNT] > 0).to_numpy()
    else:
        has_cells = np.ones(len(fields), dtype=bool)
    values = fields[features].to_numpy(dtype=np.float64)
    averaged = pd.DataFrame(
        np.where(has_cells[:, None], values, np.nan), columns=features, index=fields.index
    )
    keys = [fields[column] for column in WELL_KEY]
    with np.errstate(over="ignore"):  # becomes infinite, which validation names
        means = averaged.groupby(keys, sort=True, observed=True).mean().astype(np.float32)
    counts = pd.DataFrame(
        {FIELD_COUNT: has_cells, EMPTY_COUNT: ~has_cells}, index=fields.index, dtype=np.int64
    )
    if CELL_COUNT in fields:
        counts.insert(0, CELL_COUNT, fields[CELL_COUNT].astype(np.int64))
    counts = counts.groupby(keys, sort=True, observed=True).sum()
    return pd.concat([counts, means], axis=1).reset_index()


def no_counts(values: pd.Series) -> int:
    """Number of cells of a column that are no whole number of 0 or more."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return int((~((numbers >= 0) & (numbers < 2**53) & (numbers == np.floor(numbers)))).sum())


def average_profile(profile: pd.DataFrame, where: str) -> pd.DataFrame:
    """Average a profile table of fields, as a user gives it, to wells.

    Wells outside the plate layout, infinite values and the like are left to validation.

    Parameters
    ----------
    profile
        One row per field, as of `aggregate_wells`.
    where
        The file, for messages.

    Returns
    -------
    pandas.DataFrame
        As of `aggregate_wells`; a well none of whose fields has a cell is left out.

    Raises
    ------
    UserError
        Keys are empty or repeated, features or counts are no numbers. All faults are named at once.
    """
    # (what, remedy)
    faults: list[tuple[str, str]] = []
    for column in FIELD_KEY:
        empty = int((profile[column].isna() | (profile[column] == "")).sum())
        if empty:
            faults.append((f"{column} is empty in {empty} row(s)", "Fill in the key."))
    twice = profile[profile.duplicated(FIELD_KEY)]
    if len(twice):
        names = ["/".join(map(str, key)) for key in twice[FIELD_KEY].to_numpy()]
        faults.append(
            (f"{len(names)} row(s) repeat a key: {listed(names)}", "Give each field one row.")
        )
    features = feature_columns(profile)
    text = [name for name in features if not holds_numbers(profile[name])]
    if text:
        faults.append(
            (
                f"{len(text)} of {len(features)} features hold no numbers: {listed(text, 3)}",
                "Name columns that are no features Metadata_*.",
            )
        )
    if CELL_COUNT in profile and (wrong := no_counts(profile[CELL_COUNT])):
        faults.append(
            (
                f"{CELL_COUNT} is empty, or no whole number of 0 or more, in {wrong} row(s)",
                "Write whole numbers, or leave the column out.",
            )
        )
    if faults:
        raise UserError(
            "; ".join(what for what, _ in faults),
            where=where,
            remedy=" ".join(dict.fromkeys(remedy for _, remedy in faults)),
        )
    wells = aggregate_wells(profile)
    return wells[wells[FIELD_COUNT] > 0].reset_index(drop=True)
