"""Outer folds and inner hold-outs: no compound on two sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.tasks.columns import FOLD, GROUP
from phenoprot.tasks.folds import inner_holdouts, read_folds
from phenoprot.tasks.splits import compound_groups, make_folds


@st.composite
def groupings(draw: st.DrawFn) -> pd.DataFrame:
    """Compounds in groups, most of them alone."""
    sizes = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 8]), min_size=5, max_size=60))
    groups = np.repeat([f"g{i:02d}" for i in range(len(sizes))], sizes)
    return pd.DataFrame(
        {"Metadata_Compound": [f"c{i:03d}" for i in range(len(groups))], GROUP: groups}
    )


@given(groupings(), st.integers(2, 5), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_folds(groups: pd.DataFrame, n_folds: int, seed: int) -> None:
    folds = make_folds(groups, n_folds, seed)
    # every compound in exactly one fold, and none is lost
    pd.testing.assert_frame_equal(folds[["Metadata_Compound", GROUP]], groups)
    assert folds[FOLD].isin(range(n_folds)).all()
    # groups are never split
    assert folds.groupby(GROUP)[FOLD].nunique().max() == 1
    # balanced, and none empty
    sizes = np.bincount(folds[FOLD], minlength=n_folds)
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= groups[GROUP].value_counts().max()
    pd.testing.assert_frame_equal(folds, make_folds(groups, n_folds, seed))


def test_the_seed_draws_other_folds() -> None:
    names = [f"c{i:02d}" for i in range(50)]
    groups = pd.DataFrame({"Metadata_Compound": names, GROUP: names})
    one, two = (make_folds(groups, 5, seed)[FOLD].tolist() for seed in (0, 1))
    assert one != two
    assert np.bincount(one).tolist() == np.bincount(two).tolist() == [10] * 5


def test_too_few_compounds() -> None:
    groups = pd.DataFrame({"Metadata_Compound": ["a", "b", "c"], GROUP: ["g", "g", "h"]})
    with pytest.raises(UserError) as error:
        make_folds(groups, 3, 0)
    assert str(error.value) == (
        "tasks.splits.folds: 2 compound(s) cannot fill 3 folds. Lower the number of folds or add "
        "compounds."
    )


def wells(inchikeys: list[str] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "Metadata_Compound": ["L", "D", "L", "other", "no key", "DMSO", ""],
            "Metadata_Concentration": [5.0, 5, 1, 5, 5, 0, np.nan],
            "Metadata_Control": ["", "", "", "", "poscon", "negcon", ""],
        }
    )
    return table if inchikeys is None else table.assign(Metadata_InChIKey=inchikeys)


def test_stereoisomers_stay_together() -> None:
    left, right = "QNAYBMKLOCPYGJ-REOHCLBHSA-N", "QNAYBMKLOCPYGJ-UWTATZPHSA-N"
    keys = [left, right, left, "XLYOFNOQVPJJNP-UHFFFAOYSA-N", "", "IAZDPXIOMUYVGZ-UHFFFAOYSA-N", ""]
    groups = compound_groups(wells(keys)).set_index("Metadata_Compound")[GROUP]
    assert groups.index.tolist() == ["D", "L", "no key", "other"]
    assert groups["L"] == groups["D"] == "QNAYBMKLOCPYGJ"
    assert groups["no key"] == "no key"
    assert groups["other"] == "XLYOFNOQVPJJNP"


@pytest.mark.parametrize("inchikeys", [True, False])
def test_spellings_of_one_name_stay_together(inchikeys: bool) -> None:
    names = ["e\u0301stradiol", "\u00e9stradiol", "\u00c9stradiol ", "estradiol", "a\u2010b", "a-b"]
    wells = pd.DataFrame(
        {
            "Metadata_Compound": names,
            "Metadata_Concentration": 1.0,
            "Metadata_Control": "",
        }
    )
    if inchikeys:
        wells["Metadata_InChIKey"] = ["", "AAA-B-C", "", "", "DDD-B-C", "AAA-X-C"]
    group = compound_groups(wells).set_index("Metadata_Compound")[GROUP]
    assert len(set(group[names[:3]])) == 1
    assert len(set(group[names[4:]])) == 1
    assert group["estradiol"] not in set(group[names[:3]])
    # A name may join two structures.
    assert (group[names[0]] == group["a-b"]) == inchikeys


def test_without_inchikeys_each_compound_is_its_own_group() -> None:
    groups = compound_groups(wells())
    assert groups[GROUP].tolist() == groups["Metadata_Compound"].tolist()


@given(groupings(), st.integers(1, 4), st.floats(0.05, 0.49), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_inner_holdouts(frame: pd.DataFrame, splits: int, share: float, seed: int) -> None:
    folds = make_folds(frame, 3, seed)
    groups = folds[GROUP].to_numpy()
    train = np.flatnonzero(folds[FOLD] != 0)
    holdouts = inner_holdouts(groups, train, splits, share, seed)
    assert len(holdouts) == splits
    n_groups = len(np.unique(groups[train]))
    for held in holdouts:
        assert set(held) < set(train)
        rest = np.setdiff1d(train, held)
        assert not set(groups[held]) & set(groups[rest])
        assert len(np.unique(groups[held])) == max(1, round(share * n_groups))
    again = inner_holdouts(groups, train, splits, share, seed)
    assert all(np.array_equal(one, two) for one, two in zip(holdouts, again, strict=True))


def test_inner_holdouts_differ_among_splits_and_see_no_test_group() -> None:
    groups = np.array([f"g{i}" for i in range(40)])
    train = np.arange(30)
    one, two = inner_holdouts(groups, train, 2, 0.2, 0)
    assert set(one) != set(two)
    # Names of the test groups play no part.
    renamed = np.where(np.arange(40) < 30, groups, "test")
    assert np.array_equal(inner_holdouts(renamed, train, 2, 0.2, 0)[1], two)


FOLDS = "Metadata_Compound,Metadata_Group,Fold\nNA,NA,0\nx,g,1\n"


def test_folds_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(FOLDS)
    table = read_folds(tmp_path / "f.csv")
    assert table["Metadata_Compound"].tolist() == ["NA", "x"]
    assert table[FOLD].tolist() == [0, 1]
    assert table[FOLD].dtype == np.int64


@pytest.mark.parametrize(
    "content",
    ["", FOLDS[:-3], FOLDS[:20], FOLDS[:40], FOLDS.replace(",0", ",0.5"), FOLDS.replace(",1", ","),
     FOLDS.replace("x,", ",")],
)  # fmt: skip
def test_damaged_folds(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.csv").write_text(content)
    with pytest.raises(UserError, match=r"f\.csv"):
        read_folds(tmp_path / "f.csv")
