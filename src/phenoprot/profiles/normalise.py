"""Per-plate normalisation of well features to the plate's negative controls."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pandas as pd

from phenoprot.errors import UserError, listed
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
        is only centred there: it has no spread to be measured in, and dividing by a rounding
        error would yield values of 1e18. A missing value stays missing; one that no control of
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
    for plate in pd.unique(plates):
        rows = plates == plate
        centre, spread = _centre_and_spread(values[rows & is_control], method)
        values[rows] = (values[rows] - centre) / spread
    normalised = profile.copy()
    normalised[features] = values.astype(np.float32)
    return normalised


def _centre_and_spread(controls: np.ndarray, method: Method) -> tuple[np.ndarray, np.ndarray]:
    with warnings.catch_warnings():
        # A column without any control value is NaN, quietly.
        warnings.simplefilter("ignore", RuntimeWarning)
        if method == "standardise":
            centre, spread = np.nanmean(controls, axis=0), np.nanstd(controls, axis=0)
        else:
            centre = np.nanmedian(controls, axis=0)
            spread = MAD_TO_SD * np.nanmedian(np.abs(controls - centre), axis=0)
    # Rounding leaves a constant column a spread of about eps * |centre|, not exactly 0.
    constant = spread <= 1e-6 * np.maximum(np.abs(centre), 1e-6)
    return centre, np.where(constant, 1.0, spread)
