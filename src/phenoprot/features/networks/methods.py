"""The embeddings as feature methods, by name.

A network runs under its plain name with trained weights, which must be there and be the right ones;
``<name>-untrained`` is a method of its own, with weights drawn from a seed. Neither ever stands in
for the other.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from phenoprot.core.errors import UserError
from phenoprot.core.files import fingerprint
from phenoprot.execution.planning import code_fingerprint
from phenoprot.features.networks.settings import (
    CloomeSettings,
    DeepSettings,
    DinoSettings,
    TimmSettings,
)
from phenoprot.screens.contract import STAINS
from phenoprot.weights.settings import WeightsSettings
from phenoprot.weights.store import locate, pinned_sha256

if TYPE_CHECKING:
    # The registry lists these methods; torch is for those that run them.
    from phenoprot.features.networks.embed import Embedder
    from phenoprot.features.networks.statistics import Statistics
    from phenoprot.features.registry import Measure, Reads

UNTRAINED = "-untrained"
TIMM = "timm:"
FIXED_NAMES = ("cloome", "cloome-untrained", "dino", "dino-untrained")
"""Names besides ``timm:<model>`` and ``timm:<model>-untrained``."""


@dataclass(frozen=True)
class Embedding:
    """What the embeddings share; a :class:`phenoprot.features.registry.FeatureMethod`."""

    settings: Any
    """The settings of the method."""
    trained: bool
    """Whether it runs with the weights of the settings."""
    channels: Path | None = None
    """``channels.json`` of the images stage; needed to standardise to the negative controls."""
    folder: Path | None = None
    """Weights folder; None: as of :func:`phenoprot.weights.store.weights_folder`."""

    modules: ClassVar[tuple[str, ...]] = (
        "phenoprot.features.networks",
        "phenoprot.weights.checkpoint",
        "phenoprot.imaging.statistics",
    )

    @property
    @abstractmethod
    def base(self) -> str:
        """Name of the trained method."""

    @property
    @abstractmethod
    def reads(self) -> Reads:
        """Crops or fields."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Elements of an embedding."""

    @property
    @abstractmethod
    def to_controls(self) -> bool:
        """Whether pixels are standardised to the negative controls."""

    @abstractmethod
    def make(self, weights: Path | None, statistics: Statistics | None) -> Embedder:
        """Make the network, from a file of proven weights or untrained."""

    @property
    def name(self) -> str:
        """The only name it may run under: a network without weights says so."""
        return self.base if self.trained else self.base + UNTRAINED

    @property
    def columns(self) -> tuple[str, ...]:
        """``<base>_0000``, ``<base>_0001`` and so on."""
        return tuple(f"{self.base}_{i:04d}" for i in range(self.width))

    def fingerprint(self) -> str:
        """Hash of settings, weights, pixel statistics and code.

        The weights count by the SHA-256 that they must have; the file is not read.
        """
        named = self._named()
        return fingerprint(
            self.settings.model_dump(exclude={"weights", "batch_size"}),
            pinned_sha256(named) if named else None,
            self._statistics(),
            code_fingerprint(self.modules, ("numpy", "timm", "torch")),
        )

    def warm(self) -> None:
        """Say early if weights are not there; nothing is shared on disk."""
        self._weights()

    def prepare(self) -> Measure:
        """Load the network.

        Raises
        ------
        UserError
            The weights are not there or not the right ones, or pixel statistics are missing.
        """
        from phenoprot.features.networks.embed import embed

        embedder = self.embedder()
        batch_size = self.settings.batch_size

        def measure(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            # An illumination correction can make values above 1: they count as 1, as everywhere.
            if images.dtype == np.float32:
                images = np.minimum(images, np.float32(1))
            return embed(embedder, images, STAINS, batch_size)

        return measure

    def embedder(self) -> Embedder:
        """Make the network and what prepares its images; errors as of `prepare`."""
        # First what may be missing, then what takes time.
        statistics = self._statistics()
        return self.make(self._weights(), statistics)

    def _weights(self) -> Path | None:
        named = self._named()
        return locate(named, self.folder) if named else None

    def _named(self) -> WeightsSettings | None:
        if not self.trained:
            return None
        named: WeightsSettings | None = self.settings.weights
        if named is None:
            raise UserError(
                "names no weights",
                where=self.name,
                remedy=f"Set its weights, or run {self.name}{UNTRAINED}.",
            )
        return named

    def _statistics(self) -> Statistics | None:
        if not self.to_controls:
            return None
        if self.channels is None:
            raise UserError(
                "standardises to the negative controls, and has no pixel statistics of them",
                where=self.name,
                remedy="Give the channels.json of the images stage.",
            )
        from phenoprot.features.networks.statistics import read_statistics

        return read_statistics(self.channels)


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
        crop = (self.settings.crop_height, self.settings.crop_width)
        if statistics is None:
            prepare = partial(cloome.preprocess_published, crop=crop)
        else:
            prepare = partial(cloome.preprocess_controls, crop=crop, statistics=statistics)
        return Embedder(self.name, tower, cloome.STAINS, prepare, self.width)


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


@dataclass(frozen=True)
class Timm(Embedding):
    """A model of timm on crops or fields of view."""

    settings: TimmSettings
    model: str = ""
    """Name as of ``timm.list_models()``."""

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


def embedding_method(
    name: str, settings: DeepSettings, channels: Path | None = None, folder: Path | None = None
) -> Embedding:
    """Make an embedding by name.

    Parameters
    ----------
    name
        One of `FIXED_NAMES`, ``timm:<model>`` or ``timm:<model>-untrained``.
    settings
        Of all embeddings.
    channels
        ``channels.json`` of the images stage.
    folder
        Weights folder; None: as of :func:`phenoprot.weights.store.weights_folder`.

    Raises
    ------
    UserError
        There is none of this name.
    """
    base, trained = name.removesuffix(UNTRAINED), not name.endswith(UNTRAINED)
    if base == Cloome.base:
        return Cloome(settings.cloome, trained, channels, folder)
    if base == Dino.base:
        return Dino(settings.dino, trained, channels, folder)
    if base.startswith(TIMM):
        model = base.removeprefix(TIMM)
        chosen = settings.timm.get(model, TimmSettings())
        return Timm(chosen, trained, channels, folder, model)
    raise UserError(
        f"no embedding '{name}'",
        where="features",
        remedy=f"There are: {', '.join(FIXED_NAMES)}, timm:<model>, timm:<model>-untrained.",
    )
