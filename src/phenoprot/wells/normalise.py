"""Per-plate normalisation of well features to the plate's negative controls."""

from __future__ import annotations

import warnings
from typing import Literal, cast

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.screens.contract import CONTROL, NEGATIVE_CONTROL, PLATE, WELL_KEY, feature_columns

Method = Literal["standardise", "robust"]
MAD_TO_SD = 1.4826
"""Median absolute deviation of a normal distribution times this is its standard deviation."""


def normalise_to_controls(
    profile: pd.DataFrame, wells: pd.DataFrame, method: Method = "standardise"
) -> pd.DataFrame:
    """Express every feature in spreads of the plate's negative controls, around their centre.

    Parameters
    ----------
    profile
        One row per well: ``Metadata_Plate``, ``Metadata_Well`` and features.
    wells
        Plate layout with ``Metadata_Control``.
    method
        ``standardise``: mean and standard deviation (ddof 0, as pycytominer's standardize).
        ``robust``: median and 1.4826 x MAD.

    Returns
    -------
    pandas.DataFrame
        Same rows, order and columns; float32. A feature that is constant over a plate's controls
        is only centred there: it has no spread, and dividing by a rounding error would give
        values of 1e18. A missing value stays missing; one that no control of
        the plate has is missing on the whole plate.

    Raises
    ------
    UserError
        A plate has no negative-control well in the profile.
    """
    features = feature_columns(profile)
    control = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY].assign(is_control=True)
    marked = profile[WELL_KEY].merge(control, how="left", on=WELL_KEY)["is_control"]
    is_control = marked.notna().to_numpy()
    values = profile[features].to_numpy(dtype=np.float64, copy=True)
    plates = profile[PLATE].to_numpy()
    bare = [p for p in pd.unique(plates) if not is_control[plates == p].any()]
    if bare:
        raise UserError(
            f"{len(bare)} plate(s) without a negative-control well: {listed(bare)}",
            where="profile",
            remedy="Mark the control wells 'negcon' in Metadata_Control, or leave the plate out.",
        )
    normalised = profile.copy()
    # Values beyond single precision become infinite: see require_finite.
    with np.errstate(over="ignore", invalid="ignore"):
        for plate in pd.unique(plates):
            rows = plates == plate
            centre, spread = _centre_and_spread(values[rows & is_control], method)
            unit = np.where(_is_constant(centre, spread), 1.0, spread)
            values[rows] = (values[rows] - centre) / unit
        normalised[features] = values.astype(np.float32)
    return normalised


def require_finite(profile: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the profile, or stop at infinite values; missing ones pass.

    Raises
    ------
    UserError
        Counts the columns with infinite values and names the first few.
    """
    features = feature_columns(profile)
    infinite = np.isinf(profile[features].to_numpy(dtype=np.float64)).any(axis=0)
    names = [name for name, is_infinite in zip(features, infinite, strict=True) if is_infinite]
    if names:
        raise UserError(
            f"{len(names)} of {len(features)} column(s) have infinite values after "
            f"normalisation: {listed(names)}",
            where=where,
            remedy="Correct or empty values that are far beyond all others, or leave these "
            "columns out.",
        )
    return profile


def unscaled_features(
    profile: pd.DataFrame, wells: pd.DataFrame, method: Method
) -> dict[str, list[str]]:
    """Features that do not vary over the controls of a plate, and are only centred there.

    Returns
    -------
    dict
        Names of the features by plate; plates without any are left out.
    """
    features = feature_columns(profile)
    controls = wells.loc[wells[CONTROL] == NEGATIVE_CONTROL, WELL_KEY]
    found: dict[str, list[str]] = {}
    for plate, rows in profile.merge(controls, on=WELL_KEY).groupby(PLATE, observed=True):
        centre, spread = _centre_and_spread(rows[features].to_numpy(dtype=np.float64), method)
        if (constant := _is_constant(centre, spread)).any():
            found[str(plate)] = [features[i] for i in np.flatnonzero(constant)]
    return found


def _centre_and_spread(controls: np.ndarray, method: Method) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        # A column without any control value becomes NaN, without a warning.
        warnings.simplefilter("ignore", RuntimeWarning)
        if method == "standardise":
            centre, spread = np.nanmean(controls, axis=0), np.nanstd(controls, axis=0)
        else:
            centre = np.nanmedian(controls, axis=0)
            spread = MAD_TO_SD * np.nanmedian(np.abs(controls - centre), axis=0)
    return centre, spread


def _is_constant(centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    # Rounding leaves a constant column a spread of about eps * |centre|, not exactly 0.
    return cast("np.ndarray", spread <= 1e-6 * np.maximum(np.abs(centre), 1e-6))
