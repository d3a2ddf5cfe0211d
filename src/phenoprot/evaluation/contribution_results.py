"""What carries the predictions of a row: settings and results, typed."""

from __future__ import annotations

from typing import Literal, get_args

from phenoprot.core.settings import Count, Seed, Settings, Share
from phenoprot.evaluation.feature_groups import Grouping
from phenoprot.evaluation.results import Estimate

Measure = Literal["drop", "alone", "share"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
First = Literal["stain", "compartment", "place", "stain and compartment"]
"""What of a planted place comes first; a compartment and a stain each for itself, or as one."""
KEY = ["Target", "Grouping", "Group"]
COLUMNS = [*KEY, "n_features", "auc", "drop", "drop_se", "alone", "share"]
"""Of the table of targets and groups, see :mod:`phenoprot.evaluation.contributions`."""


class ContributionSettings(Settings):
    """Which groups of image features carry a target's prediction."""

    draws: Count = 10
    """Permutations of the test compounds that each group's figures are means over."""
    min_auc: Share = 0.7
    """Means are over the targets that the row predicts at this ROC AUC or above: what carries a
    prediction can be asked of those alone that are predicted."""
    seed: Seed = 0
    """Seed of the permutations."""


class GroupContribution(Settings):
    """One group of features, means over targets."""

    grouping: Grouping
    group: str
    n_features: int
    drop: Estimate | None = None
    """ROC AUC lost when the group is permuted among the test compounds."""
    alone: float | None = None
    """ROC AUC when everything else is permuted."""
    share: float | None = None
    """Share of the variance of the score, of a linear model."""


class PlantedFirst(Settings):
    """How often what was planted comes first, over the targets shown."""

    grouping: First
    measure: Measure
    share: Share
    """Share of the targets whose first group is one of their programmes'."""
    by_chance: Share | None = None
    """The same with the programmes of another target, mean over all pairs. None: there is one."""


class ContributionResult(Settings):
    """All that is said of one row in one part of the benchmark."""

    n_targets: int
    n_shown: int
    """Targets at `min_auc` or above: the means are over these."""
    min_auc: float
    draws: int
    groups: list[GroupContribution]
    """By grouping, groups in the order of the features."""
    n_planted: int = 0
    """Of the targets shown, those that a programme moves which images show."""
    planted: list[PlantedFirst] = []
    """Of a simulated screen; empty without such targets."""
