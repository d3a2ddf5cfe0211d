"""The labels of a simulated screen against what was planted, and the groups of its targets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
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
        ``Metadata_Compound``, ``Metadata_Protein``, ``Label``; names or categories.
    regulation
        Planted truth: ``Metadata_Compound``, ``Metadata_Protein``, ``log2_fold_change`` (at the
        highest dose against the control; 0: nothing planted).
    """
    effect = _planted(labels, regulation)
    found = ~np.isnan(effect)
    effect = effect[found]
    up, down = ((labels["Label"] == name).to_numpy()[found] for name in ("up", "down"))
    called = up | down
    right = np.where(effect > 0, up, down) & (effect != 0)
    effects = []
    for group, (low, high) in zip(EFFECT_GROUPS.values(), pairwise(EFFECTS), strict=True):
        inside = (np.abs(effect) > low) & (np.abs(effect) <= high)
        recall = tidy(right[inside].mean()) if inside.any() else None
        effects.append(EffectRecall(group=group, n=int(inside.sum()), recall=recall))
    null = effect == 0
    return LabelTruth(
        effects=effects,
        n_wrong_direction=int((called & ~right & ~null).sum()),
        n_null=int(null.sum()),
        false_call_share=tidy(called[null].mean()) if null.any() else None,
    )


def _planted(labels: pd.DataFrame, regulation: pd.DataFrame) -> np.ndarray:
    """Planted effect of each label; NaN if the truth has none.

    By numbers of compounds and proteins in place of their names: the labels of a large screen are
    millions.

    Raises
    ------
    ValueError
        A compound and protein stand in a table more than once.
    """
    compounds, proteins = (regulation[name].astype("category").cat for name in (COMPOUND, PROTEIN))
    width, cells = len(proteins.categories), len(compounds.categories) * len(proteins.categories)
    there = compounds.codes.to_numpy(np.int64) * width + proteins.codes.to_numpy(np.int64)
    of_compound, of_protein = (
        known.categories.get_indexer(own.categories)[own.codes.to_numpy()]
        for known, own in (
            (compounds, labels[COMPOUND].astype("category").cat),
            (proteins, labels[PROTEIN].astype("category").cat),
        )
    )
    shared = (of_compound >= 0) & (of_protein >= 0)
    here = of_compound[shared] * width + of_protein[shared]
    for places in (there, here):
        if np.bincount(places, minlength=1).max() > 1:
            raise ValueError("a compound and protein stand in labels or truth more than once")
    planted = np.full(cells, np.nan)
    planted[there] = regulation["log2_fold_change"]
    effect = np.full(len(labels), np.nan)
    effect[shared] = planted[here]
    return effect
