"""Settings of feature extraction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phenoprot.core.settings import Settings
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.mae.settings import EmbeddingSettings
from phenoprot.features.networks.settings import DeepSettings


class FeatureSettings(Settings):
    """How features are taken from fields of view."""

    border_cells: Literal["drop", "keep"] = "drop"
    """Cells that the border of the image cuts: ``drop`` leaves them out of the mean over the cells
    of a field, ``keep`` does not. They count as neighbours of others either way. Crops have none
    of them."""
    cellprofiler: CellProfilerSettings = Field(default_factory=CellProfilerSettings)
    """Method ``cellprofiler``."""
    deep: DeepSettings = Field(default_factory=DeepSettings)
    """Methods ``cloome``, ``dino`` and ``timm:<model>``."""
    mae: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    """Methods ``mae`` and ``mae-untrained``."""
