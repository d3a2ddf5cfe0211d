"""The methods ``cloome`` and ``cloome-untrained``: CLOOME's image tower on fields of view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from phenoprot.features.method import (
    UNTRAINED,
    Artefacts,
    Description,
    Family,
    Reads,
    describe_untrained,
)
from phenoprot.features.networks.method import Embedding, how_to_fetch
from phenoprot.features.networks.settings import CloomeSettings
from phenoprot.weights.manifest import published

if TYPE_CHECKING:
    from phenoprot.features.networks.embed import Embedder
    from phenoprot.features.networks.statistics import Statistics
    from phenoprot.features.settings import FeatureSettings

WEIGHTS = "cloome-bioactivity"
"""Published weights, by their name in the list of weights."""


@dataclass(frozen=True)
class Cloome(Embedding):
    """CLOOME's image tower on fields of view."""

    settings: CloomeSettings
    base: ClassVar[str] = "cloome"
    reads: ClassVar[Reads] = "fields"
    width: ClassVar[int] = 512

    @property
    def to_controls(self) -> bool:
        """As the preprocessing says."""
        return self.settings.preprocessing == "controls"

    def make(self, weights: Path | None, statistics: Statistics | None) -> Embedder:
        """Make the image tower."""
        from phenoprot.features.networks import cloome
        from phenoprot.features.networks.embed import Embedder

        tower = (
            cloome.load_tower(weights) if weights else cloome.untrained_tower(self.settings.seed)
        )
        side = None if weights else self.settings.untrained_side
        crop = (side or self.settings.crop_height, side or self.settings.crop_width)
        if statistics is None:
            prepare = partial(cloome.preprocess_published, crop=crop)
        else:
            prepare = partial(cloome.preprocess_controls, crop=crop, statistics=statistics)
        return Embedder(self.name, cloome.folded(tower), cloome.STAINS, prepare, self.width)


def _make(name: str, settings: FeatureSettings, artefacts: Artefacts) -> Cloome:
    return Cloome(settings.deep.cloome, name == Cloome.base, artefacts.channels)


def _describe(name: str) -> Description:
    if name != Cloome.base:
        return describe_untrained("CLOOME", Cloome.base, how_to_fetch(Cloome.base, WEIGHTS))
    return Description(
        title="CLOOME", licence=published(WEIGHTS).licence, note="Weights of its authors."
    )


FAMILY = Family((Cloome.base, Cloome.base + UNTRAINED), _make, _describe)
