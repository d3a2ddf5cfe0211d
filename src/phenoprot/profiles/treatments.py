"""Aggregate wells to treatments: the samples that every task predicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.profiles.normalise import Method, normalise_to_controls
from phenoprot.screens.contract import (
    CONCENTRATION,
    CONTROL,
    NEGATIVE_CONTROL,
    TREATMENT_KEY,
    WELL,
    WELL_KEY,
)
from phenoprot.screens.loader import Screen

POSITION = "plate_position"
PROTEOME = "proteome"


def screen_profiles(screen: Screen, methods: list[str], how: Method) -> dict[str, pd.DataFrame]:
    """Treatment profiles of every method, by name.

    Parameters
    ----------
    screen
        The screen.
    methods
        Profile tables of the screen; ``plate_position`` is made from the wells, and ``proteome``
        is left out, it comes from the labels.
    how
        Per-plate normalisation of tables that are not normalised yet.
    """
    wells = screen.wells()
    tables: dict[str, pd.DataFrame] = {}
    for method in methods:
        if method == PROTEOME:
            continue
        if method == POSITION:
            profile = position_profile(wells)
        else:
            profile = screen.profile(method)
            if not screen.info.tables.profiles[method].normalised:
                profile = normalise_to_controls(profile, wells, how)
        tables[method] = treatment_profiles(profile, wells)
    return tables


def treatment_profiles(profile: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Mean profile of each treatment (compound at one concentration) over its replicate wells.

    Parameters
    ----------
    profile
        One row per well: ``Metadata_Plate``, ``Metadata_Well`` and features.
    wells
        Plate layout.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and float32 features, one row per
        treatment, sorted. Negative controls and wells without a compound are left out.
    """
    features = feature_columns(profile)
    treated = wells[(wells[CONTROL] != NEGATIVE_CONTROL) & wells[CONCENTRATION].gt(0)]
    merged = treated[[*WELL_KEY, *TREATMENT_KEY]].merge(profile, on=WELL_KEY)
    means = merged.groupby(TREATMENT_KEY, sort=True)[features].mean()
    return means.astype(np.float32).reset_index()


def position_profile(wells: pd.DataFrame) -> pd.DataFrame:
    """Where each well sits on its plate, as features: the profile of the position baseline.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Plate``, ``Metadata_Well``, ``Position_Row``, ``Position_Column`` (1-based) and
        ``Position_Edge`` (wells to the nearest edge of the used area, 0 = outermost).
    """
    name = wells[WELL].str.extract(r"^(?P<row>[A-Z]+)(?P<column>\d+)$")
    row = name["row"].map(_row_number).to_numpy(dtype=np.float32)
    column = name["column"].astype(np.float32).to_numpy()
    edge = np.minimum.reduce([row - row.min(), row.max() - row, column - column.min(),
                              column.max() - column])  # fmt: skip
    return wells[WELL_KEY].assign(Position_Row=row, Position_Column=column, Position_Edge=edge)


def _row_number(letters: str) -> int:
    """``A`` -> 1, ``Z`` -> 26, ``AA`` -> 27 (1536-well plates)."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
