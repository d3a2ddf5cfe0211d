"""The position of a well on its plate, and its effect on a measurement."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.screens.contract import (
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    WELL,
    WELL_KEY,
    feature_columns,
)

MAX_LEVERAGE = 0.9
"""A control well that decides more than this of its own fit cannot be judged by the others."""


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
    """Subtract the effect of position, as the plate's negative controls show it.

    Per plate and column of the profile, least squares over the negative-control wells on a row and
    a column trend, the outermost ring and the ring inside it; the fit is subtracted from all wells
    of the plate. Treated wells are not part of the fit, so no effect of a compound is removed.
    From each control well the fit to the other controls is subtracted: controls and treated wells
    then have the same error of the fit, and a test of one against the other keeps its level.

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
        A plate's negative controls are too few or too clustered to separate these effects.
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
    values = profile[features].to_numpy(dtype=np.float64, copy=True)
    poor = []
    for plate in pd.unique(profile[PLATE]):
        rows = (profile[PLATE] == plate).to_numpy()
        if _largest_leverage(design[rows & is_control]) > MAX_LEVERAGE:
            poor.append(plate)
            continue
        values[rows] = _without_position(design[rows], values[rows], is_control[rows])
    if poor:
        raise UserError(
            f"the negative controls of {len(poor)} plate(s) do not cover edge and inside: "
            f"{listed(poor)}",
            where="labels.position_correction",
            remedy="Set it to none in params.yaml, and compare with the plate_position rows.",
        )
    corrected = profile.copy()
    corrected[features] = values.astype(np.float32)
    return corrected


def _centred(values: pd.Series) -> np.ndarray:
    array = values.to_numpy(dtype=np.float64, copy=True)
    return cast("np.ndarray", (array - array.mean()) / max(float(np.ptp(array)), 1.0))


def _largest_leverage(design: np.ndarray) -> float:
    """Largest weight of a row in its own fit; 1 where the terms cannot be separated."""
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return 1.0
    return float(_leverage(design, np.linalg.pinv(design)).max())


def _leverage(design: np.ndarray, solver: np.ndarray) -> np.ndarray:
    """Diagonal of the hat matrix, (rows,)."""
    return np.einsum("ij,ji->i", design, solver)


def _without_position(design: np.ndarray, values: np.ndarray, is_control: np.ndarray) -> np.ndarray:
    """Values (wells, columns) of one plate less the fit; the mean over its controls stays."""
    corrected = values.copy()
    controls = np.flatnonzero(is_control)
    patterns, pattern_of = np.unique(~np.isnan(values[controls]), axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):  # columns that miss the same controls share one fit
        fitted, columns = controls[patterns[:, k]], np.flatnonzero(pattern_of.ravel() == k)
        solver = np.linalg.pinv(design[fitted])
        effects = solver @ values[np.ix_(fitted, columns)]
        level = design[controls].mean(axis=0) @ effects
        residuals = values[:, columns] - design @ effects
        # A residual over 1 - leverage is the residual of the fit that leaves the row out.
        residuals[fitted] /= 1 - _leverage(design[fitted], solver)[:, None]
        corrected[:, columns] = residuals + level
    return corrected
