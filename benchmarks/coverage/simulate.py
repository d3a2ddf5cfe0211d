"""Data sets with known truth, and models trained on them in each fold.

Compounds with a few latent factors, targets that read these, and two sets of features of the same
quality: with signal they read the factors too, without they read others. Ridge regression is
trained in each fold of each repeat, as the benchmark's linear model is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phenoprot.evaluation.repeated import RepeatedAuc, repeated_auc

FACTORS, FEATURES = 4, 50
FOLDS = 5
PENALTY = 1.0
"""Of the ridge, in units of the number of training rows times the mean variance of a feature."""


@dataclass(frozen=True)
class Design:
    """A screen of which many data sets are drawn."""

    name: str
    compounds: int
    doses: int
    targets: int
    positives: float
    """Of each target, on average: 7.5 is 7 of one half of the targets, 8 of the other."""
    signal: float
    """How much the features know of the factors; 0: nothing."""
    repeats: int = 5


@dataclass(frozen=True)
class World:
    """What all data sets of a design share: what targets and features read of the factors."""

    design: Design
    loadings: np.ndarray
    """(factors, targets)."""
    mixing: np.ndarray
    """(factors, features): the same for both sets of features, so that neither is better."""

    @classmethod
    def of(cls, design: Design, seed: int = 0) -> World:
        """The world of a design."""
        rng = np.random.default_rng(seed)
        loadings = rng.normal(size=(FACTORS, design.targets)) / np.sqrt(FACTORS)
        return cls(design, loadings, rng.normal(size=(FACTORS, FEATURES)) / np.sqrt(FACTORS))


@dataclass(frozen=True)
class DataSet:
    """One draw: labels, two sets of features, and the folds of each repeat."""

    labels: np.ndarray
    """(compounds, targets)."""
    features: tuple[np.ndarray, np.ndarray]
    """(rows, features) each."""
    compounds: np.ndarray
    """(rows,): number of the compound."""
    repeats: list[list[np.ndarray]]
    """Rows of each test fold of each repeat."""


def draw(world: World, rng: np.random.Generator) -> DataSet:
    """A fresh data set: compounds, noise and folds."""
    design = world.design
    n = design.compounds
    factors = rng.normal(size=(n, FACTORS))
    liability = factors @ world.loadings + rng.normal(size=(n, design.targets))
    rank = (-liability).argsort(axis=0).argsort(axis=0)
    labels = (rank < np.floor(design.positives + np.arange(design.targets) % 2 / 2)).astype(float)
    compounds = np.repeat(np.arange(n), design.doses)
    strength = np.tile(np.linspace(0.2, 1, design.doses) if design.doses > 1 else [1.0], n)
    seen = factors if design.signal else rng.normal(size=(n, FACTORS))
    read = strength[:, None] * (seen @ world.mixing)[compounds] * (design.signal or 1.0)
    spectrum = 1 / np.sqrt(1 + np.arange(FEATURES) / 5)
    noise = [rng.normal(size=(n, FEATURES))[compounds] for _ in range(2)]
    if design.doses > 1:
        noise = [(own + rng.normal(size=own.shape)) / np.sqrt(2) for own in noise]
    repeats = []
    for _ in range(design.repeats):
        fold = rng.permutation(n) % FOLDS
        repeats.append([np.flatnonzero(fold[compounds] == k) for k in range(FOLDS)])
    one, other = ((own + read) * spectrum for own in noise)
    return DataSet(labels, (one, other), compounds, repeats)


def cross_validate(
    features: np.ndarray, data: DataSet, seed: np.random.Generator | None = None
) -> list[np.ndarray]:
    """Scores (rows, targets) of each repeat: ridge, trained without the test fold's compounds.

    Parameters
    ----------
    features
        (rows, features).
    data
        Labels and folds.
    seed
        Where a model has a seed: each is trained on a bootstrap sample of its training rows; None:
        on all of them.
    """
    truth = data.labels[data.compounds]
    found = []
    for folds in data.repeats:
        scores = np.empty(truth.shape)
        for test in folds:
            train = np.setdiff1d(np.arange(len(truth)), test)
            if seed is not None:
                train = seed.choice(train, len(train))
            centre = features[train].mean(axis=0)
            x, y = features[train] - centre, truth[train] - truth[train].mean(axis=0)
            gram = x.T @ x
            penalty = PENALTY * np.trace(gram) / len(gram)
            weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), x.T @ y)
            scores[test] = (features[test] - centre) @ weights
        found.append(scores)
    return found


def scored(scores: list[np.ndarray], data: DataSet) -> RepeatedAuc:
    """AUCs and influences of a row's scores, one table per repeat."""
    n = len(data.compounds)
    repeats = [[rows + i * n for rows in folds] for i, folds in enumerate(data.repeats)]
    r = len(repeats)
    return repeated_auc(
        np.tile(data.labels[data.compounds], (r, 1)),
        np.concatenate(scores),
        np.tile(data.compounds, r),
        repeats,
    )
