"""The number of cells of each well: the plainest feature that images have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.imaging.segmentation.run import CELLS
from phenoprot.screens.contract import WELL_KEY

NAME = "cell_count"
"""Name of the feature table."""
COLUMN = "Cells_Count"


def count_cells(objects: pd.DataFrame) -> pd.DataFrame:
    """Average the number of cells over the fields of view of each well.

    Parameters
    ----------
    objects
        Table of objects of :func:`phenoprot.imaging.segmentation.run.segment_fields`, one row per
        field. Cells that the border cuts count too.

    Returns
    -------
    pandas.DataFrame
        One row per well, sorted: ``Metadata_Plate``, ``Metadata_Well``, float32 ``Cells_Count``.
    """
    means = objects.groupby(WELL_KEY, sort=True)[CELLS].mean().astype(np.float32)
    return means.rename(COLUMN).reset_index()
