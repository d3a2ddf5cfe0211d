"""Scores of predicted protein levels at each concentration of a dose-response screen.

Levels are measured dose by dose. The models are those of the tables, trained on all doses; only
what they are tested on is cut by dose. All compounds count at once, each predicted by the model
that did not see it: levels of different folds are in one unit, unlike the scores of a classifier,
and the dozen compounds that a fold may have at one concentration are too few for a variance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.evaluation.blocks import Wide
from phenoprot.evaluation.folds import mean_of_present, mean_over_folds
from phenoprot.evaluation.level_data import LevelData, levels_in_blocks
from phenoprot.evaluation.level_influence import PooledAtDose
from phenoprot.evaluation.regression import r2_by_target
from phenoprot.evaluation.results import DoseScores, defined, estimates
from phenoprot.evaluation.settings import EvaluationSettings


def regression_by_dose(
    predictions: Wide, levels: Wide, settings: EvaluationSettings
) -> list[DoseScores]:
    """Pooled skill of the levels at each concentration, and the median R2 over the proteins.

    Parameters
    ----------
    predictions, levels
        As of `LevelData.of`.
    settings
        None is needed: the intervals come without draws.

    Returns
    -------
    list of DoseScores
        Ascending; ``skill``, see :class:`~phenoprot.evaluation.level_influence.PooledAtDose`, with
        its 95 % interval, and the median R2. Either is around the mean of the levels at that
        concentration, and a mean over the repeats.
    """
    del settings
    at: list[_Dose] = []
    for data in levels_in_blocks(predictions, levels):
        scaled = data.standardised()
        given = {dose: data.concentration == dose for dose in data.concentrations()}
        if not at:
            at = [_Dose(dose, scaled.take(rows)) for dose, rows in given.items()]
        for one in at:
            one.r2.append(r2_at_dose(data.take(given[one.concentration])))
            one.pooled.add(scaled.take(given[one.concentration]))
    return [one.scores() for one in at]


class _Dose:
    """What is gathered at one concentration, block by block of targets."""

    def __init__(self, concentration: float, data: LevelData) -> None:
        self.concentration, self.n_compounds = concentration, data.n_compounds
        self.pooled, self.r2 = PooledAtDose(data), list[np.ndarray]()

    def scores(self) -> DoseScores:
        """Of all blocks."""
        r2 = np.concatenate(self.r2)
        return DoseScores(
            concentration=self.concentration,
            n_compounds=self.n_compounds,
            n_targets_scored=int((~np.isnan(r2)).sum()),
            means=estimates({"skill": self.pooled.skill().estimate()}),
            median=defined(float(pd.Series(r2).dropna().median())),
        )


def r2_at_dose(data: LevelData) -> np.ndarray:
    """R2 (targets,) over the compounds of all test folds, mean over the repeats.

    Parameters
    ----------
    data
        Levels and predictions of one concentration.
    """
    return mean_over_folds(
        [r2_by_target(data.truth[rows], data.predicted[rows]) for rows in data.repeats()]
    )


def mean_r2_over_doses(data: LevelData) -> np.ndarray:
    """Mean (targets,) of the R2 at each concentration: "averaged across all concentrations".

    Parameters
    ----------
    data
        Levels and predictions at all concentrations.

    Returns
    -------
    numpy.ndarray
        Over the concentrations at which a protein has an R2; NaN where it has none, and for all
        proteins without a dose series.
    """
    at = [r2_at_dose(data.take(data.concentration == dose)) for dose in data.concentrations()]
    return mean_of_present(np.stack(at), axis=0) if at else np.full(len(data.names), np.nan)
