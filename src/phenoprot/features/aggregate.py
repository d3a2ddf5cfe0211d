"""Means over cells, fields and wells.

A field's profile is the mean over its cells, a well's the mean over its fields, as in the poster: a
field counts the same whether it has few cells or many. A feature that is not defined for a cell
(NaN) is averaged over the cells that have it, and is missing where none has; likewise for fields.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.errors import UserError, listed
from phenoprot.screens.contract import FIELD_KEY, WELL_KEY, feature_columns

CELL_COUNT = "Metadata_CellCount"
"""Cells that a mean is taken over, of a field or of all fields of a well."""
FIELD_COUNT = "Metadata_FieldCount"
"""Fields that the mean of a well is taken over."""
EMPTY_COUNT = "Metadata_EmptyFieldCount"
"""Fields of a well that have no cell, and take no part in its mean."""


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
        names = twice[FIELD_KEY].agg("/".join, axis=1).drop_duplicates().tolist()
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
    means = averaged.groupby(keys, sort=True).mean().astype(np.float32)
    counts = pd.DataFrame(
        {FIELD_COUNT: has_cells, EMPTY_COUNT: ~has_cells}, index=fields.index, dtype=np.int64
    )
    if CELL_COUNT in fields:
        counts.insert(0, CELL_COUNT, fields[CELL_COUNT].astype(np.int64))
    counts = counts.groupby(keys, sort=True).sum()
    return pd.concat([counts, means], axis=1).reset_index()
