"""The labels of a simulated screen against what was planted, and the groups of its targets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd

from phenoprot.evaluation.results import EffectRecall, Group, LabelTruth, tidy
from phenoprot.screens.contract import COMPOUND, PROTEIN
from phenoprot.tasks.planted import BINS, EFFECTS
from phenoprot.tasks.task import Task

PLANTED = [COMPOUND, PROTEIN, "log2_fold_change"]
"""Columns of ``truth/regulation.parquet``."""
EFFECT_GROUPS = {
    name: Group(low=low, high=None if high == EFFECTS[-1] else high)
    for name, (low, high) in zip(BINS, pairwise(EFFECTS), strict=True)
}
"""Bins of the planted effect by their names."""


def planted_groups(task: Task, truth: Path, part: str) -> dict[str, Group] | None:
    """Group of each target of a part.

    Parameters
    ----------
    task
        The task that the part is of.
    truth
        Folder ``truth`` of a simulated screen.
    part
        Name of the part.

    Returns
    -------
    dict or None
        Group by target; None: the task knows of nothing planted.
    """
    names = task.planted_groups(truth, part)
    if names is None:
        return None
    return {
        target: EFFECT_GROUPS.get(name) or Group(kind=name)
        for target, name in names.dropna().items()
    }


def label_truth(labels: pd.DataFrame, regulation: pd.DataFrame) -> LabelTruth:
    """Recall by planted effect size, wrong directions and false calls.

    Parameters
    ----------
    labels
        ``Metadata_Compound``, ``Metadata_Protein``, ``Label``.
    regulation
        Planted truth: ``Metadata_Compound``, ``Metadata_Protein``, ``log2_fold_change`` (at the
        highest dose against the control; 0: nothing planted).
    """
    merged = labels.merge(regulation, on=[COMPOUND, PROTEIN], validate="one_to_one")
    effect = merged["log2_fold_change"]
    planted = effect.gt(0).map({True: "up", False: "down"})
    called = merged["Label"].isin(["up", "down"])
    right = (merged["Label"] == planted) & (effect != 0)
    effects = []
    for group, (low, high) in zip(EFFECT_GROUPS.values(), pairwise(EFFECTS), strict=True):
        inside = (effect.abs() > low) & (effect.abs() <= high)
        recall = tidy(right[inside].mean()) if inside.any() else None
        effects.append(EffectRecall(group=group, n=int(inside.sum()), recall=recall))
    null = effect == 0
    return LabelTruth(
        effects=effects,
        n_wrong_direction=int((called & ~right & ~null).sum()),
        n_null=int(null.sum()),
        false_call_share=tidy(called[null].mean()) if null.any() else None,
    )
