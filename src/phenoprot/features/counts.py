"""The method ``cell_count``: the number of cells, the plainest feature that images have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from phenoprot.core.closure import code_fingerprint
from phenoprot.features.method import Artefacts, Description, Family, Measure, Reads
from phenoprot.imaging.segmentation.folder import CELLS
from phenoprot.screens.contract import WELL_KEY

if TYPE_CHECKING:
    from phenoprot.features.settings import FeatureSettings

COLUMN = "Cells_Count"


@dataclass(frozen=True)
class CellCount:
    """The number of cells of each well, a :class:`phenoprot.features.method.FeatureMethod`."""

    name = "cell_count"
    reads: Reads = "objects"
    columns = (COLUMN,)

    def fingerprint(self) -> str:
        """Hash of the code: there are no settings."""
        return code_fingerprint(__name__)

    def warm(self) -> None:
        """Nothing: there is nothing to compile."""

    def prepare(self) -> Measure:
        """Nothing is heavy here."""
        return count_cells


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


def _make(_name: str, _settings: FeatureSettings, _artefacts: Artefacts) -> CellCount:
    return CellCount()


def _describe(_name: str) -> Description:
    return Description(
        title="the number of cells",
        licence="BSD-3-Clause",
        note="What the number of cells reaches needs no image analysis.",
    )


FAMILY = Family((CellCount.name,), _make, _describe)
