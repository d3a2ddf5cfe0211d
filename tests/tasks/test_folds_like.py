"""Folds of another screen: shared compounds stay, others fill up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.tasks.columns import FOLD, GROUP, REPEAT
from phenoprot.tasks.fit_settings import SplitSettings
from phenoprot.tasks.splits import (
    folds_like,
    make_folds,
)

from .grouped import COMPOUND, alone, groupings, splitting


@given(groupings, st.integers(2, 4), st.integers(0, 99), st.data())
@settings(max_examples=40, deadline=None)
def test_folds_like_another_screen(
    groups: pd.DataFrame, n_folds: int, seed: int, data: st.DataObject
) -> None:
    asked = splitting(n_folds, 2, seed)
    names = sorted(groups[GROUP].unique())
    shared = data.draw(st.sets(st.sampled_from(names), min_size=n_folds))
    theirs = pd.concat([groups[groups[GROUP].isin(shared)], alone(["other", "further"])])
    other = make_folds(theirs, asked)
    known = other[other[GROUP].isin(shared)].groupby(REPEAT)[FOLD].nunique()
    assume((known == n_folds).all())  # no fold that only "other" and "further" fill
    folds = folds_like(groups, other, asked)
    assert list(folds) == list(other)
    pd.testing.assert_frame_equal(
        folds[folds[REPEAT] == 0][[COMPOUND, GROUP]].reset_index(drop=True), groups
    )
    assert folds.groupby([REPEAT, GROUP])[FOLD].nunique().max() == 1
    both = folds.merge(other, on=[REPEAT, COMPOUND])
    assert len(both) == 2 * groups[GROUP].isin(shared).sum()
    assert (both[f"{FOLD}_x"] == both[f"{FOLD}_y"]).all()
    assert (folds.groupby(REPEAT)[FOLD].nunique() == n_folds).all()


def test_new_compounds_fill_up_the_folds() -> None:
    asked = splitting(4, 10)
    other = make_folds(alone([f"c{i:02d}" for i in range(40)]), asked)
    # Of fold 0 three are left, of the others ten, and 23 are new: 14 more for fold 0.
    fold = other[other[REPEAT] == 0].set_index(COMPOUND)[FOLD]
    kept = [*fold.index[fold == 0][:3], *fold.index[fold != 0]]
    new = [f"n{i:02d}" for i in range(23)]
    folds = folds_like(alone([*kept, *new]), other, asked)
    first = folds[folds[REPEAT] == 0]
    assert np.bincount(first[FOLD]).tolist() == [14, 14, 14, 14]
    placed = first[first[COMPOUND].isin(new)][FOLD]
    assert np.bincount(placed).tolist() == [11, 4, 4, 4]
    # In other repeats the new ones lie elsewhere.
    wide = folds[folds[COMPOUND].isin(new)].pivot(index=REPEAT, columns=COMPOUND, values=FOLD)
    assert wide.apply(set).map(len).gt(1).all()


def test_folds_like_spellings_and_itself() -> None:
    asked = splitting(3, 2)
    groups = alone([f"Drug {i}" for i in range(9)])
    other = make_folds(groups, asked)
    pd.testing.assert_frame_equal(folds_like(groups, other, asked), other)
    lower = alone([f"drug {i}" for i in range(9)])
    assert folds_like(lower, other, asked)[FOLD].tolist() == other[FOLD].tolist()
    # The other may be drawn more often.
    once = folds_like(groups, other, splitting(3, 1))
    pd.testing.assert_frame_equal(once, other[other[REPEAT] == 0])


@pytest.mark.parametrize(
    ("names", "asked", "message"),
    [
        (
            ["x", "y", "z"],
            splitting(3, 2),
            r"none of the 3 group\(s\) of compounds is in the other",
        ),
        (["c0", "c1", "c2", "z"], splitting(4, 2), "3 folds in 2 repeat.*this one 4 in 2"),
        (["c0", "c1", "c2", "z"], splitting(3, 3), "3 folds in 2 repeat.*this one 3 in 3"),
        (["c0", "z"], splitting(3, 2), "2 group.*cannot fill 3 folds"),
    ],
)
def test_folds_that_cannot_be_taken(names: list[str], asked: SplitSettings, message: str) -> None:
    other = make_folds(alone([f"c{i}" for i in range(9)]), splitting(3, 2))
    with pytest.raises(UserError, match=message):
        folds_like(alone(names), other, asked)


def test_a_fold_that_no_shared_compound_fills() -> None:
    other = make_folds(alone([f"c{i}" for i in range(9)]), splitting(3))
    kept = other[other[FOLD] == 1][COMPOUND].tolist()
    with pytest.raises(UserError, match=r"fold\(s\) 0, 2 of repeat 0 hold no compound"):
        folds_like(alone(kept), other, splitting(3))
