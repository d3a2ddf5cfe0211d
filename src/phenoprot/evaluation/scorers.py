"""The two kinds of scoring, each as one object; a task names its own (`Task.scorer`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from phenoprot.evaluation.blocks import Wide
from phenoprot.evaluation.doses import classification_by_dose
from phenoprot.evaluation.groups import auc_groups
from phenoprot.evaluation.leak import leak_of_aucs, leak_of_levels
from phenoprot.evaluation.level_doses import regression_by_dose
from phenoprot.evaluation.levels import level_groups, level_result, score_regression
from phenoprot.evaluation.results import (
    DoseScores,
    Group,
    GroupScores,
    LeakGauge,
    RowResult,
    ScorerName,
    StratumScores,
)
from phenoprot.evaluation.score import RowScores, score_classification
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.strata import auc_within_thirds
from phenoprot.evaluation.summary import auc_result


@dataclass(frozen=True)
class Scorer:
    """How the predictions of a row are scored. All functions are pure."""

    score: Callable[[Wide, Wide, EvaluationSettings], RowScores]
    """Of predictions and labels, target by target."""
    result: Callable[[RowScores, EvaluationSettings], RowResult]
    """Summary of these scores."""
    by_dose: Callable[[Wide, Wide, EvaluationSettings], list[DoseScores]]
    """Of predictions and labels, at each concentration."""
    leak: Callable[[RowScores, Wide, Wide, EvaluationSettings], LeakGauge]
    """Of the scores, the predictions under leaking folds, and labels."""
    groups: Callable[[RowScores, Mapping[str, Group]], list[GroupScores]]
    """Of the scores, and the group of each target."""
    by_stratum: Callable[[Wide, Wide, pd.DataFrame], list[StratumScores]] | None
    """Of predictions, labels and cell numbers; None: not of these scores."""
    thresholds: str
    """Key of its thresholds in the settings."""
    compares: bool
    """Whether rows are compared with one another."""


def _auc_groups(scores: RowScores, groups: Mapping[str, Group]) -> list[GroupScores]:
    return auc_groups(scores.targets, groups, scores.repeated)


SCORERS: dict[ScorerName, Scorer] = {
    "auc": Scorer(
        score=score_classification,
        result=auc_result,
        by_dose=classification_by_dose,
        leak=leak_of_aucs,
        groups=_auc_groups,
        by_stratum=auc_within_thirds,
        thresholds="auc_thresholds",
        compares=True,
    ),
    "levels": Scorer(
        score=score_regression,
        result=level_result,
        by_dose=regression_by_dose,
        leak=leak_of_levels,
        groups=level_groups,
        by_stratum=None,
        thresholds="r2_thresholds",
        compares=False,
    ),
}
"""By the scorer of a task."""
