"""The method ``cellprofiler``: CellProfiler's measurements of cells, nuclei and cytoplasms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import fingerprint
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.method import Artefacts, Description, Family, Measure, Reads, Values

if TYPE_CHECKING:
    from phenoprot.features.settings import FeatureSettings
    from phenoprot.imaging.segmentation.masks import Masks


@dataclass(frozen=True)
class CellProfiler:
    """The method ``cellprofiler``, a :class:`phenoprot.features.method.FeatureMethod`.

    Features that say where in the field a cell lies are left out. Values above 1, which an
    illumination correction can make, count as 1, as they do in CellProfiler.
    """

    settings: CellProfilerSettings = field(default_factory=CellProfilerSettings)

    name = "cellprofiler"
    reads: Reads = "cells"

    @property
    def columns(self) -> tuple[str, ...]:
        """All features but those of position."""
        from phenoprot.features.cellprofiler.names import feature_names, position_names

        left_out = set(position_names(self.settings))
        return tuple(name for name in feature_names(self.settings) if name not in left_out)

    def fingerprint(self) -> str:
        """Hash of settings and code."""
        return fingerprint(self.settings.model_dump(), code_fingerprint(__name__))

    def warm(self) -> None:
        """Compile all kernels into numba's cache."""
        from phenoprot.features.cellprofiler.measure import measure_field

        rng = np.random.default_rng(0)
        size = 128
        cells = np.zeros((size, size), dtype=np.int32)
        cells[8:56, 8:56], cells[60:110, 60:110] = 1, 2
        nuclei = np.zeros_like(cells)
        nuclei[20:40, 20:40], nuclei[75:95, 75:95] = 1, 2
        image = rng.random((len(self.settings.stains), size, size), dtype=np.float32)
        measure_field(image, (nuclei, cells), self.settings)

    def prepare(self) -> Measure:
        """Choose the columns; the kernels were compiled by `warm`."""
        from phenoprot.features.cellprofiler.measure import measure_field
        from phenoprot.features.cellprofiler.names import feature_names

        kept = np.isin(feature_names(self.settings), self.columns)

        def measure(
            image: npt.NDArray[np.float32], masks: Masks
        ) -> tuple[npt.NDArray[np.integer], Values]:
            unit = np.minimum(image, np.float32(1))
            measured = measure_field(unit, (masks.nuclei, masks.cells), self.settings)
            return measured.labels, measured.values[:, kept]

        return measure


def _make(_name: str, settings: FeatureSettings, _artefacts: Artefacts) -> CellProfiler:
    return CellProfiler(settings.cellprofiler)


def _describe(_name: str) -> Description:
    return Description(
        title="CellProfiler's measurements", licence="BSD-3-Clause (definitions of CellProfiler)"
    )


FAMILY = Family((CellProfiler.name,), _make, _describe)
