"""Calls and scores of a simulated screen against what was planted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.evaluation.folds import interval, mean_of_present
from phenoprot.evaluation.summary import Metrics, without_nan
from phenoprot.phantom.catalogue import CATALOGUE
from phenoprot.phantom.programmes import PROGRAMME
from phenoprot.screens.contract import COMPOUND, PROTEIN, TARGET

EFFECTS = (0.0, 0.45, 0.7, 1.0, 1.5, float("inf"))
"""Limits of the bins of the planted absolute log2 fold change."""
BINS = [f"{low:g}_{high:g}" for low, high in pairwise(EFFECTS)]
"""Their names."""
PLANTED = [COMPOUND, PROTEIN, "log2_fold_change"]
"""Columns of ``truth/regulation.parquet``."""
LOADING = "loading_"
"""Before the programme's name, the columns of ``truth/proteins.parquet``."""


def truth_metrics(labels: pd.DataFrame, regulation: pd.DataFrame) -> Metrics:
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
    metrics: Metrics = {}
    for name, (low, high) in zip(BINS, pairwise(EFFECTS), strict=True):
        inside = (effect.abs() > low) & (effect.abs() <= high)
        metrics[f"n_{name}"] = int(inside.sum())
        if inside.any():
            metrics[f"recall_{name}"] = round(float(right[inside].mean()), 6)
    null = effect == 0
    metrics["n_wrong_direction"] = int((called & ~right & ~null).sum())
    metrics["n_null"] = int(null.sum())
    if null.any():
        metrics["false_call_share"] = round(float(called[null].mean()), 6)
    return metrics


PROTEINS_ONLY, IMAGES_ONLY, BOTH, NULL = "proteins_only", "images_only", "both", "null"
"""Where the planted programmes of a target show."""


def planted_groups(truth: Path, part: str) -> pd.Series:
    """Group every target of a part by what was planted.

    Parameters
    ----------
    truth
        Folder ``truth`` of a simulated screen.
    part
        ``classification/up``, ``classification/down``, ``regression`` or ``targets``.

    Returns
    -------
    pandas.Series
        Group by target. Proteins: ``null`` (no programme moves them, in the direction of the part),
        ``proteins_only`` (only programmes that no image shows), otherwise ``<low>_<high>``, the bin
        of the largest log2 fold change at full activity of a programme. Annotated targets: where
        their programme shows (``both``, ``proteins_only``, ``images_only``), or ``null``.
    """
    if part == "targets":
        planted = read_table(truth / "targets.parquet", [TARGET, PROGRAMME])
        programmes = planted.groupby(TARGET)[PROGRAMME].first()
        return programmes.map(_shown_in)
    table = read_table(truth / "proteins.parquet", [PROTEIN]).set_index(PROTEIN)
    loadings = table.filter(regex=f"^{LOADING}")
    loadings.columns = loadings.columns.str.removeprefix(LOADING)
    sign = {"classification/up": 1, "classification/down": -1}.get(part)
    effects = loadings.abs() if sign is None else (sign * loadings).clip(lower=0)
    in_images = [name for name in effects if CATALOGUE[name].in_images]
    return pd.Series(
        np.select(
            [effects.max(axis=1) == 0, effects[in_images].max(axis=1) == 0],
            [NULL, PROTEINS_ONLY],
            default=pd.cut(effects.max(axis=1), list(EFFECTS), labels=BINS).astype(str),
        ),
        index=effects.index,
    )


def _shown_in(programme: str) -> str:
    if not programme:
        return NULL
    shown = CATALOGUE[programme]
    if shown.in_images and shown.in_proteins:
        return BOTH
    return IMAGES_ONLY if shown.in_images else PROTEINS_ONLY


def group_metrics(
    table: pd.DataFrame, groups: pd.Series, scores: Sequence[str], draws: np.ndarray | None = None
) -> Metrics:
    """Mean scores of each group of targets.

    Parameters
    ----------
    table
        One line per target: ``Target`` and the columns `scores`.
    groups
        Group by target.
    scores
        Columns to average.
    draws
        (bootstraps, targets) of the first score, behind its 95 % interval.

    Returns
    -------
    dict
        ``truth_n_<group>``, ``truth_mean_<score>_<group>``, and with `draws`
        ``truth_mean_<score>_ci_low_<group>`` and ``..._ci_high_<group>``. A group without targets
        is left out.
    """
    of_target = table["Target"].map(groups)
    metrics: Metrics = {}
    for group in sorted(of_target.dropna().unique()):
        inside = (of_target == group).to_numpy()
        metrics[f"truth_n_{group}"] = int(inside.sum())
        for score in scores:
            metrics[f"truth_mean_{score}_{group}"] = float(table.loc[inside, score].mean())
        if draws is not None:
            low, high = interval(mean_of_present(draws[:, inside], axis=1))
            metrics[f"truth_mean_{scores[0]}_ci_low_{group}"] = low
            metrics[f"truth_mean_{scores[0]}_ci_high_{group}"] = high
    return without_nan(metrics)
