"""Score the predictions of one table row: every target within each test fold, over the repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.evaluation.chance import permuted_auc, widened
from phenoprot.evaluation.folds import aligned_labels, repeats_of
from phenoprot.evaluation.repeated import RepeatedAuc, repeated_auc
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND, feature_columns
from phenoprot.tasks.columns import FOLD, LABELS_OF, REPEAT


@dataclass(frozen=True)
class RowScores:
    """Scores of one row."""

    targets: pd.DataFrame
    """One line per target."""
    n_compounds: int
    """Compounds with a prediction."""
    n_repeats: int = 1
    """Draws of the outer folds."""
    n_folds: int | None = None
    """Outer folds of each."""
    aucs: RepeatedAuc | None = None
    """Behind the table, unless it is one of levels."""
    chance: np.ndarray | None = None
    """(permutations, targets): the main score by chance, compounds permuted for all targets at
    once."""

    @property
    def repeated(self) -> RepeatedAuc:
        """The AUCs of a row that has them."""
        if self.aucs is None:
            raise ValueError("scores of levels have no AUC")
        return self.aucs

    @property
    def by_chance(self) -> np.ndarray:
        """What chance gives, of a row of which it was drawn."""
        if self.chance is None:
            raise ValueError("no permutations were drawn")
        return self.chance


def auc_scores(predictions: pd.DataFrame, labels: pd.DataFrame) -> RepeatedAuc:
    """ROC AUC per target: within each test fold, positives-weighted, then over the repeats.

    Pooling the folds' predictions first would compare scores of five differently calibrated models
    and pushes shuffled labels below 0.5. Compounds are in the order of their names.
    """
    return repeated_auc(
        aligned_labels(predictions, labels),
        predictions[feature_columns(labels)].to_numpy(dtype=np.float64),
        np.unique(predictions[COMPOUND], return_inverse=True)[1],
        repeats_of(predictions),
    )


def chance_aucs(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> np.ndarray:
    """AUCs (permutations, targets) by chance: permuted among the compounds, and widened.

    See :func:`~phenoprot.evaluation.chance.permuted_auc` and
    :func:`~phenoprot.evaluation.chance.widened`. The predictions are held fixed. The permuted
    compounds are those of the predictions.
    """
    names, codes = np.unique(predictions[LABELS_OF], return_inverse=True)
    targets = feature_columns(labels)
    drawn = permuted_auc(
        labels.set_index(COMPOUND).reindex(names)[targets].to_numpy(dtype=np.float64),
        predictions[targets].to_numpy(dtype=np.float64),
        codes,
        repeats_of(predictions),
        settings.permutations,
        settings.seed,
    )
    return np.round(widened(drawn, 0.5), 12)


def score_classification(
    predictions: pd.DataFrame, labels: pd.DataFrame, settings: EvaluationSettings
) -> RowScores:
    """ROC AUC per target (see :func:`auc_scores`), and how often chance reaches the thresholds.

    A fold without both classes is skipped and counted.
    """
    truth = aligned_labels(predictions, labels)
    scored = auc_scores(predictions, labels)
    chance = chance_aucs(predictions, labels, settings)
    repeats = predictions[REPEAT]
    once = repeats == repeats.min()
    reached = {f"chance_ge_{t:g}": (chance >= t).mean(axis=0) for t in settings.auc_thresholds}
    table = pd.DataFrame(
        {
            "Target": feature_columns(labels),
            "auc": scored.auc,
            "n_positives": (truth[once] == 1).sum(axis=0),
            "n_negatives": (truth[once] == 0).sum(axis=0),
            "folds_skipped": scored.skipped,
            **_above_chance(scored.auc, chance),
            **reached,
        }
    )
    n_compounds = int(predictions[COMPOUND].nunique())
    n_folds = int(predictions[FOLD].nunique())
    return RowScores(table, n_compounds, int(repeats.nunique()), n_folds, scored, chance)


def _above_chance(auc: np.ndarray, chance: np.ndarray) -> dict[str, np.ndarray]:
    """One-sided p of each target's AUC, and q (Benjamini-Hochberg over the targets).

    The observed labels count as one of the permutations, so that p is never 0 (Phipson & Smyth
    2010, doi:10.2202/1544-6115.1585).
    """
    reached = (np.nan_to_num(chance, nan=0.5) >= auc).sum(axis=0)
    p = np.where(np.isnan(auc), np.nan, (reached + 1) / (len(chance) + 1))
    return {"p": p, "q": benjamini_hochberg(p)}
