"""Scores among some of the treatments: of about as many cells, or of active compounds alone.

Within a stratum a positive is compared only with negatives of its own test fold and stratum. Cut
into thirds by the cell number, a score that is nothing but the cell number falls towards 0.5. Cut
by activity, it shows whether what is read is more than that a compound does something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

import numpy as np
import pandas as pd

from phenoprot.evaluation.blocks import Wide, key_of
from phenoprot.evaluation.means import auc_estimate
from phenoprot.evaluation.results import Activeness, Stratum, StratumScores, estimates
from phenoprot.evaluation.score import Part, aucs_of_parts, part_of
from phenoprot.screens.contract import COMPOUND, TREATMENT_KEY, feature_columns

THIRDS: Final = 3


def auc_within_thirds(predictions: Wide, labels: Wide, counts: pd.DataFrame) -> list[StratumScores]:
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
    third = key_of(predictions)[TREATMENT_KEY].merge(_thirds(counts), how="left", on=TREATMENT_KEY)
    chosen = [[number] for number in range(THIRDS)] + [list(range(THIRDS))]
    strata = dict(zip(get_args(Stratum), chosen, strict=True))
    return _auc_within(predictions, labels, third["third"].to_numpy(), strata)


def auc_by_activity(
    predictions: Wide, labels: Wide, active: Mapping[str, bool]
) -> list[StratumScores]:
    """Mean ROC AUC among the active and among the inactive compounds, all their treatments.

    Parameters
    ----------
    predictions, labels
        As of :func:`auc_within_thirds`.
    active
        By compound; those without a test are left out.

    Returns
    -------
    list of StratumScores
        ``active``, ``inactive``.
    """
    code = key_of(predictions)[COMPOUND].map({name: float(not own) for name, own in active.items()})
    strata: dict[Activeness, list[int]] = {"active": [0], "inactive": [1]}
    return _auc_within(predictions, labels, code.to_numpy(dtype=np.float64), strata)


def _auc_within(
    predictions: Wide,
    labels: Wide,
    code: np.ndarray,
    strata: Mapping[Stratum, Sequence[int]] | Mapping[Activeness, Sequence[int]],
) -> list[StratumScores]:
    """Scores in each stratum, given by the codes (rows,) of the treatments that it takes."""
    compounds, repeats = part_of(predictions)
    parts: list[Part] = []
    for codes in strata.values():
        cut = [[rows[code[rows] == own] for rows in folds for own in codes] for folds in repeats]
        parts.append((compounds, [[rows for rows in folds if len(rows)] for folds in cut]))
    return [
        StratumScores(
            name=name,
            n_targets_scored=int((~np.isnan(aucs.auc)).sum()),
            means=estimates({"auc": auc_estimate(aucs.mean())}),
        )
        for name, aucs in zip(strata, aucs_of_parts(predictions, labels, parts), strict=True)
    ]


def _thirds(counts: pd.DataFrame) -> pd.DataFrame:
    """Third of each treatment, 0 to 2, by rank; equal numbers are in one third."""
    (feature,) = feature_columns(counts)
    known = counts.dropna(subset=[feature])
    rank = known[feature].rank(method="average").to_numpy()
    third = np.minimum((rank - 0.5) * THIRDS // len(known), THIRDS - 1)
    return known[TREATMENT_KEY].assign(third=third)
