"""Standardisation by the training rows alone: no fold learns from the rows that it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh

NEGLIGIBLE = 1e-12
"""Share of the largest variance below which that of a component is rounding."""
ROWS = 16
"""Rows that are standardised at a time."""
LARGE = 2000
"""Size from which few leading components are found by iteration."""
KRYLOV = 100
"""Dimensions of the space that is iterated, besides the components."""


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each column over the training rows."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Scaler:
        """Fit to (rows, columns); NaN is left out, a constant column keeps its scale."""
        present = ~np.isnan(values)
        if present.all():
            mean = values.mean(axis=0, dtype=np.float64)
            sd = np.sqrt(np.square(values - mean).mean(axis=0))
            return cls._of(mean, sd)
        n = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, values, 0).sum(axis=0) / n
        sd = np.sqrt(np.where(present, (values - mean) ** 2, 0).sum(axis=0) / n)
        return cls._of(mean, sd)

    @classmethod
    def _of(cls, mean: np.ndarray, sd: np.ndarray) -> Scaler:
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
    scaler = Scaler.fit(features[train])
    scaled = np.empty(features.shape, dtype=np.float32)
    for start in range(0, len(features), ROWS):  # few rows at a time stay in the cache
        some = slice(start, start + ROWS)
        values = scaler.scale(features[some])
        scaled[some] = np.nan_to_num(np.clip(values, -clip, clip, out=values), copy=False)
    return scaled


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
    products = x @ x.T if wide else x.T @ x
    variances, vectors = _leading(products, components)
    largest = max(float(variances[0]), np.finfo(np.float64).tiny)
    # One stays in any case: a model needs an input, be it a constant one.
    kept = max(1, int((variances > NEGLIGIBLE * largest).sum()))
    axes = vectors[:, :kept]
    if not wide:
        return features @ axes
    axes = axes / np.sqrt(np.maximum(variances[:kept], NEGLIGIBLE * largest))
    scores = np.empty((len(features), kept))
    scores[train] = products @ axes
    others = np.setdiff1d(np.arange(len(features)), train)
    scores[others] = features[others].astype(np.float64) @ x.T @ axes
    return scores


def _leading(products: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest eigenvalues of a symmetric matrix, descending, and their vectors as columns.

    Few of a large matrix are found by restarted Lanczos iterations, to machine precision (Lehoucq,
    Sorensen and Yang 1998, ARPACK); all others by reducing the whole matrix. 64 of 4,459 take 0.4
    times as long by the first.
    """
    size = len(products)
    if size >= LARGE and components + KRYLOV <= size // 4:
        rng = np.random.default_rng(0)  # of the first vector: the result has it in its rounding
        try:
            variances, vectors = eigsh(
                products, components, which="LA", ncv=components + KRYLOV, rng=rng
            )
        except ArpackError:
            pass  # zeros alone, or a spectrum that does not converge: as below
        else:
            order = np.argsort(variances)[::-1]
            return variances[order], vectors[:, order]
    least = max(0, size - components)
    variances, vectors = eigh(products, subset_by_index=[least, size - 1], check_finite=False)
    return variances[::-1], vectors[:, ::-1]


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


def tested_folds(folds: np.ndarray) -> np.ndarray:
    """Outer folds to predict, ascending: rows of a fold below 0 are learned from only."""
    found = np.unique(folds)
    return found[found >= 0]
