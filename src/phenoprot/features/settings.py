"""Settings of feature extraction."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import Field

from phenoprot.core.settings import Name, Settings, parse_settings
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.mae.settings import EmbeddingSettings
from phenoprot.features.networks.settings import DeepSettings

Other = TypeVar("Other", bound=Settings)


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
    others: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """Methods of other packages, by the name that they are registered under."""

    def other(self, name: str, model: type[Other]) -> Other:
        """Parse the settings of a method from another package; the defaults if there are none.

        Parameters
        ----------
        name
            Key in `others`.
        model
            The method's own settings.

        Raises
        ------
        UserError
            Keys or values do not fit the model; the message names them.
        """
        return parse_settings(
            model, self.others.get(name, {}), f"params.yaml: features.others.{name}"
        )
