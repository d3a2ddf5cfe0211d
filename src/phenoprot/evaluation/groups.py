"""Mean scores of the targets with one planted effect."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phenoprot.evaluation.means import auc_estimate
from phenoprot.evaluation.repeated import RepeatedAuc
from phenoprot.evaluation.results import Group, GroupScores, estimates


def auc_groups(
    table: pd.DataFrame, groups: Mapping[str, Group], aucs: RepeatedAuc
) -> list[GroupScores]:
    """Mean AUC of each group of targets, with its 95 % interval.

    Parameters
    ----------
    table
        One line per target: ``Target``.
    groups
        Group by target; a target without one is in no mean.
    aucs
        Of the targets of `table`.

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
        means = estimates({"auc": auc_estimate(aucs.mean(inside))})
        found.append(GroupScores(group=group, n=int(inside.sum()), means=means))
    return found
