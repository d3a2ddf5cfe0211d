"""The leak gauge: what folds that tear compounds apart would pretend.

The same features and model, cross-validated once with folds of compounds and once with folds of
treatments. In the second, doses of a test compound are among the training rows, and its label with
them: a model may recognise the compound instead of reading the protein. The gap is the size of that
mistake on this screen. Where a compound has a single treatment the two differ only in which
compounds fell into which fold, and the gap is about 0.
"""

from __future__ import annotations

import pandas as pd

from phenoprot.evaluation.doses import concentrations
from phenoprot.evaluation.folds import interval, mean_of_present
from phenoprot.evaluation.score import AucScores, auc_scores, level_scores
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import Metrics, without_nan


def leak_of_aucs(
    aucs: AucScores, leaking: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> Metrics:
    """Mean AUC under folds of treatments, and its gap to that under folds of compounds.

    Parameters
    ----------
    aucs
        Scores under folds of compounds.
    leaking
        Predictions of the same treatments under folds of treatments.
    labels
        By compound.
    settings
        Bootstraps and seed, as for `aucs`: the draws of compounds are the same.

    Returns
    -------
    dict
        ``leak_mean_auc``, ``leak_gap`` with its 95 % interval, and ``leak_n_doses``: most
        treatments of a compound.
    """
    torn = auc_scores(leaking, labels, settings)
    low, high = interval(mean_of_present(torn.draws - aucs.draws, axis=1))
    return without_nan(
        {
            "leak_mean_auc": float(mean_of_present(torn.auc, axis=0)),
            "leak_gap": float(mean_of_present(torn.auc - aucs.auc, axis=0)),
            "leak_gap_ci_low": low,
            "leak_gap_ci_high": high,
            "leak_n_doses": max(1, len(concentrations(leaking))),
        }
    )


def leak_of_levels(targets: pd.DataFrame, leaking: pd.DataFrame, levels: pd.DataFrame) -> Metrics:
    """Mean concordance under folds of treatments, and its gap to that under folds of compounds.

    Not R2: a fold of compounds in which a protein hardly varies has a tiny SST, a fold of
    treatments has not, and the gap would measure that.

    Parameters
    ----------
    targets
        Scores under folds of compounds, one line per protein.
    leaking
        Predictions of the same treatments under folds of treatments.
    levels
        By treatment.

    Returns
    -------
    dict
        ``leak_mean_concordance``, ``leak_gap``, ``leak_n_doses``.
    """
    torn = level_scores(leaking, levels)["concordance"]
    return without_nan(
        {
            "leak_mean_concordance": float(torn.mean()),
            "leak_gap": float((torn - targets["concordance"]).mean()),
            "leak_n_doses": max(1, len(concentrations(leaking))),
        }
    )
