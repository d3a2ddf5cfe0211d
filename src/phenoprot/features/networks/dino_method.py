"""The methods ``dino`` and ``dino-untrained``: DINO's backbone on crops or fields of view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from phenoprot.features.method import (
    UNTRAINED,
    Artefacts,
    Description,
    Family,
    describe_untrained,
)
from phenoprot.features.networks.method import Embedding, how_to_fetch
from phenoprot.features.networks.settings import DinoSettings
from phenoprot.weights.manifest import published

if TYPE_CHECKING:
    from phenoprot.features.networks.embed import Embedder
    from phenoprot.features.networks.statistics import Statistics
    from phenoprot.features.settings import FeatureSettings

WEIGHTS = "dino"
"""Published weights, by their name in the list of weights."""


@dataclass(frozen=True)
class Dino(Embedding):
    """DINO's backbone on crops or fields of view."""

    settings: DinoSettings
    base: ClassVar[str] = "dino"
    width: ClassVar[int] = 768

    @property
    def reads(self) -> Literal["crops", "fields"]:
        """As the settings say."""
        return self.settings.reads

    @property
    def to_controls(self) -> bool:
        """As the standardisation says."""
        return self.settings.standardisation == "controls"

    def make(self, weights: Path | None, statistics: Statistics | None) -> Embedder:
        """Make the backbone."""
        from phenoprot.features.networks import dino
        from phenoprot.features.networks.embed import Embedder

        tower = dino.load_dino(weights) if weights else dino.untrained_dino(self.settings.seed)
        prepare = partial(dino.preprocess, size=self.settings.size, statistics=statistics)
        return Embedder(self.name, tower, dino.STAINS, prepare, self.width)


def _make(name: str, settings: FeatureSettings, artefacts: Artefacts) -> Dino:
    return Dino(settings.deep.dino, name == Dino.base, artefacts.channels)


def _describe(name: str) -> Description:
    if name != Dino.base:
        return describe_untrained("DINO", Dino.base, how_to_fetch(Dino.base, WEIGHTS))
    return Description(
        title="DINO", licence=published(WEIGHTS).licence, note="Weights of its authors."
    )


FAMILY = Family((Dino.base, Dino.base + UNTRAINED), _make, _describe)
