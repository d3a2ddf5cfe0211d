"""Regression over chosen proteins: against plain loops, and where choosing cheats."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from phenoprot.core.errors import UserError
from phenoprot.evaluation.choice import choice_scores

from .level_screen import NAMES, joined, screen, standardised


def chosen(predictions: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Some proteins of each fold, another draw inside than over all."""
    key = predictions[["Metadata_Repeat", "Fold"]].drop_duplicates()
    table = key.merge(pd.DataFrame({"Metadata_Protein": NAMES}), how="cross")
    rng = np.random.default_rng(seed)
    return table.assign(inside=rng.random(len(table)) < 0.6, all=rng.random(len(table)) < 0.6)


def skill_by_hand(table: pd.DataFrame, chosen: pd.DataFrame, column: str) -> float:
    """Mean over the repeats of 1 - SSE / SST over the chosen proteins of each fold."""
    taken = chosen[chosen[column]].set_index(["Metadata_Repeat", "Fold", "Metadata_Protein"]).index
    means = []
    for repeat in sorted(set(table["Metadata_Repeat"])):
        sse = sst = 0.0
        for name in NAMES:
            for row in standardised(table, name).itertuples():
                if row.Metadata_Repeat == repeat and (repeat, row.Fold, name) in taken:
                    sse, sst = sse + (row.y - row.p) ** 2, sst + row.y**2
        means.append(1 - sse / sst)
    return float(np.mean(means))


def test_scores_are_those_of_plain_loops() -> None:
    predictions, levels = screen()
    table, choice = joined(predictions, levels), chosen(predictions)
    found = choice_scores(predictions, levels, choice)
    assert found is not None
    values = {}
    for column, scores in (("inside", found.inside), ("all", found.all)):
        values[column] = skill_by_hand(table, choice, column)
        assert scores.skill is not None
        assert scores.skill.value == pytest.approx(values[column], abs=1e-6)
        assert scores.n == pytest.approx(choice.groupby(["Metadata_Repeat", "Fold"])[column].sum()
                                         .mean(), abs=1e-6)  # fmt: skip
        medians = []
        for (repeat, fold), rows in table.groupby(["Metadata_Repeat", "Fold"]):
            own = choice[(choice["Metadata_Repeat"] == repeat) & (choice["Fold"] == fold)]
            r2 = []
            for name in own.loc[own[column], "Metadata_Protein"]:
                known = rows.dropna(subset=[f"{name} true"])
                r2.append(r2_score(known[f"{name} true"], known[name]))
            medians.append(np.median(r2) if r2 else np.nan)
        assert scores.median == pytest.approx(np.nanmean(medians), abs=1e-6)
    assert found.optimism is not None
    assert found.optimism.value == pytest.approx(values["all"] - values["inside"], abs=2e-6)
    assert found.optimism.low is not None
    assert found.every.n == len(NAMES)


def test_what_is_chosen_by_the_test_fold_looks_better() -> None:
    """Predictions without information: proteins that happen to do well in the fold itself."""
    rng = np.random.default_rng(3)
    predictions, levels = screen(compounds=30, missing=0.0)
    predictions[NAMES] = 3 + rng.normal(size=(len(predictions), len(NAMES)))
    table = joined(predictions, levels)
    lines = []
    for (repeat, fold), rows in table.groupby(["Metadata_Repeat", "Fold"]):
        r2 = {name: r2_score(rows[f"{name} true"], rows[name]) for name in NAMES}
        best = max(r2, key=lambda name: r2[name])
        lines += [(repeat, fold, name, name == "t", name == best) for name in NAMES]
    columns = ["Metadata_Repeat", "Fold", "Metadata_Protein", "inside", "all"]
    found = choice_scores(predictions, levels, pd.DataFrame(lines, columns=columns))
    assert found is not None
    assert found.optimism is not None
    assert found.optimism.value > 0.1


def test_nothing_to_choose_from_and_folds_that_are_lacking() -> None:
    predictions, levels = screen()
    choice = chosen(predictions)
    assert choice_scores(predictions, levels, choice.iloc[:0]) is None
    lacking = choice[(choice["Metadata_Repeat"] != 1) | (choice["Fold"] != 2)]
    with pytest.raises(UserError, match="no proteins were chosen for fold 2 of repeat 1"):
        choice_scores(predictions, levels, lacking)
    # A protein that the table does not name is not chosen.
    fewer = choice[choice["Metadata_Protein"] != "t"]
    found = choice_scores(predictions, levels, fewer)
    without = choice_scores(
        predictions, levels,
        choice.assign(inside=choice["inside"] & (choice["Metadata_Protein"] != "t"),
                      all=choice["all"] & (choice["Metadata_Protein"] != "t")),
    )  # fmt: skip
    assert found == without
