"""What a feature method is, and the methods there are.

A method is a small picklable object that knows its name, columns and fingerprint; what is heavy
(a network, compiled code) is made by `FeatureMethod.prepare`, once in each worker process. It
measures one of three things:

=========== ============================================== ====================================
`reads`     ``measure`` takes                              and gives
=========== ============================================== ====================================
``cells``   a field, (C, Y, X) float32, and its `Masks`    labels (N,) and values (N, F)
``crops``   crops of a store, (B, C, S, S) uint16          values (B, F), one row per crop
``fields``  fields of one size, (B, C, Y, X) float32       values (B, F), one row per field
=========== ============================================== ====================================

Channels stand in the order of :data:`phenoprot.screens.contract.STAINS`. NaN says that a feature
is not defined for a cell. The values of a cell or field must not depend on what else is in a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from phenoprot.core.errors import UserError
from phenoprot.core.files import fingerprint
from phenoprot.execution.planning import code_fingerprint
from phenoprot.features.cellprofiler.measure import measure_field
from phenoprot.features.cellprofiler.names import feature_names, position_names
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.mae.settings import MAE_NAMES
from phenoprot.features.networks.methods import FIXED_NAMES, TIMM, embedding_method
from phenoprot.features.settings import FeatureSettings
from phenoprot.imaging.segmentation.masks import Masks

Reads = Literal["cells", "crops", "fields"]
Values = npt.NDArray[np.floating]
Measure = Callable[..., Any]
"""Measures as `FeatureMethod.reads` says; see the table above."""


class FeatureMethod(Protocol):
    """A way to turn images into numbers; equal methods give equal values."""

    def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """Name of the method, as in params.yaml and in file names."""
        ...

    @property
    def reads(self) -> Reads:
        """What it measures."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features, in the order of the values."""
        ...

    def fingerprint(self) -> str:
        """Hash of all that decides the values besides the images: settings, weights, code."""
        ...

    def warm(self) -> None:
        """Do once, before worker processes start, what they share on disk (compiled code)."""
        ...

    def prepare(self) -> Measure:
        """Make ready to measure; called once in each worker process.

        Raises
        ------
        UserError
            E.g. weights are missing.
        """
        ...


@dataclass(frozen=True)
class CellProfiler:
    """CellProfiler's measurements of cells, nuclei and cytoplasms.

    Features that say where in the field a cell lies are left out. Values above 1, which an
    illumination correction can make, count as 1, as they do in CellProfiler.
    """

    settings: CellProfilerSettings = field(default_factory=CellProfilerSettings)

    name = "cellprofiler"
    reads: Reads = "cells"

    @property
    def columns(self) -> tuple[str, ...]:
        """All features but those of position."""
        left_out = set(position_names(self.settings))
        return tuple(name for name in feature_names(self.settings) if name not in left_out)

    def fingerprint(self) -> str:
        """Hash of settings and code."""
        code = code_fingerprint(
            (
                "phenoprot.core.compiled",
                "phenoprot.features.cellprofiler",
                "phenoprot.features.registry",
            ),
            ("numba", "numpy", "scipy", "scikit-image"),
        )
        return fingerprint(self.settings.model_dump(), code)

    def warm(self) -> None:
        """Compile all kernels into numba's cache."""
        rng = np.random.default_rng(0)
        size = 128
        cells = np.zeros((size, size), dtype=np.int32)
        cells[8:56, 8:56], cells[60:110, 60:110] = 1, 2
        nuclei = np.zeros_like(cells)
        nuclei[20:40, 20:40], nuclei[75:95, 75:95] = 1, 2
        image = rng.random((len(self.settings.stains), size, size), dtype=np.float32)
        measure_field(image, (nuclei, cells), self.settings)

    def prepare(self) -> Measure:
        """Nothing is heavy here."""
        kept = np.isin(feature_names(self.settings), self.columns)

        def measure(
            image: npt.NDArray[np.float32], masks: Masks
        ) -> tuple[npt.NDArray[np.integer], Values]:
            unit = np.minimum(image, np.float32(1))
            measured = measure_field(unit, (masks.nuclei, masks.cells), self.settings)
            return measured.labels, measured.values[:, kept]

        return measure


@dataclass(frozen=True)
class Artefacts:
    """What earlier stages made of a screen, for methods that build on it."""

    channels: Path | None = None
    """``channels.json``: mean and sd of each stain over the negative controls."""
    mae: Path | None = None
    """Folder of the trained masked autoencoder."""


METHODS = (CellProfiler.name, *MAE_NAMES, *FIXED_NAMES)
"""Names of the methods, besides ``timm:<model>`` and ``timm:<model>-untrained``."""


def find_method(
    name: str, settings: FeatureSettings, artefacts: Artefacts | None = None
) -> FeatureMethod:
    """Make a method by name, from the settings of params.yaml and the screen's artefacts.

    Raises
    ------
    UserError
        There is none of this name.
    """
    if name == CellProfiler.name:
        return CellProfiler(settings.cellprofiler)
    if name in MAE_NAMES:
        from phenoprot.features.mae.embed import mae_method  # torch is for those that run it

        return mae_method(name, settings.mae, artefacts.mae if artefacts else None)
    if name in METHODS or name.startswith(TIMM):
        channels = artefacts.channels if artefacts else None
        return embedding_method(name, settings.deep, channels)
    raise UserError(
        f"no feature method '{name}'; there are: {', '.join(METHODS)}, {TIMM}<model>",
        where="features",
        remedy="Name one of these.",
    )
