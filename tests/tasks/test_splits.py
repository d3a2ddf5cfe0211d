"""Outer folds and inner hold-outs: no compound on two sides, and folds that stay."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.tasks.columns import FOLD, GROUP, KIND, REPEAT
from phenoprot.tasks.fit_settings import InnerSettings, SplitSettings
from phenoprot.tasks.folds import folds_of_kind, folds_of_repeat, inner_holdouts, read_folds
from phenoprot.tasks.splits import (
    _filled,
    compound_groups,
    draw_folds,
    folds_like,
    make_folds,
    split_groups,
)

COMPOUND = "Metadata_Compound"
ASPIRIN, BENZAMIDE = "CC(=O)Oc1ccccc1C(=O)O", "NC(=O)c1ccccc1"


def splitting(folds: int = 5, repeats: int = 1, seed: int = 0) -> SplitSettings:
    return SplitSettings(folds=folds, repeats=repeats, kind="compound", seed=seed)


def grouping(sizes: list[int]) -> pd.DataFrame:
    groups = np.repeat([f"g{i:03d}" for i in range(len(sizes))], sizes)
    return pd.DataFrame({COMPOUND: [f"c{i:04d}" for i in range(len(groups))], GROUP: groups})


def alone(names: list[str]) -> pd.DataFrame:
    """Compounds, each a group of its own."""
    return pd.DataFrame({COMPOUND: names, GROUP: names})


groupings = st.builds(
    grouping, st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 8]), min_size=5, max_size=60)
)
"""Compounds in groups, most of them alone."""


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


# Folds of another screen


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


# Which compounds stay together


def wells(inchikeys: list[str] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            COMPOUND: ["L", "D", "L", "other", "no key", "DMSO", ""],
            "Metadata_Concentration": [5.0, 5, 1, 5, 5, 0, np.nan],
            "Metadata_Control": ["", "", "", "", "poscon", "negcon", ""],
        }
    )
    return table if inchikeys is None else table.assign(Metadata_InChIKey=inchikeys)


def test_stereoisomers_stay_together() -> None:
    left, right = "QNAYBMKLOCPYGJ-REOHCLBHSA-N", "QNAYBMKLOCPYGJ-UWTATZPHSA-N"
    keys = [left, right, left, "XLYOFNOQVPJJNP-UHFFFAOYSA-N", "", "IAZDPXIOMUYVGZ-UHFFFAOYSA-N", ""]
    groups = compound_groups(wells(keys)).set_index(COMPOUND)[GROUP]
    assert groups.index.tolist() == ["D", "L", "no key", "other"]
    assert groups["L"] == groups["D"] == "QNAYBMKLOCPYGJ"
    assert groups["no key"] == "no key"
    assert groups["other"] == "XLYOFNOQVPJJNP"


@pytest.mark.parametrize("inchikeys", [True, False])
def test_spellings_of_one_name_stay_together(inchikeys: bool) -> None:
    names = ["e\u0301stradiol", "\u00e9stradiol", "\u00c9stradiol ", "estradiol", "a\u2010b", "a-b"]
    wells = pd.DataFrame(
        {
            COMPOUND: names,
            "Metadata_Concentration": 1.0,
            "Metadata_Control": "",
        }
    )
    if inchikeys:
        wells["Metadata_InChIKey"] = ["", "AAA-B-C", "", "", "DDD-B-C", "AAA-X-C"]
    group = compound_groups(wells).set_index(COMPOUND)[GROUP]
    assert len(set(group[names[:3]])) == 1
    assert len(set(group[names[4:]])) == 1
    assert group["estradiol"] not in set(group[names[:3]])
    # A name may join two structures.
    assert (group[names[0]] == group["a-b"]) == inchikeys


def test_without_inchikeys_each_compound_is_its_own_group() -> None:
    groups = compound_groups(wells())
    assert groups[GROUP].tolist() == groups[COMPOUND].tolist()


def laid_out(rows: list[tuple[str, str, str, str, str]]) -> pd.DataFrame:
    """Wells from compound, plate, control type, first block of the InChIKey, and SMILES."""
    names = [COMPOUND, "Metadata_Plate", "Metadata_Control", "Metadata_InChIKey", "Metadata_SMILES"]
    table = pd.DataFrame(rows, columns=names)
    negative = table["Metadata_Control"] == "negcon"
    return table.assign(Metadata_Concentration=np.where(negative, 0.0, 5.0))


LAYOUT = laid_out(
    [
        ("aspirin", "P1", "", "BSY", ASPIRIN),
        ("benzamide", "P1", "", "KXD", BENZAMIDE),
        ("benzamide HCl", "P2", "", "", f"Cl.{BENZAMIDE}"),
        ("naphthol", "P2", "", "KJC", "Oc1cccc2ccccc12"),
        ("naphthol, too", "P3", "", "KJC", ""),
        ("ethanol", "P3", "", "LFQ", "CCO"),
        ("butane", "P3", "", "IJD", "CCCC"),
        ("nonsense", "P4", "", "", "c1cc("),
        ("unknown", "P5", "", "", ""),
        ("control", "P1", "poscon", "AAA", "C1CC1"),
        ("control", "P5", "poscon", "AAA", "C1CC1"),
        ("DMSO", "P1", "negcon", "", ""),
        ("DMSO", "P5", "negcon", "", ""),
    ]
)


def together(groups: pd.DataFrame) -> set[frozenset[str]]:
    """The groups of more than one compound."""
    return {frozenset(names) for _, names in groups.groupby(GROUP)[COMPOUND] if len(names) > 1}


def test_scaffolds_stay_together() -> None:
    groups = split_groups(LAYOUT, None, "scaffold")
    assert together(groups) == {
        frozenset({"aspirin", "benzamide", "benzamide HCl"}),  # the counter-ion plays no part
        frozenset({"naphthol", "naphthol, too"}),  # of one skeleton, one without SMILES
    }
    group = groups.set_index(COMPOUND)[GROUP]
    assert group["aspirin"] == "c1ccccc1"
    # Without a ring, without a SMILES that can be read: as in the default split.
    assert group["ethanol"] == "LFQ"
    assert group["butane"] == "IJD"
    assert group["nonsense"] == "nonsense"


def test_two_scaffolds_of_one_skeleton_are_one_group() -> None:
    """Tautomers may have other scaffolds, but one InChIKey block."""
    table = laid_out(
        [
            ("a", "P", "", "AAA", "O=C1CCCC=C1"),
            ("b", "P", "", "AAA", "C1CCCC=C1"),
            ("c", "P", "", "CCC", "CC1CCCC=C1"),
            ("d", "P", "", "DDD", "CCC1CCCC(=O)C1"),
        ]
    )
    assert together(split_groups(table, None, "scaffold")) == {frozenset("abc")}


def test_target_families_stay_together() -> None:
    targets = pd.DataFrame(
        [("aspirin", "PTGS1"), ("aspirin", "PTGS2"), ("ethanol", "PTGS2"), ("ethanol", "GABRA1"),
         ("butane", "GABRA1"), ("unknown", "KDR"), ("not in the screen", "KDR"),
         ("naphthol", "EGFR"), ("control", "EGFR")],
        columns=[COMPOUND, "Metadata_Target"],
    )  # fmt: skip
    assert together(split_groups(LAYOUT, targets, "target")) == {
        frozenset({"aspirin", "ethanol", "butane"}),
        frozenset({"naphthol", "naphthol, too", "control"}),
    }


def test_plates_stay_together() -> None:
    assert together(split_groups(LAYOUT, None, "plate")) == {
        # P1 alone; P2 and P3 through the naphthol of one skeleton; the control ties nothing.
        frozenset({"aspirin", "benzamide"}),
        frozenset({"benzamide HCl", "naphthol", "naphthol, too", "ethanol", "butane"}),
    }


def test_random_tears_skeletons_apart() -> None:
    groups = split_groups(LAYOUT, None, "random")
    assert together(groups) == set()
    assert together(split_groups(LAYOUT, None, "compound")) == {
        frozenset({"naphthol", "naphthol, too"})
    }
    assert groups[COMPOUND].tolist() == sorted(set(LAYOUT[COMPOUND]) - {"DMSO"})


@pytest.mark.parametrize(
    ("table", "targets", "kind", "message"),
    [
        (LAYOUT.drop(columns="Metadata_SMILES"), None, "scaffold", "no column Metadata_SMILES"),
        (LAYOUT.assign(Metadata_SMILES=""), None, "scaffold", "no SMILES in the column"),
        (LAYOUT, None, "target", "no table of targets"),
        (LAYOUT, pd.DataFrame({COMPOUND: ["x"], "Metadata_Target": ["KDR"]}), "target",
         "no target for any of its compounds"),
        (LAYOUT.assign(Metadata_Plate="P1"), None, "plate", "the 1 plates share compounds"),
    ],
)  # fmt: skip
def test_kinds_that_a_screen_cannot_have(
    table: pd.DataFrame, targets: pd.DataFrame | None, kind: Any, message: str
) -> None:
    with pytest.raises(UserError, match=rf"^tasks\.splits\.kind: .*{message}"):
        split_groups(table, targets, kind)


def test_every_kind_is_drawn_that_a_screen_can_have() -> None:
    wells = LAYOUT.drop(columns="Metadata_SMILES")
    asked = splitting(2, 2).model_copy(
        update={"others": ["scaffold", "plate", "target", "random", "compound"]}
    )
    folds, left_out = draw_folds(wells, None, asked)
    assert list(folds) == [KIND, REPEAT, COMPOUND, GROUP, FOLD]
    assert folds[KIND].unique().tolist() == ["compound", "plate", "random"]
    for kind in ("compound", "plate", "random"):
        alone = make_folds(split_groups(wells, None, kind), asked)
        pd.testing.assert_frame_equal(folds_of_kind(folds, kind), alone)
    assert set(left_out) == {"scaffold", "target"}
    assert left_out["target"] == "the screen has no table of targets"
    with pytest.raises(UserError, match="no table of targets"):
        draw_folds(wells, None, asked.model_copy(update={"kind": "target"}))


def test_every_kind_is_taken_from_another_screen() -> None:
    asked = splitting(2, 2).model_copy(update={"others": ["random", "plate"]})
    other, _ = draw_folds(LAYOUT, None, asked.model_copy(update={"others": ["random"]}))
    ours = LAYOUT[LAYOUT[COMPOUND] != "aspirin"]
    folds, left_out = draw_folds(ours, None, asked, other)
    assert list(left_out) == ["plate"]
    assert left_out["plate"] == "the screen has no folds of kind 'plate'; it has: compound, random"
    both = folds.merge(other, on=[KIND, REPEAT, COMPOUND])
    assert len(both) == len(folds) == 4 * (LAYOUT[COMPOUND].nunique() - 2)
    assert (both[f"{FOLD}_x"] == both[f"{FOLD}_y"]).all()
    with pytest.raises(UserError, match=r"^folds_like: the screen has no folds of kind 'plate'"):
        draw_folds(ours, None, asked.model_copy(update={"kind": "plate"}), other)


# Inner hold-outs, and reading


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
