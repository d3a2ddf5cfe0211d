"""Means over the cells of a field.

A feature that is not defined for a cell (NaN) is averaged over the cells that have it, and is
missing where none has. From fields to wells: :mod:`phenoprot.screens.aggregate`.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt


def mean_of_cells(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Mean of each feature over the cells that have it.

    Parameters
    ----------
    values
        Shape (N, F); NaN where a feature is not defined.

    Returns
    -------
    numpy.ndarray
        Shape (F,), of the type of `values`, added up in float64; NaN where no cell has a value.
    """
    with warnings.catch_warnings():
        # No cell, or a feature that none has: NaN, quietly.
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(values, axis=0, dtype=np.float64).astype(values.dtype)
