"""Scores at each concentration of a dose-response screen.

A label of the classification belongs to the compound's whole curve, and a target to the compound:
at a dose too low to act a regulated compound still counts as a positive, and the AUC falls to 0.5.
Levels are measured dose by dose. Either way the models are those of the tables, trained on all
doses; only what they are tested on is cut by dose.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.evaluation.folds import (
    aligned_labels,
    compound_draws,
    interval,
    mean_of_present,
    mean_over_folds,
)
from phenoprot.evaluation.regression import bootstrap_r2, pearson_r2_by_target, r2_by_target
from phenoprot.evaluation.results import DoseScores, defined, estimate, estimates
from phenoprot.evaluation.score import auc_scores
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, feature_columns
from phenoprot.tasks.columns import REPEAT


def concentrations(predictions: pd.DataFrame) -> list[float]:
    """Concentrations, ascending; none where no compound was given at two: no dose series."""
    doses = predictions.groupby(COMPOUND)[CONCENTRATION].nunique()
    return sorted(predictions[CONCENTRATION].unique()) if doses.max() > 1 else []


def _at_doses(predictions: pd.DataFrame) -> dict[float, pd.DataFrame]:
    return {
        float(dose): predictions[predictions[CONCENTRATION] == dose].reset_index(drop=True)
        for dose in concentrations(predictions)
    }


def classification_by_dose(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> list[DoseScores]:
    """Mean ROC AUC of the treatments at each concentration, within test folds.

    Parameters
    ----------
    predictions
        Treatments with fold and one score per target.
    labels
        By compound.
    settings
        Bootstraps and seed.

    Returns
    -------
    list of DoseScores
        Ascending. A target is scored if a fold has both classes; the mean ``auc`` over the targets
        has a 95 % interval from resampling the compounds.
    """
    return [_auc_at(dose, rows, labels, settings) for dose, rows in _at_doses(predictions).items()]


def _auc_at(
    dose: float, predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> DoseScores:
    scored = auc_scores(predictions, labels, settings)
    low, high = interval(mean_of_present(scored.draws, axis=1))
    mean = estimate(float(mean_of_present(scored.auc, axis=0)), low, high)
    return DoseScores(
        concentration=dose,
        n_compounds=int(predictions[COMPOUND].nunique()),
        n_targets_scored=int((~np.isnan(scored.auc)).sum()),
        means=estimates({"auc": mean}),
    )


def regression_by_dose(
    predictions: pd.DataFrame, levels: pd.DataFrame, settings: EvaluationSettings
) -> list[DoseScores]:
    """R2 of the levels at each concentration, both definitions.

    Over all compounds at once, each predicted by the model that did not see it: levels of different
    folds are in one unit, unlike the scores of a classifier, and the dozen compounds that a fold
    may have at one concentration are too few for a variance. SST is around the mean of the levels
    at that concentration: what all compounds share at a dose is no merit.

    Parameters
    ----------
    predictions
        Treatments with fold and one level per protein.
    levels
        By treatment.
    settings
        Bootstraps and seed.

    Returns
    -------
    list of DoseScores
        Ascending; over the proteins means of ``r2`` and ``pearson_r2`` with 95 % intervals, and
        the median R2. A resampled compound is there several times, which lowers SST and raises the
        correlation of noise: the intervals are the spread of the resampled values around the
        observed one, without that bias.
    """
    return [_r2_at(dose, rows, levels, settings) for dose, rows in _at_doses(predictions).items()]


def _r2_at(
    dose: float, predictions: pd.DataFrame, levels: pd.DataFrame, settings: EvaluationSettings
) -> DoseScores:
    truth = aligned_labels(predictions, levels)
    predicted = predictions[feature_columns(levels)].to_numpy(dtype=np.float64)
    weights = compound_draws(predictions[COMPOUND], settings.bootstraps, settings.seed)
    shuffles = [np.asarray(rows) for rows in predictions.groupby(REPEAT).indices.values()]
    scores = {"r2": r2_by_target, "pearson_r2": pearson_r2_by_target}
    by_target = {
        name: mean_over_folds([score(truth[rows], predicted[rows]) for rows in shuffles])
        for name, score in scores.items()
    }
    drawn = [bootstrap_r2(truth[rows], predicted[rows], weights[:, rows]) for rows in shuffles]
    found = {}
    for name, draws in zip(scores, zip(*drawn, strict=True), strict=True):
        mean = float(mean_of_present(by_target[name], axis=0))
        means = mean_of_present(mean_over_folds(draws), axis=1)
        found[name] = estimate(mean, *interval(means - mean_of_present(means, axis=0) + mean))
    return DoseScores(
        concentration=dose,
        n_compounds=int(predictions[COMPOUND].nunique()),
        n_targets_scored=int((~np.isnan(by_target["r2"])).sum()),
        means=estimates(found),
        median=defined(float(pd.Series(by_target["r2"]).dropna().median())),
    )
