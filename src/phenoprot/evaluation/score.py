"""Score the predictions of one table row: every target within each test fold, over the repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.core.statistics import benjamini_hochberg
from phenoprot.evaluation.blocks import Wide, in_blocks, key_of, targets_of
from phenoprot.evaluation.chance import (
    drawn_compounds,
    joint_permutations,
    permuted_block,
    resampled_block,
    widened,
)
from phenoprot.evaluation.folds import mean_of_present, repeats_of
from phenoprot.evaluation.repeated import AucSums, RepeatedAuc, Tested
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.screens.contract import COMPOUND
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


Part = tuple[np.ndarray, Sequence[Sequence[np.ndarray]]]
"""Some of the rows: the number of each row's compound (all rows,), and row numbers of each test
fold of each repeat."""


def part_of(predictions: Wide, rows: np.ndarray | None = None) -> Part:
    """Some rows of the predictions, as a table of their own would be scored.

    Parameters
    ----------
    predictions
        With fold and repeat.
    rows
        Numbers of the rows, in the order in which they are added up; None: all.
    """
    key = key_of(predictions)
    rows = np.arange(len(key)) if rows is None else rows
    own = key[[COMPOUND, REPEAT, FOLD]].iloc[rows].reset_index(drop=True)
    compounds = np.full(len(key), -1)
    compounds[rows] = np.unique(own[COMPOUND], return_inverse=True)[1]
    return compounds, [[rows[of] for of in folds] for folds in repeats_of(own)]


def aucs_of_parts(
    predictions: Wide, labels: Wide, parts: Sequence[Part], targets: Sequence[str] | None = None
) -> list[RepeatedAuc]:
    """ROC AUC per target, of all or some `targets`, in several parts of the rows.

    Block by block of targets.
    """
    n_targets = len(targets_of(labels) if targets is None else targets)
    sums = [AucSums(Tested.of(*part), n_targets) for part in parts]
    for block in in_blocks(predictions, labels, targets):
        for one in sums:
            one.add(block.where, block.labels, block.scores)
    return [one.auc for one in sums]


def auc_scores(predictions: Wide, labels: Wide) -> RepeatedAuc:
    """ROC AUC per target: within each test fold, positives-weighted, then over the repeats.

    Pooling the folds' predictions first would compare scores of five differently calibrated models
    and pushes shuffled labels below 0.5. Compounds are in the order of their names.
    """
    return aucs_of_parts(predictions, labels, [part_of(predictions)])[0]


def score_classification(
    predictions: Wide, labels: Wide, settings: EvaluationSettings
) -> RowScores:
    """ROC AUC per target (see :func:`auc_scores`), and how often chance reaches the thresholds.

    A fold without both classes is skipped and counted. Chance permutes the compounds of the
    predictions, which are held fixed, and is widened: see
    :func:`~phenoprot.evaluation.chance.permuted_auc` and
    :func:`~phenoprot.evaluation.chance.widened`. With `bootstrap` there is ``bootstrap_sd``: the
    standard deviation over compounds drawn anew.
    """
    key, targets = key_of(predictions), targets_of(labels)
    compounds, repeats = part_of(predictions)
    sums = AucSums(Tested.of(compounds, repeats), len(targets))
    owners, codes = np.unique(key[LABELS_OF], return_inverse=True)
    folds = Tested.of(codes, repeats)
    drawn = joint_permutations(len(owners), settings.permutations, settings.seed)
    at = pd.Index(key_of(labels)[COMPOUND]).get_indexer(owners)
    once = (key[REPEAT] == key[REPEAT].min()).to_numpy()
    times = drawn_compounds(len(owners), settings.bootstrap, settings.seed)
    chance = np.empty((settings.permutations, len(targets)))
    spread = np.full(len(targets), np.nan)
    counts = np.empty((2, len(targets)), dtype=np.int64)
    for block in in_blocks(predictions, labels):
        order = sums.add(block.where, block.labels, block.scores)
        of_owners = np.where(at >= 0, block.own_labels.take(at, axis=1), np.nan)
        permuted = permuted_block(of_owners, block.scores, folds, order, drawn)
        chance[:, block.where] = np.round(widened(permuted, 0.5), 12).T
        if settings.bootstrap:
            resampled = resampled_block(of_owners, block.scores, folds, order, times)
            spread[block.where] = _spread(resampled)
        tested = block.labels[:, once]
        counts[:, block.where] = (tested == 1).sum(axis=1), (tested == 0).sum(axis=1)
    auc = sums.auc.auc
    reached = {f"chance_ge_{t:g}": (chance >= t).mean(axis=0) for t in settings.auc_thresholds}
    table = pd.DataFrame(
        {
            "Target": targets,
            "auc": auc,
            "n_positives": counts[0],
            "n_negatives": counts[1],
            "folds_skipped": sums.auc.skipped,
            **({"bootstrap_sd": spread} if settings.bootstrap else {}),
            **_above_chance(auc, chance),
            **reached,
        }
    )
    n_compounds, n_folds = int(key[COMPOUND].nunique()), int(key[FOLD].nunique())
    return RowScores(table, n_compounds, len(repeats), n_folds, sums.auc, chance)


def _above_chance(auc: np.ndarray, chance: np.ndarray) -> dict[str, np.ndarray]:
    """One-sided p of each target's AUC, and q (Benjamini-Hochberg over the targets).

    The observed labels count as one of the permutations, so that p is never 0 (Phipson & Smyth
    2010, doi:10.2202/1544-6115.1585).
    """
    reached = (np.nan_to_num(chance, nan=0.5) >= auc).sum(axis=0)
    p = np.where(np.isnan(auc), np.nan, (reached + 1) / (len(chance) + 1))
    return {"p": p, "q": benjamini_hochberg(p)}


def _spread(drawn: np.ndarray) -> np.ndarray:
    """Standard deviation (targets,) over the draws (targets, draws) that have a value."""
    squares = (drawn - mean_of_present(drawn, axis=1)[:, None]) ** 2
    n = (~np.isnan(drawn)).sum(axis=1)
    return np.sqrt(mean_of_present(squares, axis=1) * n / np.where(n > 1, n - 1, np.nan))
