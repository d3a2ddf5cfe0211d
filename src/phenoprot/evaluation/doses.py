"""ROC AUC at each concentration of a dose-response screen.

A label of the classification belongs to the compound's whole curve, and a target to the compound:
at a dose too low to act a regulated compound still counts as a positive, and the AUC falls to 0.5.
The models are those of the tables, trained on all doses; only what they are tested on is cut by
dose.
"""

from __future__ import annotations

import numpy as np

from phenoprot.evaluation.blocks import Wide, key_of
from phenoprot.evaluation.means import auc_estimate
from phenoprot.evaluation.results import DoseScores, estimates
from phenoprot.evaluation.score import aucs_of_parts, part_of
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, CONCENTRATION


def concentrations(predictions: Wide) -> list[float]:
    """Concentrations, ascending; none where no compound was given at two: no dose series."""
    key = key_of(predictions)
    doses = key.groupby(COMPOUND)[CONCENTRATION].nunique()
    return sorted(key[CONCENTRATION].unique()) if doses.max() > 1 else []


def classification_by_dose(
    predictions: Wide, labels: Wide, settings: EvaluationSettings
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
    key, doses = key_of(predictions), concentrations(predictions)
    given = [np.flatnonzero(key[CONCENTRATION] == dose) for dose in doses]
    scored = aucs_of_parts(predictions, labels, [part_of(predictions, rows) for rows in given])
    return [
        DoseScores(
            concentration=float(dose),
            n_compounds=int(key[COMPOUND].iloc[rows].nunique()),
            n_targets_scored=int((~np.isnan(aucs.auc)).sum()),
            means=estimates({"auc": auc_estimate(aucs.mean())}),
        )
        for dose, rows, aucs in zip(doses, given, scored, strict=True)
    ]
