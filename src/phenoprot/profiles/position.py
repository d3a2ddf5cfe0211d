"""Where a well sits on its plate, and what that alone does to a measurement."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from phenoprot.errors import UserError, listed
from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    WELL,
    WELL_KEY,
    feature_columns,
)


def position_profile(wells: pd.DataFrame) -> pd.DataFrame:
    """Row, column and distance to the edge of every well: the profile of the position baseline.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Plate``, ``Metadata_Well``, ``Position_Row``, ``Position_Column`` (1-based) and
        ``Position_Edge`` (wells to the nearest edge of the used area, 0 = outermost); float32.
    """
    name = wells[WELL].str.extract(r"^(?P<row>[A-Z]+)(?P<column>\d+)$")
    row = name["row"].map(_row_number).to_numpy(dtype=np.float32)
    column = name["column"].astype(np.float32).to_numpy()
    sides = [row - row.min(), row.max() - row, column - column.min(), column.max() - column]
    return wells[WELL_KEY].assign(
        Position_Row=row, Position_Column=column, Position_Edge=np.minimum.reduce(sides)
    )


def _row_number(letters: str) -> int:
    """``A`` -> 1, ``Z`` -> 26, ``AA`` -> 27 (1536-well plates)."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def remove_position_effects(profile: pd.DataFrame, wells: pd.DataFrame) -> pd.DataFrame:
    """Subtract what position alone does, as the plate's negative controls show it.

    Per plate and column of the profile, least squares over the negative-control wells on a row and
    a column trend, the outermost ring and the ring inside it; the fit is subtracted from all wells
    of the plate. Treated wells take no part in the fit, so no effect of a compound is removed.

    Parameters
    ----------
    profile
        One row per well: ``Metadata_Plate``, ``Metadata_Well`` and features; NaN is left out.
    wells
        Plate layout.

    Returns
    -------
    pandas.DataFrame
        Same rows, order and columns; float32.

    Raises
    ------
    UserError
        A plate's negative controls are too few or too clustered to tell these effects apart.
    """
    features = feature_columns(profile)
    place = profile[WELL_KEY].merge(
        position_profile(wells).assign(**{CONTROL: wells[CONTROL]}), how="left", on=WELL_KEY
    )
    design = np.column_stack(
        [
            np.ones(len(place)),
            _centred(place["Position_Row"]),
            _centred(place["Position_Column"]),
            place["Position_Edge"] == 0,
            place["Position_Edge"] == 1,
        ]
    )
    is_control = (place[CONTROL] == NEGATIVE_CONTROL).to_numpy()
    values = profile[features].to_numpy(dtype=np.float64)
    poor = []
    for plate in pd.unique(profile[PLATE]):
        rows = (profile[PLATE] == plate).to_numpy()
        controls = rows & is_control
        if np.linalg.matrix_rank(design[controls]) < design.shape[1]:
            poor.append(plate)
            continue
        effects = _least_squares(design[controls], values[controls])
        # The mean over the controls stays: normalisation deals with it.
        level = design[controls].mean(axis=0) @ effects
        values[rows] -= design[rows] @ effects - level
    if poor:
        raise UserError(
            f"the negative controls of {len(poor)} plate(s) do not cover edge and inside: "
            f"{listed(poor)}",
            where="labels.position_correction",
            remedy="Set it to none in params.yaml, and mind the plate_position rows.",
        )
    corrected = profile.copy()
    corrected[features] = values.astype(np.float32)
    return corrected


def _centred(values: pd.Series) -> np.ndarray:
    array = values.to_numpy(dtype=np.float64)
    return cast("np.ndarray", (array - array.mean()) / max(float(np.ptp(array)), 1.0))


def _least_squares(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Coefficients (terms, columns); columns with missing values are solved on their own."""
    effects = np.linalg.lstsq(design, np.nan_to_num(values), rcond=None)[0]
    for column in np.flatnonzero(np.isnan(values).any(axis=0)):
        there = ~np.isnan(values[:, column])
        effects[:, column] = np.linalg.lstsq(design[there], values[there, column], rcond=None)[0]
    return effects
