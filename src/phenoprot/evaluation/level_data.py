"""Measured and predicted levels side by side: as they are, and in standard deviations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from phenoprot.evaluation.blocks import Wide, in_blocks, key_of
from phenoprot.screens.contract import COMPOUND, CONCENTRATION
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
        """Set levels beside the predictions, all targets at once.

        Parameters
        ----------
        predictions
            Treatments with fold, repeat and one level per protein.
        levels
            By treatment.
        """
        data = list(levels_in_blocks(predictions, levels))
        truth, predicted = (
            np.concatenate([getattr(one, of) for one in data], axis=1)
            for of in ("truth", "predicted")
        )
        names = [name for one in data for name in one.names]
        return replace(data[0], names=names, truth=truth, predicted=predicted)

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


def levels_in_blocks(predictions: Wide, levels: Wide) -> Iterator[LevelData]:
    """Levels beside the predictions, a block of targets at a time.

    Parameters
    ----------
    predictions, levels
        As of `LevelData.of`; frames or files.

    Raises
    ------
    UserError
        A file is damaged.
    """
    key = key_of(predictions)
    fold, repeat = key[FOLD].to_numpy(), _numbers(key[REPEAT].to_numpy())
    compound = _numbers(key[COMPOUND].to_numpy(dtype=str))
    concentration = key[CONCENTRATION].to_numpy(dtype=np.float64)
    for block in in_blocks(predictions, levels):
        yield LevelData(
            names=block.names,
            # Row by row in memory: every look at a row would stride otherwise.
            truth=np.ascontiguousarray(block.labels.T),
            predicted=np.ascontiguousarray(block.scores.T),
            fold=fold,
            repeat=repeat,
            compound=compound,
            concentration=concentration,
        )


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
