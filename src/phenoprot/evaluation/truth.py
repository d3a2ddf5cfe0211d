"""Calls of a simulated screen against what was planted."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from phenoprot.screens.contract import COMPOUND, PROTEIN

EFFECTS = (0.0, 0.45, 0.7, 1.0, 1.5, float("inf"))
"""Limits of the bins of the planted absolute log2 fold change."""


def truth_metrics(labels: pd.DataFrame, regulation: pd.DataFrame) -> dict[str, float | int]:
    """Recall by planted effect size, wrong directions and false calls.

    Parameters
    ----------
    labels
        ``Metadata_Compound``, ``Metadata_Protein``, ``Label``.
    regulation
        Planted truth: ``Metadata_Compound``, ``Metadata_Protein``, ``log2_fold_change`` (at the
        highest dose against the control; 0: nothing planted).

    Returns
    -------
    dict
        ``recall_<low>_<high>``: share called in the planted direction; ``n_<low>_<high>``: curves
        in the bin; ``n_wrong_direction``; ``n_null`` and ``false_call_share``: curves with
        nothing planted, and the share of them that is called up or down.
    """
    merged = labels.merge(regulation, on=[COMPOUND, PROTEIN], validate="one_to_one")
    effect = merged["log2_fold_change"]
    planted = effect.gt(0).map({True: "up", False: "down"})
    called = merged["Label"].isin(["up", "down"])
    right = (merged["Label"] == planted) & (effect != 0)
    metrics: dict[str, float | int] = {}
    for low, high in pairwise(EFFECTS):
        inside = (effect.abs() > low) & (effect.abs() <= high)
        name = f"{low:g}_{high:g}"
        metrics[f"n_{name}"] = int(inside.sum())
        if inside.any():
            metrics[f"recall_{name}"] = round(float(right[inside].mean()), 6)
    null = effect == 0
    metrics["n_wrong_direction"] = int((called & ~right & ~null).sum())
    metrics["n_null"] = int(null.sum())
    if null.any():
        metrics["false_call_share"] = round(float(called[null].mean()), 6)
    return metrics
