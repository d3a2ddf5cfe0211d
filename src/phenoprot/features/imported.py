"""Embeddings computed elsewhere: one row per field of view or well, averaged to wells.

A table of wells in a screen's folder needs none of this: it is named under ``tables.profiles`` of
``screen.yaml``. This module turns a table of fields into one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.errors import UserError, listed
from phenoprot.features.aggregate import aggregate_wells
from phenoprot.screens.contract import FIELD_KEY, SITE, WELL, WELL_KEY, feature_columns
from phenoprot.screens.tables import canonical_well, read_table


def import_embeddings(path: Path, wells: pd.DataFrame) -> pd.DataFrame:
    """Read embeddings of fields of view or wells, check them, and average them to wells.

    Parameters
    ----------
    path
        Parquet or CSV: ``Metadata_Plate``, ``Metadata_Well``, with fields ``Metadata_Site``, all
        text; one numeric column per feature. Other ``Metadata_*`` columns are left out, but for
        ``Metadata_CellCount``: a field without a cell takes no part in its well's mean.
    wells
        Plate layout of the screen, wells in canonical spelling.

    Returns
    -------
    pandas.DataFrame
        As of :func:`phenoprot.features.aggregate.aggregate_wells`: one row per well, sorted, a
        profile table of the screen contract.

    Raises
    ------
    UserError
        Keys are missing, empty, not text, repeated or unknown to the layout; there is no feature,
        one is not numeric, infinite, or missing throughout. All faults of the table are named at
        once.
    """
    table = read_table(path)
    key = FIELD_KEY if SITE in table else WELL_KEY
    missing = [column for column in key if column not in table]
    if missing:
        raise UserError(
            f"{len(missing)} key column(s) missing: {', '.join(missing)}",
            where=str(path),
            remedy=f"A table of embeddings has {', '.join(WELL_KEY)}, one of fields {SITE}, too.",
        )
    _raise(path, _key_faults(table, key))
    table = table.assign(**{WELL: table[WELL].map(canonical_well)})
    _raise(path, _row_faults(table, key, wells) + _feature_faults(table))
    if SITE not in table:
        # A row of a well is its only field.
        table = table.assign(**{SITE: ""})
    return aggregate_wells(table)


Fault = tuple[str, str]
"""What is wrong, and what to do about it."""


def _raise(path: Path, faults: list[Fault]) -> None:
    if faults:
        raise UserError(
            "; ".join(what for what, _ in faults),
            where=str(path),
            remedy=" ".join(dict.fromkeys(remedy for _, remedy in faults)),
        )


def _key_faults(table: pd.DataFrame, key: list[str]) -> list[Fault]:
    faults = []
    for column in key:
        empty = table[column].isna() | (table[column] == "")
        if empty.any():
            faults.append((f"{column} is empty in {empty.sum()} row(s)", "Fill in the key."))
        elif not table[column].map(lambda value: isinstance(value, str)).all():
            faults.append(
                (
                    f"{column} holds {table[column].dtype}, expected text",
                    "Write keys as text: as numbers they lose their leading zeros.",
                )
            )
    return faults


def _row_faults(table: pd.DataFrame, key: list[str], wells: pd.DataFrame) -> list[Fault]:
    faults = []
    twice = table[table.duplicated(key)]
    if len(twice):
        faults.append(
            (
                f"{len(twice)} row(s) repeat a key: {listed(_names(twice, key))}",
                "Give each field of view, or each well, one row.",
            )
        )
    known = pd.MultiIndex.from_frame(wells[WELL_KEY])
    strange = table[~pd.MultiIndex.from_frame(table[WELL_KEY]).isin(known)]
    if len(strange):
        names = _names(strange, WELL_KEY)
        faults.append(
            (
                f"{len(names)} well(s) are not in the plate layout: {listed(names)}",
                "Take them out, or add them to the layout.",
            )
        )
    return faults


def _names(rows: pd.DataFrame, key: list[str]) -> list[str]:
    return ["/".join(values) for values in rows[key].drop_duplicates().to_numpy()]


def _feature_faults(table: pd.DataFrame) -> list[Fault]:
    features = feature_columns(table)
    if not features:
        return [("there is no feature", "Add numeric columns not named Metadata_*.")]
    text = [name for name in features if not pd.api.types.is_numeric_dtype(table[name])]
    if text:
        return [
            (
                f"{len(text)} of {len(features)} features hold no numbers: {listed(text, 3)}",
                "Name columns that are no features Metadata_*.",
            )
        ]
    values: npt.NDArray[np.float64] = table[features].to_numpy(dtype=np.float64)
    faults = []
    # What overflows float32 becomes infinite in the table.
    infinite = np.abs(values) > np.finfo(np.float32).max
    if infinite.any():
        rows, columns = infinite.any(axis=1).sum(), np.flatnonzero(infinite.any(axis=0))
        names = [features[column] for column in columns]
        faults.append(
            (
                f"{len(names)} feature(s) are infinite in {rows} row(s): {listed(names, 3)}",
                "Leave a value empty if there is none.",
            )
        )
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if len(empty) and len(table):
        names = [features[column] for column in empty]
        faults.append((f"{len(names)} feature(s) have no value: {listed(names, 3)}", "Drop them."))
    if not len(table):
        faults.append(("there is no row", "Add the embeddings."))
    return faults
