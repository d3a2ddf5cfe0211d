"""Which compounds stay together, by the kind of split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.tasks.columns import FOLD, GROUP, KIND, REPEAT
from phenoprot.tasks.folds import folds_of_kind
from phenoprot.tasks.splits import (
    compound_groups,
    draw_folds,
    make_folds,
    split_groups,
)

from .grouped import COMPOUND, splitting

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


BENZAMIDE = "NC(=O)c1ccccc1"


def wells(inchikeys: list[str] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            COMPOUND: ["L", "D", "L", "other", "no key", "DMSO", ""],
            "Metadata_Concentration": [5.0, 5, 1, 5, 5, 0, np.nan],
            "Metadata_Control": ["", "", "", "", "poscon", "negcon", ""],
        }
    )
    return table if inchikeys is None else table.assign(Metadata_InChIKey=inchikeys)


def together(groups: pd.DataFrame) -> set[frozenset[str]]:
    """The groups of more than one compound."""
    return {frozenset(names) for _, names in groups.groupby(GROUP)[COMPOUND] if len(names) > 1}


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
