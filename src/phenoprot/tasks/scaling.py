"""Standardisation by the training rows alone: no fold learns from the rows that it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEGLIGIBLE = 1e-12
"""Share of the largest variance below which that of a component is rounding."""


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


def principal_components(features: np.ndarray, train: np.ndarray, components: int) -> np.ndarray:
    """Scores of all rows on the leading components of the training rows.

    Parameters
    ----------
    features
        (rows, n_features), centred on the training rows.
    train, components
        Rows to fit, and how many components to keep (at most the rank allows).
    """
    x = features[train].astype(np.float64)
    wide = x.shape[1] > x.shape[0]
    # The smaller of the two products has the same leading directions, at a tenth of the cost.
    variances, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    order = np.argsort(-variances, kind="stable")[:components]
    largest = max(float(variances[order[0]]), np.finfo(np.float64).tiny)
    # One stays in any case: a model needs an input, be it a constant one.
    order = np.concatenate([order[:1], order[1:][variances[order[1:]] > NEGLIGIBLE * largest]])
    axes = vectors[:, order]
    if wide:
        axes = x.T @ (axes / np.sqrt(np.maximum(variances[order], NEGLIGIBLE * largest)))
    return features @ axes


def common_scale(components: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Divide (rows, components) by their root mean square over the training rows; float32.

    One factor for all: the leading components stay the largest, as they would not if each had a
    variance of 1.
    """
    square = float((components[train] ** 2).mean())
    return (components / (np.sqrt(square) if square > 0 else 1.0)).astype(np.float32)


def train_rows(folds: np.ndarray, fold: int) -> np.ndarray:
    """Row numbers outside an outer fold."""
    return np.flatnonzero(folds != fold)
