"""The methods ``openphenom`` and ``openphenom-untrained``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from phenoprot.features.method import UNTRAINED, Artefacts, Description, Family, describe_untrained
from phenoprot.features.networks.method import Embedding
from phenoprot.screens.contract import STAINS
from phenoprot_openphenom.settings import OpenPhenomSettings

if TYPE_CHECKING:
    from phenoprot.features.networks.embed import Embedder
    from phenoprot.features.networks.statistics import Statistics
    from phenoprot.features.settings import FeatureSettings


@dataclass(frozen=True)
class Method(Embedding):
    """The encoder of OpenPhenom on tiles of fields of view, or on crops."""

    settings: OpenPhenomSettings
    base: ClassVar[str] = "openphenom"

    @property
    def reads(self) -> Literal["crops", "fields"]:
        """As the settings say."""
        return self.settings.reads

    @property
    def width(self) -> int:
        """That of a token; five times that if each stain is pooled for itself."""
        one = self.settings.architecture.width
        return one if self.settings.pool == "all" else one * len(STAINS)

    @property
    def to_controls(self) -> bool:
        """As the standardisation says."""
        return self.settings.standardisation == "controls"

    def make(self, weights: Path | None, statistics: Statistics | None) -> Embedder:
        """Make the network, from a file of proven weights or untrained."""
        from phenoprot.features.networks.embed import Embedder
        from phenoprot_openphenom.network import load, preprocess, untrained

        chosen = self.settings
        sizes, pool = chosen.architecture, chosen.pool
        network = (
            untrained(sizes, pool, chosen.seed) if weights is None else load(weights, sizes, pool)
        )
        prepare = partial(preprocess, size=sizes.image_size, statistics=statistics)
        return Embedder(self.name, network, STAINS, prepare, self.width)


def make(name: str, settings: FeatureSettings, artefacts: Artefacts) -> Method:
    """The method of a name."""
    own = settings.other("openphenom", OpenPhenomSettings)
    return Method(own, not name.endswith(UNTRAINED), artefacts.channels)


def describe(name: str) -> Description:
    """What a reader of a table must know of it."""
    if name.endswith(UNTRAINED):
        how = "see the README of phenoprot-openphenom"
        return describe_untrained("OpenPhenom", "openphenom", how)
    return Description(
        title="OpenPhenom",
        licence="Recursion's Non-Commercial End User License Agreement",
        note="A masked autoencoder trained on RxRx3 and JUMP (Kraus et al. 2024).",
    )


FAMILY = Family(("openphenom", "openphenom" + UNTRAINED), make, describe)
