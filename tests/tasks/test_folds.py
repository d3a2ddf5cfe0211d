"""Inner hold-outs, and folds that are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.tasks.columns import FOLD, GROUP, KIND, REPEAT
from phenoprot.tasks.fit_settings import InnerSettings
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, inner_holdouts, read_folds
from phenoprot.tasks.splits import (
    make_folds,
)

from .grouped import COMPOUND, grouping, groupings, splitting


@given(groupings, st.integers(1, 4), st.floats(0.05, 0.49), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_inner_holdouts(frame: pd.DataFrame, splits: int, share: float, seed: int) -> None:
    folds = make_folds(frame, splitting(3, 1, seed))
    groups = folds[GROUP].to_numpy()
    train = np.flatnonzero(folds[FOLD] != 0)
    inner = InnerSettings(splits=splits, share=share)
    holdouts = inner_holdouts(groups, train, inner, [seed])
    assert len(holdouts) == splits
    n_groups = len(np.unique(groups[train]))
    for held in holdouts:
        assert set(held) < set(train)
        rest = np.setdiff1d(train, held)
        assert not set(groups[held]) & set(groups[rest])
        assert len(np.unique(groups[held])) == max(1, round(share * n_groups))
    again = inner_holdouts(groups, train, inner, [seed])
    assert all(np.array_equal(one, two) for one, two in zip(holdouts, again, strict=True))


def test_inner_holdouts_differ_among_splits_and_see_no_test_group() -> None:
    groups = np.array([f"g{i}" for i in range(40)])
    train = np.arange(30)
    inner = InnerSettings(splits=2, share=0.2)
    one, two = inner_holdouts(groups, train, inner, [0])
    assert set(one) != set(two)
    # Names of the test groups play no part.
    renamed = np.where(np.arange(40) < 30, groups, "test")
    assert np.array_equal(inner_holdouts(renamed, train, inner, [0])[1], two)


FOLDS = """Metadata_Kind,Metadata_Repeat,Metadata_Compound,Metadata_Group,Fold
compound,0,NA,NA,0
compound,0,x,g,1
compound,1,NA,NA,1
compound,1,x,g,0
plate,0,NA,NA,1
plate,0,x,x,0
plate,1,NA,NA,1
plate,1,x,x,0
"""


def test_folds_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(FOLDS)
    every = read_folds(tmp_path / "f.csv")
    table = folds_of_kind(every, "compound")
    assert list(table) == [REPEAT, COMPOUND, GROUP, FOLD]
    assert folds_of_kind(every, "plate")[GROUP].tolist() == ["NA", "x", "NA", "x"]
    with pytest.raises(UserError) as error:
        folds_of_kind(every, "scaffold", "params.yaml: splits of row 'r'")
    assert str(error.value).startswith(
        "params.yaml: splits of row 'r': the screen has no folds of kind 'scaffold'; it has: "
        "compound, plate. Add scaffold to tasks.splits.others, "
    )
    assert table[COMPOUND].tolist() == ["NA", "x", "NA", "x"]
    assert table[REPEAT].tolist() == [0, 0, 1, 1]
    assert table[FOLD].tolist() == [0, 1, 1, 0]
    assert table[FOLD].dtype == table[REPEAT].dtype == np.int64
    assert folds_of_repeat(table, 1)[FOLD].tolist() == [1, 0]


def test_made_folds_are_read_back(tmp_path: Path) -> None:
    made = make_folds(grouping([3, 1, 2, 1, 1]), splitting(2, 3))
    made.insert(0, KIND, "compound")
    made.to_csv(tmp_path / "f.csv", index=False)
    pd.testing.assert_frame_equal(read_folds(tmp_path / "f.csv"), made)


@pytest.mark.parametrize(
    "content",
    ["", FOLDS[:-3], FOLDS[:20], FOLDS[:72], FOLDS.replace("NA,0", "NA,0.5"),
     FOLDS.replace("g,1", "g,"), FOLDS.replace("0,x,", "0,,"), FOLDS.replace("1,x,", ",x,"),
     FOLDS.replace("1,x,", "0,x,"), FOLDS.replace("1,x,", "1,y,"), FOLDS.replace("plate", "row"),
     FOLDS.replace("plate", ""), FOLDS.replace("plate,1,x", "plate,1,y"),
     FOLDS[: FOLDS.index("plate,1")]],
)  # fmt: skip
def test_damaged_folds(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.csv").write_text(content)
    with pytest.raises(UserError, match=r"f\.csv"):
        read_folds(tmp_path / "f.csv")
