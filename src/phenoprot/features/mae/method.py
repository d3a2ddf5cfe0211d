"""The methods ``mae`` and ``mae-untrained``: the masked autoencoder on crops or tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.device import device_name, require_device
from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.features.mae.settings import MAE_NAMES, EmbeddingSettings
from phenoprot.features.method import Artefacts, Description, Family, describe_untrained

if TYPE_CHECKING:
    # This module says what the methods are; torch is for those that run them.
    from phenoprot.features.mae.embed import Weights
    from phenoprot.features.mae.folder import Config
    from phenoprot.features.settings import FeatureSettings

TITLE = "the masked autoencoder"


@dataclass(frozen=True)
class MaeMethod:
    """The masked autoencoder as a feature method, see :mod:`phenoprot.features.method`."""

    folder: Path | None
    """Folder of the finished model; needed to do anything."""
    weights: Weights = "trained"
    """``initial``: the untrained baseline, under its own name."""
    settings: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    """What is embedded, which token counts, over how many orientations."""
    device: str = field(default_factory=device_name)
    """Name of the device that it runs on, see :func:`phenoprot.core.device.device_name`."""

    @property
    def name(self) -> str:
        """The only name it may run under: an untrained network says so."""
        trained, untrained = MAE_NAMES
        return trained if self.weights == "trained" else untrained

    @property
    def reads(self) -> Literal["crops", "fields"]:
        """As the settings say."""
        return "crops" if self.settings.reads == "crops" else "fields"

    @cached_property
    def model(self) -> tuple[Path, Config]:
        """Folder of the model, and what it was trained with (read once).

        Raises
        ------
        UserError
            There is no folder, or no model in it.
        """
        from phenoprot.features.mae.folder import TRAIN, read_config

        if self.folder is None:
            raise UserError("needs a trained model", where=self.name, remedy=TRAIN)
        return self.folder, read_config(self.folder)

    @property
    def columns(self) -> tuple[str, ...]:
        """``mae_000`` and so on."""
        _, config = self.model
        return tuple(f"mae_{number:03d}" for number in range(config.settings.model.width))

    def fingerprint(self) -> str:
        """Hash of config, weights, settings, device and code."""
        from phenoprot.features.mae.folder import WEIGHTS

        folder, config = self.model
        used = file_sha256(folder / WEIGHTS) if self.weights == "trained" else "initial"
        return fingerprint(
            config.model_dump(mode="json"),
            used,
            self.settings.model_dump(),
            self.device,
            code_fingerprint(__name__),
        )

    def warm(self) -> None:
        """Nothing: there is nothing to compile."""

    def prepare(self) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
        """Load the network.

        Raises
        ------
        UserError
            There is no model, it is damaged, or this process has another device.
        """
        from phenoprot.features.mae.embed import load_embedder

        folder, _ = self.model
        device = require_device(self.device)
        embedder = load_embedder(folder, self.weights, self.settings, device)
        if self.reads == "crops":
            return embedder

        def measure(fields: NDArray[np.float32]) -> NDArray[np.float32]:
            """Mean over the tiles of each field: (B, C, Y, X) to (B, width)."""
            means = [embedder.field(field).mean(axis=0) for field in fields]
            return np.array(means, dtype=np.float32).reshape(-1, embedder.width)

        return measure


def _make(name: str, settings: FeatureSettings, artefacts: Artefacts) -> MaeMethod:
    weights: Weights = "trained" if name == MAE_NAMES[0] else "initial"
    return MaeMethod(artefacts.mae, weights, settings.mae)


def _describe(name: str) -> Description:
    trained, _ = MAE_NAMES
    if name != trained:
        return describe_untrained(TITLE, trained)
    return Description(
        title=TITLE,
        licence="BSD-3-Clause (weights trained here)",
        note="Trained on this screen's own crops, without labels.",
        caveat="trained on this screen's own crops, at the size and for the steps of params.yaml; "
        "the poster's (last column) is a ViT-B/8 of 100,000 steps, which `phenoprot preset apply "
        "poster` sets.",
    )


FAMILY = Family(MAE_NAMES, _make, _describe)
