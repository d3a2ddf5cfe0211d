"""ROC AUC at each concentration of a dose-response screen.

A label of the classification belongs to the compound's whole curve, and a target to the compound:
at a dose too low to act a regulated compound still counts as a positive, and the AUC falls to 0.5.
The models are those of the tables, trained on all doses; only what they are tested on is cut by
dose.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.evaluation.means import auc_estimate
from phenoprot.evaluation.results import DoseScores, estimates
from phenoprot.evaluation.score import auc_scores
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION


def concentrations(predictions: pd.DataFrame) -> list[float]:
    """Concentrations, ascending; none where no compound was given at two: no dose series."""
    doses = predictions.groupby(COMPOUND)[CONCENTRATION].nunique()
    return sorted(predictions[CONCENTRATION].unique()) if doses.max() > 1 else []


def classification_by_dose(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> list[DoseScores]:
    """Mean ROC AUC of the treatments at each concentration, within test folds.

    Parameters
    ----------
    predictions
        Treatments with fold, repeat and one score per target.
    labels
        By compound.
    settings
        None is needed.

    Returns
    -------
    list of DoseScores
        Ascending. A target is scored if a fold has both classes; the mean ``auc`` over the targets
        has a 95 % interval, see :mod:`phenoprot.evaluation.uncertainty`.
    """
    del settings
    return [
        _auc_at(float(dose), predictions[predictions[CONCENTRATION] == dose], labels)
        for dose in concentrations(predictions)
    ]


def _auc_at(dose: float, predictions: pd.DataFrame, labels: pd.DataFrame) -> DoseScores:
    scored = auc_scores(predictions, labels)
    return DoseScores(
        concentration=dose,
        n_compounds=int(predictions[COMPOUND].nunique()),
        n_targets_scored=int((~np.isnan(scored.auc)).sum()),
        means=estimates({"auc": auc_estimate(scored.mean())}),
    )
