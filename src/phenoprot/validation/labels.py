"""The second gate: labels and folds, before anything is trained on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.screens.contract import COMPOUND, PROTEIN
from phenoprot.validation.report import ValidationReport
from phenoprot.validation.rule import TABLE, WEIGHT
from phenoprot.validation.rules_labels import LABEL_RULES, LABELS
from phenoprot.validation.settings import ValidationSettings
from phenoprot.validation.suites import judge

GROUP = "Metadata_Group"
DIRECTIONS = ("up", "down")
_COLUMNS = {"labels": [COMPOUND, PROTEIN, "Label"], "folds": [COMPOUND, "Fold"]}


def check_labels(
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    settings: ValidationSettings,
    *,
    min_positives: int,
    min_negatives: int,
    n_folds: int,
    subject: str = "labels and folds",
) -> ValidationReport:
    """Check that the labels and folds can be trained on and scored.

    Parameters
    ----------
    labels
        ``Metadata_Compound``, ``Metadata_Protein``, ``Label`` (up / down / not / empty).
    folds
        ``Metadata_Compound``, ``Fold`` (0-based), optional ``Metadata_Group``.
    settings
        Thresholds.
    min_positives, min_negatives
        Compounds of either class that a protein needs to enter the task.
    n_folds
        Number of outer folds.
    subject
        What the report speaks of.
    """
    limits = settings.model_dump() | {
        "min_positives": min_positives,
        "min_negatives": min_negatives,
        "last_fold": n_folds - 1,
    }
    tables = {"labels": labels, "folds": folds}
    batches = {"tables": pd.DataFrame([_faults(name, table) for name, table in tables.items()])}
    if not batches["tables"]["n_faults"].any():
        batches |= _summaries(labels, folds, settings, min_positives, min_negatives, n_folds)
    return ValidationReport(subject, tuple(judge(batches, LABEL_RULES, limits)))


def _faults(name: str, table: pd.DataFrame) -> dict[str, Any]:
    missing = [column for column in _COLUMNS[name] if column not in table]
    fault = f"columns missing: {', '.join(missing)}" if missing else ""
    if not fault and table.empty:
        fault = "the table has no rows"
    return {TABLE: name, "n_faults": int(bool(fault)), "fault": fault}


def _summaries(
    labels: pd.DataFrame,
    folds: pd.DataFrame,
    settings: ValidationSettings,
    min_positives: int,
    min_negatives: int,
    n_folds: int,
) -> dict[str, pd.DataFrame]:
    judged = _judged(labels)
    placed = folds.assign(
        **{TABLE: "folds"},
        repeated=folds.duplicated(COMPOUND).astype(int),
        in_range=folds["Fold"].isin(range(n_folds)).astype(int),
    )
    fold_of = folds.drop_duplicates(COMPOUND).set_index(COMPOUND)["Fold"]
    compounds = sorted(labels[COMPOUND].unique())
    labelled = folds[folds[COMPOUND].isin(compounds)]
    sizes = labelled.groupby("Fold").size().reindex(range(n_folds), fill_value=0)
    batches = {
        "labels": judged,
        "folds": placed,
        "compounds": pd.DataFrame(
            {
                TABLE: "labels",
                "compound": compounds,
                "has_fold": pd.Index(compounds).isin(folds[COMPOUND]).astype(int),
            }
        ),
        "fold_sizes": pd.DataFrame(
            {TABLE: "folds", "fold": range(n_folds), "n_compounds": sizes.to_numpy()}
        ),
        "directions": pd.DataFrame(
            [
                _direction(
                    labels, fold_of, direction, (min_positives, min_negatives),
                    settings.min_scored_folds,
                )
                for direction in DIRECTIONS
            ]
        ),
    }  # fmt: skip
    if GROUP in folds:
        spread = folds.groupby(GROUP)["Fold"].nunique()
        batches["groups"] = pd.DataFrame(
            {TABLE: "folds", "group": spread.index, "n_folds": spread.to_numpy()}
        )
    return batches


def _judged(labels: pd.DataFrame) -> pd.DataFrame:
    """The labels that break a rule, and one that stands for all others: there may be millions."""
    repeated = labels.duplicated([COMPOUND, PROTEIN]).to_numpy()
    sound = ~repeated & labels["Label"].isin(LABELS).to_numpy()
    kept = ~sound
    kept[np.flatnonzero(sound)[:1]] = True
    weights = np.where(sound, int(sound.sum()), 1)
    return labels[kept].assign(
        **{TABLE: "labels", WEIGHT: weights[kept]}, repeated=repeated[kept].astype(int)
    )


def _direction(
    labels: pd.DataFrame,
    fold_of: pd.Series,
    direction: str,
    needed: tuple[int, int],
    min_scored_folds: int,
) -> dict[str, Any]:
    """Proteins that enter one task, and those that few folds can score."""
    both = labels.assign(
        fold=labels[COMPOUND].map(fold_of),
        positive=labels["Label"] == direction,
        negative=labels["Label"] == "not",
    )
    totals = both.groupby(PROTEIN)[["positive", "negative"]].sum()
    entered = totals.index[(totals["positive"] >= needed[0]) & (totals["negative"] >= needed[1])]
    by_fold = both.groupby([PROTEIN, "fold"])[["positive", "negative"]].any().all(axis=1)
    scored = by_fold.groupby(level=0).sum().reindex(entered, fill_value=0)
    thin = scored.index[scored < min_scored_folds].tolist()
    return {
        TABLE: "labels",
        "direction": direction,
        "n_all": len(totals),
        "n_proteins": len(entered),
        "n_thin": len(thin),
        "thin_share": len(thin) / max(len(entered), 1),
        "thin": listed(thin),
    }
