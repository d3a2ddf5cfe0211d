"""Scores of levels over the proteins that the classification does well, as in the poster.

The poster predicts the levels of the proteins that it classified best, with the same compounds.
Chosen on all compounds, those of the test fold among them, proteins are chosen in part for what
happens to be predictable in that fold; chosen inside the training part they are not. The difference
of the two scores is that optimism.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.evaluation.level_data import LevelData
from phenoprot.evaluation.level_influence import Influence, pooled_skill
from phenoprot.evaluation.regression import r2_by_target
from phenoprot.evaluation.results import ChosenScores, ProteinChoice, defined, tidy
from phenoprot.screens.contract import PROTEIN
from phenoprot.tasks.columns import FOLD, REPEAT

INSIDE, ALL = "inside", "all"
"""Columns of the chosen proteins: chosen inside the training part, and on all compounds."""
COLUMNS = [REPEAT, FOLD, PROTEIN, INSIDE, ALL]


def choice_scores(
    predictions: pd.DataFrame, levels: pd.DataFrame, chosen: pd.DataFrame
) -> ProteinChoice | None:
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
    data = LevelData.of(predictions, levels)
    scaled, found, skills = data.standardised(), {}, {}
    for name in ("every", INSIDE, ALL):
        mask = _mask(predictions, data.names, chosen, name)
        skills[name] = pooled_skill(replace(scaled, truth=np.where(mask, scaled.truth, np.nan)))
        found[name] = _scores(data, mask, skills[name])
    return ProteinChoice(**found, optimism=skills[ALL].minus(skills[INSIDE]).estimate())


def _mask(
    predictions: pd.DataFrame, names: list[str], chosen: pd.DataFrame, column: str
) -> np.ndarray:
    """Whether each protein counts in each row (rows, targets)."""
    key = predictions[[REPEAT, FOLD]]
    if column == "every":
        return np.ones((len(key), len(names)), dtype=bool)
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
    wide = table.reindex(columns=names, fill_value=False).to_numpy(dtype=bool)
    return np.asarray(wide[at])


def _scores(data: LevelData, mask: np.ndarray, skill: Influence) -> ChosenScores:
    folds = [rows for of in data.folds() for rows in of]
    medians = [
        np.median(r2[~np.isnan(r2)]) if (~np.isnan(r2)).any() else np.nan
        for r2 in (
            r2_by_target(data.truth[rows], data.predicted[rows])[mask[rows[0]]] for rows in folds
        )
    ]
    known = [median for median in medians if not np.isnan(median)]
    return ChosenScores(
        n=tidy(float(np.mean([mask[rows[0]].sum() for rows in folds]))),
        skill=skill.estimate(high=1),
        median=defined(float(np.mean(known))) if known else None,
    )
