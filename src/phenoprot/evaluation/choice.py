"""Scores of levels over the proteins that the classification does well, as in the poster.

The poster predicts the levels of the proteins that it classified best, with the same compounds.
Chosen on all compounds, those of the test fold among them, proteins are chosen in part for what
happens to be predictable in that fold; chosen inside the training part they are not. The difference
of the two scores is that optimism.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.evaluation.blocks import Wide, key_of
from phenoprot.evaluation.level_data import LevelData, levels_in_blocks
from phenoprot.evaluation.level_influence import Pooled
from phenoprot.evaluation.regression import r2_by_target
from phenoprot.evaluation.results import ChosenScores, ProteinChoice, defined, tidy
from phenoprot.screens.contract import PROTEIN
from phenoprot.tasks.columns import FOLD, REPEAT

INSIDE, ALL = "inside", "all"
"""Columns of the chosen proteins: chosen inside the training part, and on all compounds."""
COLUMNS = [REPEAT, FOLD, PROTEIN, INSIDE, ALL]


def choice_scores(predictions: Wide, levels: Wide, chosen: pd.DataFrame) -> ProteinChoice | None:
    """Pooled skill and median R2 over all proteins, and over those that are chosen in each fold.

    Parameters
    ----------
    predictions, levels
        As of `LevelData.of`.
    chosen
        ``Metadata_Repeat``, ``Fold``, ``Metadata_Protein``; ``inside`` and ``all``: whether the
        protein is chosen there.

    Returns
    -------
    ProteinChoice or None
        None: nothing was chosen from.

    Raises
    ------
    UserError
        A fold of the predictions is not among those that proteins are chosen in.
    """
    if chosen.empty:
        return None
    gathered: dict[str, _Gathered] = {}
    for data in levels_in_blocks(predictions, levels):
        scaled = data.standardised()
        if not gathered:
            inside = {name: _Inside.of(key_of(predictions), chosen, name) for name in (INSIDE, ALL)}
            gathered = {name: _Gathered(data, inside.get(name)) for name in ("every", INSIDE, ALL)}
        for one in gathered.values():
            one.add(data, scaled)
    found = {name: one.scores() for name, one in gathered.items()}
    skills = {name: one.pooled.skill() for name, one in gathered.items()}
    return ProteinChoice(**found, optimism=skills[ALL].minus(skills[INSIDE]).estimate())


@dataclass(frozen=True)
class _Inside:
    """Which proteins are chosen, row by row of the predictions."""

    table: pd.DataFrame
    """Folds x proteins."""
    at: np.ndarray
    """(rows,): the fold of each row."""

    @classmethod
    def of(cls, key: pd.DataFrame, chosen: pd.DataFrame, column: str) -> Self:
        """By the column that says which are chosen."""
        key = key[[REPEAT, FOLD]]
        table = chosen.pivot_table(
            index=[REPEAT, FOLD], columns=PROTEIN, values=column, aggfunc="any", fill_value=False
        )
        at = table.index.get_indexer(pd.MultiIndex.from_frame(key))
        if (at < 0).any():
            repeat, fold = key.iloc[int((at < 0).argmax())]
            raise UserError(
                f"no proteins were chosen for fold {fold} of repeat {repeat}",
                where="chosen proteins",
                remedy="Choose them anew: `dvc repro`.",
            )
        return cls(table, at)

    def mask(self, names: list[str]) -> np.ndarray:
        """Whether each protein counts in each row (rows, targets)."""
        wide = self.table.reindex(columns=names, fill_value=False).to_numpy(dtype=bool)
        return np.asarray(wide[self.at])


class _Gathered:
    """Scores over some proteins, block by block of targets."""

    def __init__(self, data: LevelData, inside: _Inside | None) -> None:
        self.chosen, self.pooled = inside, Pooled(data)
        self.folds = [rows for of in data.folds() for rows in of]
        self.inside, self.r2 = list[np.ndarray](), list[np.ndarray]()

    def add(self, data: LevelData, scaled: LevelData) -> None:
        """Add a block: levels, and the same standardised."""
        everywhere = np.ones(data.truth.shape, dtype=bool)
        mask = everywhere if self.chosen is None else self.chosen.mask(data.names)
        self.pooled.add(replace(scaled, truth=np.where(mask, scaled.truth, np.nan)))
        self.inside.append(np.stack([mask[rows[0]] for rows in self.folds]))
        r2 = [r2_by_target(data.truth[rows], data.predicted[rows]) for rows in self.folds]
        self.r2.append(np.stack(r2))

    def scores(self) -> ChosenScores:
        """Of all blocks."""
        inside = np.concatenate(self.inside, axis=1)
        r2 = np.where(inside, np.concatenate(self.r2, axis=1), np.nan)
        known = [np.median(own[~np.isnan(own)]) for own in r2 if not np.isnan(own).all()]
        return ChosenScores(
            n=tidy(float(np.mean(inside.sum(axis=1)))),
            skill=self.pooled.skill().estimate(high=1),
            median=defined(float(np.mean(known))) if known else None,
        )
