"""Standardisation by the training rows alone: no fold learns from the rows that it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each column over the training rows."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Scaler:
        """Fit to (rows, columns); NaN is left out, a constant column keeps its scale."""
        present = ~np.isnan(values)
        n = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, values, 0).sum(axis=0) / n
        sd = np.sqrt(np.where(present, (values - mean) ** 2, 0).sum(axis=0) / n)
        constant = sd <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        return cls(mean, np.where(constant, 1.0, sd))

    def scale(self, values: np.ndarray) -> np.ndarray:
        """Values in standard deviations from the mean; NaN stays NaN."""
        return (values - self.mean) / self.sd

    def restore(self, values: np.ndarray) -> np.ndarray:
        """The inverse of `scale`."""
        return values * self.sd + self.mean


def scale_features(features: np.ndarray, train: np.ndarray, clip: float) -> np.ndarray:
    """Standardise and clip (rows, columns) by the training rows; a missing value is their mean."""
    scaled = Scaler.fit(features[train]).scale(features)
    return np.nan_to_num(np.clip(scaled, -clip, clip)).astype(np.float32)


def train_rows(folds: np.ndarray, fold: int) -> np.ndarray:
    """Row numbers outside an outer fold."""
    return np.flatnonzero(folds != fold)
