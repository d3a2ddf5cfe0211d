"""Mean scores of the targets with one planted effect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from phenoprot.evaluation.folds import interval, mean_of_present
from phenoprot.evaluation.results import Group, GroupScores, estimate, estimates


def group_scores(
    table: pd.DataFrame,
    groups: Mapping[str, Group],
    scores: Sequence[str],
    draws: np.ndarray | None = None,
) -> list[GroupScores]:
    """Mean scores of each group of targets.

    Parameters
    ----------
    table
        One line per target: ``Target`` and the columns `scores`.
    groups
        Group by target; a target without one is in no mean.
    scores
        Columns to average.
    draws
        (bootstraps, targets) of the first score, behind its 95 % interval.

    Returns
    -------
    list of GroupScores
        In the order of the groups; a group without targets is left out.
    """
    of_target = [groups.get(name) for name in table["Target"]]
    there = {group for group in of_target if group is not None}
    found = []
    for group in sorted(there, key=lambda group: group.order):
        inside = np.array([one == group for one in of_target])
        ends = dict.fromkeys(scores, (math.nan, math.nan))
        if draws is not None:
            ends[scores[0]] = interval(mean_of_present(draws[:, inside], axis=1))
        means = {
            name: estimate(float(table.loc[inside, name].mean()), *ends[name]) for name in scores
        }
        found.append(GroupScores(group=group, n=int(inside.sum()), means=estimates(means)))
    return found
