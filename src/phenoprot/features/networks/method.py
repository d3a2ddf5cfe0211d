"""What the embeddings share as feature methods.

A network runs under its plain name with trained weights, which must be there and be the right ones;
``<name>-untrained`` is a method of its own, with weights drawn from a seed. Neither ever stands in
for the other.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import device_name, require_device
from phenoprot.core.errors import UserError
from phenoprot.core.files import fingerprint
from phenoprot.features.method import UNTRAINED, Measure, Reads, Sample
from phenoprot.screens.contract import STAINS
from phenoprot.weights.manifest import published
from phenoprot.weights.settings import WeightsSettings
from phenoprot.weights.store import locate, pinned_sha256

if TYPE_CHECKING:
    # These modules say what the methods are; torch is for those that run them.
    from phenoprot.features.networks.embed import Embedder
    from phenoprot.features.networks.statistics import Statistics


@dataclass(frozen=True)
class Embedding:
    """What the embeddings share; a :class:`phenoprot.features.method.FeatureMethod`."""

    settings: Any
    """The settings of the method."""
    trained: bool
    """Whether it runs with the weights of the settings."""
    channels: Path | None = None
    """``channels.json`` of the images stage; needed to standardise to the negative controls."""
    folder: Path | None = None
    """Weights folder; None: see :func:`phenoprot.weights.store.weights_folder`."""
    device: str = field(default_factory=device_name)
    """Name of the device that it runs on, see :func:`phenoprot.core.device.device_name`."""

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
    def sample(self) -> Sample | None:
        """All cells with trained weights; without, as many as the settings say."""
        cells = None if self.trained else getattr(self.settings, "untrained_cells", None)
        return None if cells is None else Sample(cells, self.settings.seed)

    @property
    def columns(self) -> tuple[str, ...]:
        """``<base>_0000``, ``<base>_0001`` and so on."""
        return tuple(f"{self.base}_{i:04d}" for i in range(self.width))

    def fingerprint(self) -> str:
        """Hash of settings, weights, pixel statistics, device and code.

        The weights count by the SHA-256 that they must have; the file is not read.
        """
        named = self._named()
        return fingerprint(
            self.settings.model_dump(exclude={"weights", "batch_size"}),
            pinned_sha256(named) if named else None,
            self._statistics(),
            self.device,
            code_fingerprint(type(self).__module__),
        )

    def warm(self) -> None:
        """Say early if weights are not there; nothing is shared on disk."""
        self._weights()

    def prepare(self) -> Measure:
        """Load the network.

        Raises
        ------
        UserError
            The weights are not there or not the right ones, pixel statistics are missing, or this
            process has another device.
        """
        from phenoprot.features.networks.embed import embed

        device = require_device(self.device)
        embedder = self.embedder()
        batch_size = self.settings.batch_size

        def measure(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
            # An illumination correction can make values above 1: they count as 1, as everywhere.
            if images.dtype == np.float32:
                images = np.minimum(images, np.float32(1))
            return embed(embedder, images, STAINS, batch_size, device)

        return measure

    def embedder(self) -> Embedder:
        """Make the network and what prepares its images; for errors see `prepare`."""
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


def how_to_fetch(method: str, name: str) -> str:
    """What to run, and what to set in params.yaml, to have published weights.

    Parameters
    ----------
    method
        Key of its settings below ``features.deep``.
    name
        Of the weights, in the list of published ones.
    """
    entry = published(name)
    url = "" if entry.url else " --url URL"
    sha256 = "" if entry.sha256 else " --sha256 HASH"
    file = f"{{file: {name}}}" if entry.sha256 else f"{{file: {name}, sha256: HASH}}"
    unknown = " (docs/weights.md says where from)" if url or sha256 else ""
    return (
        f"`phenoprot weights fetch {name}{url}{sha256}`{unknown}; in params.yaml set "
        f"`features.deep.{method}.weights: {file}`"
    )
