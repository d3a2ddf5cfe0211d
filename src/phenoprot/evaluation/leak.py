"""The leak gauge: what folds that split a compound between training and test would pretend.

The same features and model, cross-validated once with folds of compounds and once with folds of
treatments. In the second, doses of a test compound are among the training rows, and its label with
them: a model may recognise the compound instead of reading the protein. The gap is the size of that
error on this screen. Where a compound has a single treatment the two differ only in which
compounds fell into which fold, and the gap is about 0.
"""

from __future__ import annotations

import pandas as pd

from phenoprot.evaluation.doses import concentrations
from phenoprot.evaluation.folds import interval, mean_of_present
from phenoprot.evaluation.results import LeakGauge, defined, estimate
from phenoprot.evaluation.score import RowScores, auc_scores, level_scores
from phenoprot.evaluation.settings import EvaluationSettings


def leak_of_aucs(
    scores: RowScores, leaking: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> LeakGauge:
    """Mean AUC under folds of treatments, and its gap to that under folds of compounds.

    Parameters
    ----------
    scores
        Scores under folds of compounds.
    leaking
        Predictions of the same treatments under folds of treatments.
    labels
        By compound.
    settings
        Bootstraps and seed, as for `scores`: the draws of compounds are the same.
    """
    aucs = scores.bootstrapped
    torn = auc_scores(leaking, labels, settings)
    low, high = interval(mean_of_present(torn.draws - aucs.draws, axis=1))
    return LeakGauge(
        score="auc",
        mean=defined(float(mean_of_present(torn.auc, axis=0))),
        gap=estimate(float(mean_of_present(torn.auc - aucs.auc, axis=0)), low, high),
        n_doses=max(1, len(concentrations(leaking))),
    )


def leak_of_levels(
    scores: RowScores, leaking: pd.DataFrame, levels: pd.DataFrame, settings: EvaluationSettings
) -> LeakGauge:
    """Mean concordance under folds of treatments, and its gap to that under folds of compounds.

    Not R2: a fold of compounds in which a protein hardly varies has a tiny SST, a fold of
    treatments has not, and the gap would measure that.

    Parameters
    ----------
    scores
        Scores under folds of compounds.
    leaking
        Predictions of the same treatments under folds of treatments.
    levels
        By treatment.
    settings
        None is needed: the gap has no interval.
    """
    del settings
    torn = level_scores(leaking, levels)["concordance"]
    return LeakGauge(
        score="concordance",
        mean=defined(float(torn.mean())),
        gap=estimate(float((torn - scores.targets["concordance"]).mean())),
        n_doses=max(1, len(concentrations(leaking))),
    )
