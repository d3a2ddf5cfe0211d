"""From features of fields or wells to normalised well profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.errors import UserError, listed
from phenoprot.profiles.normalise import Method, normalise_to_controls
from phenoprot.screens.aggregate import aggregate_wells
from phenoprot.screens.contract import CONTROL, COUNTS, SITE, WELL, WELL_KEY, feature_columns
from phenoprot.screens.tables import canonical_well, read_table


def well_profiles(features: pd.DataFrame, wells: pd.DataFrame, how: Method) -> pd.DataFrame:
    """Average fields to wells, if they are fields, and normalise per plate.

    Parameters
    ----------
    features
        One row per field (with ``Metadata_Site``) or per well.
    wells
        Plate layout with ``Metadata_Control``.
    how
        As of :func:`phenoprot.profiles.normalise.normalise_to_controls`.

    Returns
    -------
    pandas.DataFrame
        One row per well: key, counts if there are any, float32 features.

    Raises
    ------
    UserError
        Rows repeat, wells are not in the layout, or a plate has no negative control.
    """
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
    return normalise_to_controls(profile, wells, how)


def read_features(path: Path) -> pd.DataFrame:
    """Read a table of features of fields or wells.

    Raises
    ------
    UserError
        The file cannot be read, has no key, no feature, or a feature that is no number.
    """
    table = _read(path, WELL_KEY)
    features = feature_columns(table)
    wrong = [column for column in features if not pd.api.types.is_numeric_dtype(table[column])]
    if wrong or not features:
        raise UserError(
            f"{len(wrong)} feature(s) are no numbers: {listed(wrong)}" if wrong else "no feature",
            where=str(path),
            remedy="Name columns that are no features Metadata_...",
        )
    for column in [column for column in COUNTS if column in table]:
        counts = pd.to_numeric(table[column], errors="coerce")
        if counts.isna().any():
            raise UserError(
                f"column '{column}' has {int(counts.isna().sum())} value(s) that are no number",
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
        The file cannot be read, or lacks a column.
    """
    return _read(path, [*WELL_KEY, CONTROL])


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    table = read_table(path)
    missing = [column for column in columns if column not in table]
    if missing:
        raise UserError(
            f"{len(missing)} required column(s) missing: {', '.join(missing)}",
            where=str(path),
            remedy=f"It needs {', '.join(columns)}.",
        )
    empty = int(table[WELL_KEY].isna().any(axis=1).sum())
    if empty:
        raise UserError(
            f"{empty} row(s) without plate or well", where=str(path), remedy="Fill these cells."
        )
    table[WELL_KEY] = table[WELL_KEY].astype(str)
    table[WELL] = table[WELL].map(canonical_well)
    return table
