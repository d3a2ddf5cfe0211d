"""The methods ``timm:<model>`` and ``timm:<model>-untrained``: any model of timm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from phenoprot.features.method import (
    OPEN,
    UNTRAINED,
    Artefacts,
    Description,
    Family,
    describe_untrained,
)
from phenoprot.features.networks.method import Embedding
from phenoprot.features.networks.settings import TimmSettings
from phenoprot.screens.contract import STAINS

if TYPE_CHECKING:
    from phenoprot.features.networks.embed import Embedder
    from phenoprot.features.networks.statistics import Statistics
    from phenoprot.features.settings import FeatureSettings

TIMM = "timm:"


@dataclass(frozen=True)
class Timm(Embedding):
    """A model of timm on crops or fields of view."""

    settings: TimmSettings
    model: str = ""
    """Name, one of ``timm.list_models()``."""

    @property
    def base(self) -> str:
        """``timm:<model>``."""
        return TIMM + self.model

    @property
    def reads(self) -> Literal["crops", "fields"]:
        """As the settings say."""
        return self.settings.reads

    @property
    def width(self) -> int:
        """As the model has it; five times that if each stain is embedded alone."""
        from phenoprot.features.networks import timm_models

        return timm_models.width(self.model, self.settings.channels)

    @property
    def to_controls(self) -> bool:
        """As the standardisation says."""
        return self.settings.standardisation == "controls"

    def make(self, weights: Path | None, statistics: Statistics | None) -> Embedder:
        """Make the model."""
        from phenoprot.features.networks import timm_models
        from phenoprot.features.networks.embed import Embedder

        chosen = self.settings
        network = timm_models.make_network(
            self.model, chosen.channels, chosen.seed, chosen.size, weights
        )
        prepare = partial(
            timm_models.preprocess,
            channels=chosen.channels,
            config=network.config,
            statistics=statistics,
        )
        return Embedder(self.name, network, STAINS, prepare, self.width)


def _make(name: str, settings: FeatureSettings, artefacts: Artefacts) -> Timm:
    model = _model(name)
    chosen = settings.deep.timm.get(model, TimmSettings())
    trained = not name.endswith(UNTRAINED)
    return Timm(chosen, trained, artefacts.channels, model=model)


def _describe(name: str) -> Description:
    model = _model(name)
    if name.endswith(UNTRAINED):
        key = f"features.deep.timm.{model}.weights"
        how = f"in params.yaml set `{key}: {{file: PATH, sha256: HASH}}`"
        return describe_untrained(model, TIMM + model, how)
    return Description(title=model, licence="that of your file of weights")


def _model(name: str) -> str:
    return name.removesuffix(UNTRAINED).removeprefix(TIMM)


FAMILY = Family((TIMM + OPEN, TIMM + OPEN + UNTRAINED), _make, _describe)
