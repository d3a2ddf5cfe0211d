"""Measured and predicted levels side by side: as they are, and in standard deviations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from phenoprot.evaluation.folds import aligned_labels
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, feature_columns
from phenoprot.tasks.columns import FOLD, REPEAT

CONSTANT = 1e-6
"""A column whose standard deviation is this small beside its mean is constant but for rounding."""


@dataclass(frozen=True)
class LevelData:
    """The rows of one set of predictions; each repeat holds every treatment once.

    Levels are log2 ratios against the controls, or sd of the controls: nothing here depends on it.
    """

    names: list[str]
    """Proteins."""
    truth: np.ndarray
    """(rows, targets): measured levels, NaN where there is none."""
    predicted: np.ndarray
    """(rows, targets)."""
    fold: np.ndarray
    """(rows,): outer fold."""
    repeat: np.ndarray
    """(rows,): draw of the folds, numbered from 0 without gaps."""
    compound: np.ndarray
    """(rows,): compounds, numbered from 0 without gaps in the order of their names."""
    concentration: np.ndarray
    """(rows,)."""

    @classmethod
    def of(cls, predictions: pd.DataFrame, levels: pd.DataFrame) -> LevelData:
        """Set levels beside the predictions.

        Parameters
        ----------
        predictions
            Treatments with fold, repeat and one level per protein.
        levels
            By treatment.
        """
        names = feature_columns(levels)
        return cls(
            names=names,
            # Row by row in memory: pandas hands over columns, and every look at a row would stride.
            truth=np.ascontiguousarray(aligned_labels(predictions, levels)),
            predicted=np.ascontiguousarray(predictions[names].to_numpy(dtype=np.float64)),
            fold=predictions[FOLD].to_numpy(),
            repeat=_numbers(predictions[REPEAT].to_numpy()),
            compound=_numbers(predictions[COMPOUND].to_numpy(dtype=str)),
            concentration=predictions[CONCENTRATION].to_numpy(dtype=np.float64),
        )

    @property
    def n_repeats(self) -> int:
        """Number of draws of the folds."""
        return int(self.repeat.max(initial=-1)) + 1

    @property
    def n_compounds(self) -> int:
        """Number of compounds."""
        return int(self.compound.max(initial=-1)) + 1

    def repeats(self) -> list[np.ndarray]:
        """Row numbers of each repeat."""
        return [np.flatnonzero(self.repeat == number) for number in range(self.n_repeats)]

    def folds(self) -> list[list[np.ndarray]]:
        """Row numbers of each test fold of each repeat."""
        return [
            [rows[self.fold[rows] == fold] for fold in np.unique(self.fold[rows])]
            for rows in self.repeats()
        ]

    def concentrations(self) -> list[float]:
        """Concentrations, ascending; none where no compound was given at two: no dose series."""
        pairs = np.unique(np.column_stack([self.compound, self.concentration]), axis=0)
        series = len(pairs) > self.n_compounds
        return [float(dose) for dose in np.unique(self.concentration)] if series else []

    def take(self, rows: np.ndarray) -> LevelData:
        """Some of the rows, given by a mask."""
        return LevelData(
            names=self.names,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            fold=self.fold[rows],
            repeat=_numbers(self.repeat[rows]),
            compound=_numbers(self.compound[rows]),
            concentration=self.concentration[rows],
        )

    def standardised(self) -> LevelData:
        """The same on the scale that the models were trained on.

        Levels and predictions of a test fold are brought to mean 0 and standard deviation 1 by the
        measured levels of the other folds of the same repeat, target by target. No test level
        enters the scale. NaN where the other folds have no two different levels.
        """
        truth, predicted = np.full((2, *self.truth.shape), np.nan)
        for number, folds in enumerate(self.folds()):
            for rows in folds:
                others = (self.repeat == number) & (self.fold != self.fold[rows[0]])
                mean, sd = mean_and_sd(self.truth[others])
                truth[rows] = (self.truth[rows] - mean) / sd
                predicted[rows] = (self.predicted[rows] - mean) / sd
        return replace(self, truth=truth, predicted=predicted)


def _numbers(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1].ravel()


def mean_and_sd(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (divisor n) of (rows, targets), NaN left out.

    Both are NaN where there are no two different values.
    """
    present = ~np.isnan(values)
    n = np.where(present.any(axis=0), present.sum(axis=0), np.nan)
    mean = np.where(present, values, 0.0).sum(axis=0) / n
    sd = np.sqrt(np.where(present, (values - mean) ** 2, 0.0).sum(axis=0) / n)
    varied = sd > CONSTANT * np.abs(mean)
    return np.where(varied, mean, np.nan), np.where(varied, sd, np.nan)
