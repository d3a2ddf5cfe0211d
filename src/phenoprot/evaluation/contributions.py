"""Which groups of image features carry a target's prediction, out of fold.

Three measures of a group, each from the models of the outer folds as the tables have them:

- ``drop``: the ROC AUC that is lost when the group's features are permuted jointly among the
  compounds of a test fold (Breiman 2001, doi:10.1023/A:1010933404324, by group);
- ``alone``: the ROC AUC when all others are permuted so, and the group is left;
- ``share``, of a linear model: cov(part, score) / var(score) within the test folds, where the score
  is the sum of the groups' parts. Over the groups of a grouping the shares sum to 1.

A stain says in one compartment much of what it says in another. Of two groups that say the same a
model uses both by half: the drop of either is near 0, and both are good alone. The share divides
between them what they carry together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenoprot.core.random import stream
from phenoprot.evaluation.contribution_results import COLUMNS, ContributionSettings
from phenoprot.evaluation.feature_groups import GROUPINGS, Grouping, Partition
from phenoprot.evaluation.repeated import Mean, RepeatedAuc, repeated_auc
from phenoprot.evaluation.uncertainty import uncertainty
from phenoprot.tasks.contributions import FittedFold


@dataclass(frozen=True)
class OutOfFold:
    """The rows that the models are tested on."""

    labels: np.ndarray
    """(rows, targets): 1, 0 or NaN."""
    compounds: np.ndarray
    """(rows,): number of the compound of each row, from 0."""
    folds: Sequence[FittedFold]
    """Each row is tested in one."""

    def aucs(self, scores: np.ndarray) -> RepeatedAuc:
        """AUCs of scores (rows, targets)."""
        return repeated_auc(
            self.labels, scores, self.compounds, [[fold.test for fold in self.folds]]
        )

    def scores(self, inputs: Iterable[np.ndarray]) -> np.ndarray:
        """Scores (rows, targets) of the inputs (n, inputs) of each fold's test rows."""
        found = np.empty(self.labels.shape)
        for fold, own in zip(self.folds, inputs, strict=True):
            found[fold.test] = fold.predict(own)
        return found


@dataclass(frozen=True)
class Contribution:
    """What one group of features does to every target."""

    grouping: Grouping
    name: str
    n_features: int
    drop: np.ndarray
    """(targets,): AUC lost by permuting it, mean over the draws."""
    drop_se: np.ndarray
    """(targets,): its standard error; NaN: unknown."""
    mean_drop: Mean | None
    """Over the targets that are shown, if there are any; the draws in place of repeats."""
    alone: np.ndarray
    """(targets,): AUC with all else permuted."""
    share: np.ndarray
    """(targets,): share of the score's variance; NaN of a model that is not linear."""


@dataclass(frozen=True)
class Contributions:
    """Of one row in one part."""

    targets: list[str]
    auc: np.ndarray
    """(targets,): out-of-fold AUC of the row, as it is."""
    shown: np.ndarray
    """(targets,): whether that is the least AUC of the settings, or above."""
    groups: list[Contribution]

    def table(self) -> pd.DataFrame:
        """One line per target and group: `COLUMNS`.

        ``Grouping`` and ``Group`` name the group; ``auc``, ``drop``, ``alone`` are ROC AUCs,
        ``drop_se`` the standard error of the drop (NaN: unknown), ``share`` a share (NaN: the model
        is not linear).
        """
        parts = []
        for group in self.groups:
            of_group = pd.DataFrame({"Target": self.targets, "auc": self.auc})
            parts.append(
                of_group.assign(
                    Grouping=group.grouping,
                    Group=group.name,
                    n_features=group.n_features,
                    drop=group.drop,
                    drop_se=group.drop_se,
                    alone=group.alone,
                    share=group.share,
                )
            )
        return pd.concat(parts, ignore_index=True)[COLUMNS].round(9)


def contributions(
    tested: OutOfFold,
    targets: Sequence[str],
    partition: Partition,
    settings: ContributionSettings,
) -> Contributions:
    """Score every group of every grouping; the influences of one group in memory at a time.

    Parameters
    ----------
    tested
        Rows, labels, and the models of their folds.
    targets
        Names of the label columns.
    partition
        Groups of the features.
    settings
        Draws, seed and least AUC. A draw permutes the compounds alike for all groups.
    """
    parts = [fold.parts(partition.columns) for fold in tested.folds]
    orders = [
        np.stack([permuted_rows(tested.compounds[fold.test], rng) for rng in generators])
        for fold, generators in (
            (fold, [stream(settings.seed, "contributions", i, k) for k in range(settings.draws)])
            for i, fold in enumerate(tested.folds)
        )
    ]
    own = tested.aucs(tested.scores(part.sum(axis=0) for part in parts))
    shown = np.nan_to_num(own.auc) >= settings.min_auc
    found = []
    for grouping in GROUPINGS:
        for name, share in partition.unions(grouping).items():
            group = [part[share > 0].sum(axis=0) for part in parts]
            rest = [part[share == 0].sum(axis=0) for part in parts]
            lost = _lost(own, _by_draw(tested, rest, group, orders), settings.draws)
            found.append(
                Contribution(
                    grouping,
                    name,
                    partition.n_features(share),
                    lost.auc,
                    uncertainty(lost.changes, lost.by_repeat).error,
                    lost.mean(shown) if shown.any() else None,
                    _by_draw(tested, group, rest, orders).auc,
                    score_share(tested.folds, parts, share),
                )
            )
            del lost  # as large as all compounds x targets
    return Contributions(list(targets), own.auc, shown, found)


def permuted_rows(compounds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row numbers (rows,) in an order that gives each compound the rows of a drawn one.

    Rows of a compound follow one another by concentration: the first goes to the first. If the
    other one has fewer or more rows, they are stretched.

    Parameters
    ----------
    compounds
        (rows,): compound of each row.
    rng
        Draws the permutation.
    """
    _, codes, sizes = np.unique(compounds, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    order = np.empty(len(compounds), dtype=np.int64)
    for own, other in zip(rows, rng.permutation(len(rows)), strict=True):
        theirs = rows[other]
        order[own] = theirs[np.arange(len(own)) * len(theirs) // len(own)]
    return order


def _by_draw(
    tested: OutOfFold,
    kept: Sequence[np.ndarray],
    permuted: Sequence[np.ndarray],
    orders: Sequence[np.ndarray],
) -> RepeatedAuc:
    """AUCs with the draws in place of repeats, influences their means; one draw in memory.

    Parameters
    ----------
    kept, permuted
        Parts (n, inputs) of the inputs of each fold's test rows.
    orders
        (draws, n) of each fold: whose rows are taken for the permuted part.
    """
    by_draw, changes, skipped = [], np.zeros(1), np.zeros(1)
    for order in zip(*orders, strict=True):
        inputs = (k + p[rows] for k, p, rows in zip(kept, permuted, order, strict=True))
        one = tested.aucs(tested.scores(inputs))
        by_draw.append(one.by_repeat[0])
        changes, skipped = changes + one.changes, skipped + one.skipped
    n = len(by_draw)
    return RepeatedAuc(np.stack(by_draw), changes / n, skipped / n)


def _lost(own: RepeatedAuc, permuted: RepeatedAuc, draws: int) -> RepeatedAuc:
    same = np.repeat(own.by_repeat, draws, axis=0)
    return RepeatedAuc(same, own.changes, own.skipped).minus(permuted)


def score_share(
    folds: Iterable[FittedFold], parts: Iterable[np.ndarray], share: np.ndarray
) -> np.ndarray:
    """Share (targets,) of the variance of linear scores that groups make, within the test folds.

    Parameters
    ----------
    folds, parts
        Models of the folds, and the parts (groups, n, inputs) of their test rows' inputs.
    share
        (groups,): how much of each group counts.

    Returns
    -------
    numpy.ndarray
        cov(part, score) / var(score); NaN of a model that is not linear, or a constant score.
    """
    common, total = 0.0, 0.0
    for fold, part in zip(folds, parts, strict=True):
        if fold.weights is None:
            return np.full(fold.predict(part[0]).shape[1], np.nan)
        score = part.sum(axis=0) @ fold.weights
        own = np.tensordot(share, part, axes=1) @ fold.weights
        score, own = score - score.mean(axis=0), own - own.mean(axis=0)
        common, total = common + (own * score).sum(axis=0), total + (score**2).sum(axis=0)
    shares: np.ndarray = common / np.where(total > 0, total, np.nan)
    return shares
