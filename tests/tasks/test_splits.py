"""Outer folds: no compound on two sides, and folds that stay."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.tasks.columns import FOLD, GROUP, REPEAT
from phenoprot.tasks.splits import (
    _filled,
    compound_groups,
    make_folds,
)

from .grouped import COMPOUND, alone, grouping, groupings, splitting


@given(groupings, st.integers(2, 5), st.integers(1, 3), st.integers(0, 1000), st.randoms())
@example(grouping([30, 1, 1, 1, 1]), 5, 1, 0, None)
@example(grouping([30, 20, 1, 1, 1, 1]), 4, 1, 0, None)
@settings(max_examples=40, deadline=None)
def test_folds(groups: pd.DataFrame, n_folds: int, repeats: int, seed: int, random: Any) -> None:
    asked = splitting(n_folds, repeats, seed)
    folds = make_folds(groups, asked)
    assert list(folds) == [REPEAT, COMPOUND, GROUP, FOLD]
    assert sorted(folds[REPEAT].unique()) == list(range(repeats))
    # Neither the order of the compounds nor their number in a repeat plays a part.
    order = list(range(len(groups)))
    if random is not None:
        random.shuffle(order)
    pd.testing.assert_frame_equal(folds, make_folds(groups.iloc[order], asked))
    for repeat in range(repeats):
        drawn = folds[folds[REPEAT] == repeat].reset_index(drop=True)
        # every compound in exactly one fold, and none is lost
        pd.testing.assert_frame_equal(drawn[[COMPOUND, GROUP]], groups)
        assert drawn[FOLD].isin(range(n_folds)).all()
        # groups are never split
        assert drawn.groupby(GROUP)[FOLD].nunique().max() == 1
        sizes = np.bincount(drawn[FOLD], minlength=n_folds)
        assert sizes.min() > 0
        # Groups too large for a fold have their own; the others' folds are balanced.
        large = too_large(groups, n_folds)
        last = drawn[drawn[FOLD] >= n_folds - len(large)]
        assert set(last[GROUP]) == set(large)
        assert last.groupby(FOLD)[GROUP].nunique().eq(1).all()
        rest = groups[~groups[GROUP].isin(large)][GROUP].value_counts()
        mean = rest.sum() / (n_folds - len(large))
        assert np.abs(sizes[: n_folds - len(large)] - mean).max() <= rest.max()


def too_large(groups: pd.DataFrame, n_folds: int) -> dict[str, int]:
    """Groups that do not fit into an equal share of what remains, and their sizes."""
    sizes = groups[GROUP].value_counts()
    large: dict[str, int] = {}
    while sizes.max() * (n_folds - len(large)) > sizes.sum():
        large[sizes.idxmax()] = sizes.max()
        sizes = sizes.drop(sizes.idxmax())
    return large


def fold_of_group(groups: pd.DataFrame, n_folds: int, seed: int) -> pd.Series:
    folds = make_folds(groups, splitting(n_folds, 1, seed))
    return folds.drop_duplicates(GROUP).set_index(GROUP)[FOLD]


@given(groupings, st.integers(2, 5), st.integers(0, 1000), st.data())
@settings(max_examples=60, deadline=None)
def test_one_compound_moves_hardly_any(
    groups: pd.DataFrame, n_folds: int, seed: int, data: st.DataObject
) -> None:
    """At most one group crosses each border, whether a new group came or an old one grew."""
    known = st.sampled_from(sorted(groups[GROUP].unique()))
    group = data.draw(st.one_of(known, st.text("xyz", min_size=1, max_size=4)))
    more = pd.concat([groups, pd.DataFrame({COMPOUND: ["new"], GROUP: [group]})], ignore_index=True)
    large, larger = (too_large(table, n_folds) for table in (groups, more))
    assume(large == larger)
    before, after = (fold_of_group(table, n_folds, seed) for table in (groups, more))
    moved = before.index[before != after.reindex(before.index)]
    assert len(moved) <= n_folds - len(large) - 1
    assert (before[moved] - after[moved]).abs().eq(1).all()


def test_one_compound_more_than_300_moves_one_in_the_mean() -> None:
    names = [f"c{i:03d}" for i in range(300)]
    before = make_folds(alone(names), splitting(repeats=20)).set_index([REPEAT, COMPOUND])[FOLD]
    moved = []
    for new in ("a", "b", "c", "d", "e", "f"):
        more = make_folds(alone([*names, new]), splitting(repeats=20))
        after = more.set_index([REPEAT, COMPOUND])[FOLD].reindex(before.index)
        moved += (before != after).groupby(level=0).sum().tolist()
    # The border of folds k - 1 and k, at 60 k, goes to 60.2 k, and what ranks behind the new one
    # by 1: for k < 3 the compound before it changes sides if the new one ranks before it (k / 5),
    # otherwise the one behind it if the new one ranks behind it (1 - k / 5).
    assert np.mean(moved) == pytest.approx(0.2 + 0.4 + 0.4 + 0.2, abs=0.3)
    assert max(moved) <= 4


def test_screens_of_the_same_compounds_have_the_same_folds() -> None:
    keys = {"Quinine": "LOUPRKONTZGTKE-WZBLMQSHSA-N", "aspirin": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"}
    keys |= {f"drug {i}": f"{chr(65 + i) * 14}-UHFFFAOYSA-N" for i in range(18)}
    names = [*keys, "No key"]
    one = pd.DataFrame(
        {
            COMPOUND: names,
            "Metadata_Concentration": 5.0,
            "Metadata_Control": "",
            "Metadata_InChIKey": [keys.get(name, "") for name in names],
        }
    )
    # Another time point: other order, doses, controls and spelling.
    two = pd.concat([one.iloc[::-1], one.iloc[3:9].assign(Metadata_Concentration=1.0)])
    two = two.replace({COMPOUND: {"Quinine": "quinine", "No key": "no key"}})
    both = [make_folds(compound_groups(wells), splitting(3, 5)) for wells in (one, two)]
    first, second = (
        table.assign(name=table[COMPOUND].str.casefold()).set_index([REPEAT, "name"])[FOLD]
        for table in both
    )
    pd.testing.assert_series_equal(first.sort_index(), second.sort_index())


def test_repeats_and_seeds_draw_other_folds() -> None:
    groups = alone([f"c{i:02d}" for i in range(50)])
    table = make_folds(groups, splitting(repeats=3))
    draws = [table[table[REPEAT] == repeat][FOLD].tolist() for repeat in range(3)]
    draws.append(make_folds(groups, splitting(seed=1))[FOLD].tolist())
    for i, one in enumerate(draws):
        assert np.bincount(one).tolist() == [10] * 5
        for other in draws[:i]:
            # Independent draws agree in a fifth of the compounds.
            assert np.mean(np.array(one) == other) < 0.5
    # Fewer repeats are the first of more.
    pd.testing.assert_frame_equal(
        make_folds(groups, splitting(repeats=2)), table[table[REPEAT] < 2]
    )


def test_every_fold_is_as_likely() -> None:
    groups = alone([f"c{i:02d}" for i in range(20)])
    table = make_folds(groups, splitting(4, 400))
    counts = table.groupby(COMPOUND)[FOLD].value_counts().unstack(fill_value=0)
    # 100 of 400 repeats in each fold, sd 8.7; pairs are together in 4 of 19.
    assert counts.to_numpy().min() > 60
    assert counts.to_numpy().max() < 140
    wide = table.pivot(index=REPEAT, columns=COMPOUND, values=FOLD)
    together = [(wide["c00"] == wide[name]).mean() for name in wide.columns[1:]]
    assert np.mean(together) == pytest.approx(4 / 19)
    assert max(together) < 0.32


def test_a_large_group_has_a_fold_of_its_own() -> None:
    table = make_folds(grouping([40, 5, 1, 1, 1, 1, 1, 1]), splitting(4, 8))
    # 40 of 51, then 5 of 11 in three: they take the last folds, in either order.
    members = table.groupby([REPEAT, FOLD])[GROUP].agg(frozenset).unstack()
    last = [members[[2, 3]].loc[repeat].tolist() for repeat in range(8)]
    assert {len(fold) for pair in last for fold in pair} == {1}
    assert {frozenset.union(*pair) for pair in last} == {frozenset({"g000", "g001"})}
    assert len({tuple(pair) for pair in last}) == 2
    assert members[[0, 1]].map(len).eq(3).all(axis=None)


def test_too_few_groups() -> None:
    groups = pd.DataFrame({COMPOUND: ["a", "b", "c"], GROUP: ["g", "g", "h"]})
    with pytest.raises(UserError) as error:
        make_folds(groups, splitting(3))
    assert str(error.value) == (
        "tasks.splits.folds: 2 group(s) of compounds cannot fill 3 folds. Lower the number of "
        "folds, add compounds, or choose another kind of split."
    )


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=30),
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_filled(sizes: list[int], taken: list[int]) -> None:
    """Against a plain way: the level by steps of fractions, and each middle by itself."""
    level = max(
        Fraction(sum(sizes) + sum(sorted(taken)[:n]), n)
        for n in range(1, len(taken) + 1)
        if all(Fraction(sum(sizes) + sum(sorted(taken)[:n]), n) >= low for low in sorted(taken)[:n])
        and all(
            Fraction(sum(sizes) + sum(sorted(taken)[:n]), n) <= low for low in sorted(taken)[n:]
        )
    )
    room = [max(level - has, Fraction(0)) for has in taken]
    assert sum(room) == sum(sizes)
    expected = []
    for i, size in enumerate(sizes):
        middle = sum(sizes[:i]) + Fraction(size, 2)
        expected.append(next(k for k in range(len(taken)) if middle < sum(room[: k + 1])))
    assert _filled(np.array(sizes), np.array(taken)).tolist() == expected
