"""Scores of predicted protein levels: within each test fold, then averaged; and their summary.

A score of a fold weighs by the protein's levels in the fold; the means of the repeats are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pandas as pd

from phenoprot.evaluation.blocks import Wide
from phenoprot.evaluation.chance import widened
from phenoprot.evaluation.folds import mean_of_present, mean_over_folds
from phenoprot.evaluation.level_chance import draw_orders, permuted_scores
from phenoprot.evaluation.level_data import LevelData, levels_in_blocks
from phenoprot.evaluation.level_doses import mean_r2_over_doses
from phenoprot.evaluation.level_influence import Influence, Pooled, concordance
from phenoprot.evaluation.regression import (
    pearson_r2_by_target,
    r2_by_target,
    rmse_by_target,
    share,
    smape_by_target,
)
from phenoprot.evaluation.results import (
    SCORE_NAMES,
    Group,
    GroupScores,
    RowResult,
    defined,
    estimate,
    estimates,
)
from phenoprot.evaluation.score import RowScores
from phenoprot.evaluation.settings import EvaluationSettings
from phenoprot.evaluation.summary import threshold_counts

Fold = tuple[np.ndarray, np.ndarray]
"""Levels and predictions of one test fold, (rows, targets) each."""


@dataclass(frozen=True)
class LevelScores(RowScores):
    """Scores of a row of levels."""

    skill: Influence = field(kw_only=True)
    """Pooled skill, see :class:`~phenoprot.evaluation.level_influence.Pooled`."""
    concordance: Influence = field(kw_only=True)
    """Of every target."""

    @classmethod
    def checked(cls, scores: RowScores) -> LevelScores:
        """The same, if these are scores of levels."""
        if not isinstance(scores, LevelScores):
            raise TypeError("these are no scores of levels")
        return scores


def level_scores(predictions: Wide, levels: Wide) -> pd.DataFrame:
    """Scores per target.

    Parameters
    ----------
    predictions, levels
        As of `LevelData.of`.

    Returns
    -------
    pandas.DataFrame
        ``Target``; means over the test folds: ``r2`` (1 - SSE / SST), ``pearson_r2``,
        ``concordance``, and on levels standardised by the training part ``smape`` (percent) and
        ``rmse`` (sd); ``r2_over_doses``, the mean of the R2 at each concentration; ``n_levels`` and
        ``folds_skipped`` (of one repeat), those whose levels are constant.
    """
    return pd.concat(
        [
            _table(data, data.standardised(), concordance(data))
            for data in levels_in_blocks(predictions, levels)
        ],
        ignore_index=True,
    )


def _table(data: LevelData, scaled: LevelData, ordered: Influence) -> pd.DataFrame:
    folds = [(data.truth[rows], data.predicted[rows]) for of in data.folds() for rows in of]
    on_scale = [(scaled.truth[rows], scaled.predicted[rows]) for of in data.folds() for rows in of]
    repeats = [number for number, of in enumerate(data.folds()) for _ in of]
    r2 = [r2_by_target(*fold) for fold in folds]

    def averaged(scores: list[np.ndarray], of: Sequence[Fold]) -> np.ndarray:
        return repeated_mean(scores, [(~np.isnan(truth)).sum(axis=0) for truth, _ in of], repeats)

    return pd.DataFrame(
        {
            "Target": data.names,
            "r2": averaged(r2, folds),
            "r2_over_doses": mean_r2_over_doses(data),
            "pearson_r2": averaged([pearson_r2_by_target(*fold) for fold in folds], folds),
            "smape": averaged([smape_by_target(*fold) for fold in on_scale], on_scale),
            "rmse": averaged([rmse_by_target(*fold) for fold in on_scale], on_scale),
            "concordance": mean_over_folds(list(ordered.by_repeat)),
            "n_levels": (~np.isnan(data.truth[data.repeat == 0])).sum(axis=0),
            "folds_skipped": np.isnan(np.stack(r2)).sum(axis=0) / data.n_repeats,
        }
    )


def repeated_mean(
    scores: Sequence[np.ndarray], weights: Sequence[np.ndarray], repeats: Sequence[int]
) -> np.ndarray:
    """Weighted mean over the folds of each repeat, then mean over the repeats.

    Parameters
    ----------
    scores, weights
        (targets,) of each fold; a NaN score is left out.
    repeats
        Number of the repeat of each fold.

    Returns
    -------
    numpy.ndarray
        (targets,); NaN where no fold has a score.
    """
    values, number = np.stack(scores), np.asarray(repeats)
    weight = np.where(np.isnan(values), 0.0, np.stack(weights))
    weighed = weight * np.nan_to_num(values)
    return mean_over_folds(
        [
            share(weighed[number == repeat].sum(axis=0), weight[number == repeat].sum(axis=0))
            for repeat in np.unique(number)
        ]
    )


def score_regression(predictions: Wide, levels: Wide, settings: EvaluationSettings) -> LevelScores:
    """Scores of the levels per target and over all, and what chance reaches.

    Parameters
    ----------
    predictions, levels
        As of `LevelData.of`.
    settings
        Thresholds, permutations and seed.
    """
    tables, ordered, chances = [], [], []
    blocks = levels_in_blocks(predictions, levels)
    first = next(blocks)
    pooled = Pooled(first)
    order = draw_orders(first, settings.permutations, settings.seed)
    for data in chain([first], blocks):
        scaled = data.standardised()
        pooled.add(scaled)
        ordered.append(concordance(data))
        tables.append(_table(data, scaled, ordered[-1]))
        drawn = permuted_scores(data, order)
        chances.append(np.round(widened(drawn, mean_of_present(drawn, axis=0)), 12))
    chance = np.concatenate(chances, axis=1)
    reached = {f"chance_ge_{t:g}": (chance >= t).mean(axis=0) for t in settings.r2_thresholds}
    return LevelScores(
        pd.concat(tables, ignore_index=True).assign(**reached),
        first.n_compounds,
        first.n_repeats,
        len(np.unique(first.fold)),
        chance=chance,
        skill=pooled.skill(),
        concordance=Influence.joined(ordered),
    )


def level_result(scores: RowScores, settings: EvaluationSettings) -> RowResult:
    """Pooled skill and concordance with their intervals, further means, and R2 over the proteins.

    Of the R2 there is the median, not the mean: R2 has no lower bound, and one protein that hardly
    varies in a fold would make the mean.

    Parameters
    ----------
    scores
        Of :func:`score_regression`.
    settings
        Thresholds.
    """
    found = LevelScores.checked(scores)
    table = found.targets
    means = {name: estimate(float(table[name].mean())) for name in ("pearson_r2", "smape", "rmse")}
    means |= {
        "skill": found.skill.estimate(high=1),
        "concordance": found.concordance.mean().estimate(0, 1),
    }
    over_doses = table["r2_over_doses"].dropna()
    return RowResult(
        scorer="levels",
        n_targets=len(table),
        n_compounds=found.n_compounds,
        n_repeats=found.n_repeats,
        n_folds=found.n_folds,
        means=estimates(means),
        median=defined(float(table["r2"].dropna().median())),
        maximum=defined(float(table["r2"].max())),
        median_over_doses=defined(float(over_doses.median())),
        maximum_over_doses=defined(float(over_doses.max())),
        thresholds=threshold_counts(table, "r2", settings.r2_thresholds, found.chance),
    )


def level_groups(scores: RowScores, groups: Mapping[str, Group]) -> list[GroupScores]:
    """Mean scores of the proteins with one planted effect.

    Parameters
    ----------
    scores
        Of :func:`score_regression`.
    groups
        Group by protein; a protein without one is in no mean.

    Returns
    -------
    list of GroupScores
        In the order of the groups; the concordance with its 95 % interval.
    """
    found = LevelScores.checked(scores)
    of_target = [groups.get(name) for name in found.targets["Target"]]
    there = {group for group in of_target if group is not None}
    result = []
    for group in sorted(there, key=lambda group: group.order):
        inside = np.array([one == group for one in of_target])
        means = {
            name: estimate(float(found.targets.loc[inside, name].mean()))
            for name in SCORE_NAMES["levels"].planted
        }
        means["concordance"] = found.concordance.mean(inside).estimate(0, 1)
        result.append(GroupScores(group=group, n=int(inside.sum()), means=estimates(means)))
    return result
