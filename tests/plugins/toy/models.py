"""Model ``centroid``: how much nearer a treatment is to the mean of the positives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from phenoprot.core.settings import Settings, parse_settings
from phenoprot.tasks.scaling import scale_features, train_rows
from phenoprot.tasks.settings import TaskSettings


class Parameters(Settings):
    """What a row may set."""

    power: float = Field(default=2.0, gt=0)
    """Power of the differences in the distance."""


class CentroidSettings(Parameters):
    """All that the scores depend on."""

    clip: float


@dataclass(frozen=True)
class Centroid:
    """Nearest centroid, for 1 / 0 labels."""

    settings: CentroidSettings
    name = "centroid"
    scorers = frozenset({"auc"})
    on_device = False

    @classmethod
    def make(cls, settings: TaskSettings, parameters: Mapping[str, Any]) -> Centroid:
        own = parse_settings(Parameters, dict(parameters), "params.yaml: model centroid")
        return cls(CentroidSettings(power=own.power, clip=settings.clip))

    def cross_validate(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        folds: np.ndarray,
        groups: np.ndarray,
        loss: str,
        repeat: int,
        device: str,
    ) -> np.ndarray:
        scores = np.zeros(labels.shape, dtype=np.float32)
        for fold in np.unique(folds):
            train, test = train_rows(folds, fold), np.flatnonzero(folds == fold)
            x = scale_features(features, train, self.settings.clip)
            for target, y in enumerate(labels.T):
                of_class = [train[y[train] == value] for value in (0, 1)]
                if all(map(len, of_class)):
                    far, near = (self._distance(x[test], x[rows]) for rows in of_class)
                    scores[test, target] = far - near
        return scores

    def _distance(self, x: np.ndarray, of_class: np.ndarray) -> np.ndarray:
        return (np.abs(x - of_class.mean(axis=0)) ** self.settings.power).mean(axis=1)
