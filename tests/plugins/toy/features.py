"""A feature method of another package: the light of each stain in a crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import fingerprint
from phenoprot.core.settings import Settings
from phenoprot.features.method import Artefacts, Description, Family, Measure
from phenoprot.features.settings import FeatureSettings
from phenoprot.screens.contract import STAINS


class LightSettings(Settings):
    """The block ``features.others.toy_light`` of params.yaml."""

    statistic: Literal["mean", "max"] = "mean"
    """Of the pixels of a crop."""


@dataclass(frozen=True)
class Light:
    """Mean or largest intensity of each stain."""

    settings: LightSettings

    name = "toy_light"
    reads = "crops"
    columns = tuple(f"Light_{stain}" for stain in STAINS)

    def fingerprint(self) -> str:
        return fingerprint(self.settings.model_dump(), code_fingerprint(__name__))

    def warm(self) -> None:
        pass

    def prepare(self) -> Measure:
        def measure(crops: Any) -> Any:
            unit = crops / np.float32(65535)
            return getattr(unit, self.settings.statistic)(axis=(2, 3))

        return measure


def make(_name: str, settings: FeatureSettings, _artefacts: Artefacts) -> Light:
    return Light(settings.other("toy_light", LightSettings))


def describe(_name: str) -> Description:
    return Description(title="the light of each stain", licence="MIT", note="A toy.")


FAMILY = Family((Light.name,), make, describe)
