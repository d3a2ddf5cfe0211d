"""Scores among treatments of about as many cells: what is read beyond the number of cells.

Treatments are cut into thirds by their cell number. Within a third a positive is compared only with
negatives of its own test fold and third, so that a score that is nothing but the cell number falls
towards 0.5.
"""

from __future__ import annotations

from typing import Final, get_args

import numpy as np
import pandas as pd

from phenoprot.evaluation.folds import aligned_labels, repeats_of
from phenoprot.evaluation.means import auc_estimate
from phenoprot.evaluation.repeated import repeated_auc
from phenoprot.evaluation.results import Stratum, StratumScores, estimates
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns

THIRDS: Final = 3


def auc_within_thirds(
    predictions: pd.DataFrame, labels: pd.DataFrame, counts: pd.DataFrame
) -> list[StratumScores]:
    """Mean ROC AUC among the treatments with few, middling and many cells, and within all thirds.

    Parameters
    ----------
    predictions
        Treatments with fold, repeat and one score per target.
    labels
        By compound.
    counts
        Treatment and one feature: its cell number, on any scale. Treatments without one are left
        out.

    Returns
    -------
    list of StratumScores
        ``few``, ``middle``, ``many``; ``within``: all three, each positive row among the negatives
        of its own third.
    """
    third = predictions[TREATMENT_KEY].merge(_thirds(counts), how="left", on=TREATMENT_KEY)
    of_row = third["third"].to_numpy()
    truth = aligned_labels(predictions, labels)
    scores = predictions[feature_columns(labels)].to_numpy(dtype=np.float64)
    compounds = np.unique(predictions[COMPOUND], return_inverse=True)[1]
    repeats = repeats_of(predictions)
    chosen = [[number] for number in range(THIRDS)] + [list(range(THIRDS))]
    found = []
    for name, numbers in zip(get_args(Stratum), chosen, strict=True):
        parts = [
            [rows[of_row[rows] == number] for rows in folds for number in numbers]
            for folds in repeats
        ]
        aucs = repeated_auc(truth, scores, compounds, [[r for r in p if len(r)] for p in parts])
        found.append(
            StratumScores(
                name=name,
                n_targets_scored=int((~np.isnan(aucs.auc)).sum()),
                means=estimates({"auc": auc_estimate(aucs.mean())}),
            )
        )
    return found


def _thirds(counts: pd.DataFrame) -> pd.DataFrame:
    """Third of each treatment, 0 to 2, by rank; equal numbers are in one third."""
    (feature,) = feature_columns(counts)
    known = counts.dropna(subset=[feature])
    rank = known[feature].rank(method="average").to_numpy()
    third = np.minimum((rank - 0.5) * THIRDS // len(known), THIRDS - 1)
    return known[TREATMENT_KEY].assign(third=third)
