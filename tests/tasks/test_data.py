"""Labels of each task, and their alignment with features and folds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.tasks.classification import classification_labels
from phenoprot.tasks.columns import LABELS_OF
from phenoprot.tasks.data import align, shuffle_compounds
from phenoprot.tasks.regression import regression_labels
from phenoprot.tasks.settings import ClassificationSettings, RegressionSettings, TargetSettings
from phenoprot.tasks.targets import target_labels

NAN = np.nan


def long_labels(states: dict[str, list[str]]) -> pd.DataFrame:
    """States of compounds a, b, ... per protein."""
    return pd.DataFrame(
        [
            {"Metadata_Compound": "abcdefgh"[i], "Metadata_Protein": protein, "Label": label}
            for protein, labels in states.items()
            for i, label in enumerate(labels)
        ]
    )


STATES = {
    "z": ["up", "up", "not", "not", "down", ""],
    "few": ["up", "down", "not", "not", "not", "not"],
    "no_not": ["up", "up", "not", "", "", ""],
    "m": ["not", "up", "up", "down", "down", "not"],
}
TWO = ClassificationSettings(min_positives=2, min_negatives=2)


def test_the_other_direction_and_unclassified_pairs_are_masked() -> None:
    table = classification_labels(long_labels(STATES), "up", TWO)
    # sorted, and only proteins with two positives and two negatives
    assert table.columns.tolist() == ["Metadata_Compound", "m", "z"]
    np.testing.assert_array_equal(table["z"], [1, 1, 0, 0, NAN, NAN])
    np.testing.assert_array_equal(table["m"], [0, 1, 1, NAN, NAN, 0])
    assert table["z"].dtype == np.float32
    down = classification_labels(long_labels(STATES), "down", TWO)
    assert down.columns.tolist() == ["Metadata_Compound", "m"]
    np.testing.assert_array_equal(down["m"], [0, NAN, NAN, 1, 1, 0])


def test_masked_pairs_can_be_negative_and_decide_on_no_protein() -> None:
    labels = long_labels(STATES)
    opposite = classification_labels(labels, "up", TWO, ("down",))
    np.testing.assert_array_equal(opposite["z"], [1, 1, 0, 0, 0, NAN])
    np.testing.assert_array_equal(opposite["m"], [0, 1, 1, 0, 0, 0])
    unclear = classification_labels(labels, "up", TWO, ("",))
    np.testing.assert_array_equal(unclear["z"], [1, 1, 0, 0, NAN, 0])
    plain = classification_labels(labels, "up", TWO)
    assert plain.columns.tolist() == opposite.columns.tolist() == unclear.columns.tolist()


def test_min_positives_and_min_negatives() -> None:
    labels = long_labels(STATES)
    one = ClassificationSettings(min_positives=1, min_negatives=1)
    assert set(classification_labels(labels, "up", one)) >= {"few", "no_not"}
    three = ClassificationSettings(min_positives=3, min_negatives=1)
    assert classification_labels(labels, "up", three).shape == (6, 1)


def test_pairs_that_were_not_measured_are_masked() -> None:
    labels = long_labels(STATES)
    labels = labels[~((labels["Metadata_Protein"] == "z") & (labels["Metadata_Compound"] == "d"))]
    one = ClassificationSettings(min_positives=1, min_negatives=1)
    np.testing.assert_array_equal(
        classification_labels(labels, "up", one)["z"], [1, 1, 0, NAN, NAN, NAN]
    )


def test_proteins_with_too_few_levels_are_left_out() -> None:
    levels = pd.DataFrame(
        {
            "Metadata_Compound": list("abc"),
            "Metadata_Concentration": 1.0,
            "p": [1, NAN, NAN],
            "q": [1, 2, NAN],
        }
    )
    kept = regression_labels(levels, RegressionSettings(loss="mse", min_treatments=2))
    assert kept.columns.tolist() == ["Metadata_Compound", "Metadata_Concentration", "q"]


def test_annotated_targets() -> None:
    targets = pd.DataFrame(
        [("a", "T"), ("b", "T"), ("b", "U"), ("c", "U"), ("c", "ALL"), ("a", "ALL"), ("b", "ALL"),
         ("x", "V"), ("a", "V"), ("a", "T")],
        columns=["Metadata_Compound", "Metadata_Target"],
    )  # fmt: skip
    compounds = pd.Series(["a", "b", "c", "d"])
    table = target_labels(targets, compounds, TargetSettings(min_compounds=2))
    # V: x was not screened. ALL: nothing to tell apart. d: no annotation, no row.
    assert table.columns.tolist() == ["Metadata_Compound", "T", "U"]
    assert table["Metadata_Compound"].tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(table[["T", "U"]], [[1, 0], [1, 1], [0, 1]])


def profile(compounds: str, name: str, doses: tuple[float, ...] = (1.0, 2.0)) -> pd.DataFrame:
    """Feature value: 10 x the compound's place in the alphabet + dose."""
    return pd.DataFrame(
        [
            {
                "Metadata_Compound": compound,
                "Metadata_Concentration": dose,
                name: 10.0 * (ord(compound) - ord("a")) + dose,
            }
            for compound in compounds
            for dose in doses
        ]
    )


FOLDS = pd.DataFrame(
    {
        "Metadata_Compound": list("abcdef"),
        "Metadata_Group": ["g", "g", "c", "d", "e", "f"],
        "Fold": [0, 0, 1, 1, 2, 2],
    }
)
LABELS = pd.DataFrame({"Metadata_Compound": list("edcba"), "t": [4.0, 3, 2, 1, 0]})


def test_align_joins_on_the_treatment() -> None:
    one = profile("fedcba", "x").sample(frac=1, random_state=0)
    data = align([one, profile("abcd", "x", (2.0,))], LABELS, FOLDS)
    # d at dose 2 is in both tables; f has no labels; dose 1 is in the first table only
    assert data.key["Metadata_Compound"].tolist() == list("abcd")
    assert data.key["Metadata_Concentration"].tolist() == [2] * 4
    np.testing.assert_array_equal(data.features, [[2, 2], [12, 12], [22, 22], [32, 32]])
    np.testing.assert_array_equal(data.labels, [[0], [1], [2], [3]])
    assert data.targets == ["t"]
    assert data.folds.tolist() == [0, 0, 1, 1]
    assert data.groups.tolist() == ["g", "g", "c", "d"]
    assert data.features.dtype == data.labels.dtype == np.float32


def test_features_of_two_tables_stand_side_by_side() -> None:
    two = profile("abc", "y").assign(z=7.0)
    data = align([profile("abc", "x"), two], LABELS, FOLDS)
    np.testing.assert_array_equal(data.features[:, 2], 7)
    assert data.features.shape == (6, 3)


def test_all_doses_share_a_compound_s_label_and_levels_go_by_dose() -> None:
    assert align([profile("ab", "x")], LABELS, FOLDS).labels.ravel().tolist() == [0, 0, 1, 1]
    levels = profile("ab", "p").iloc[:3]
    data = align([profile("ab", "x")], levels, FOLDS)
    np.testing.assert_array_equal(data.labels.ravel(), [1, 2, 11, NAN])


def test_shuffled_labels_are_those_of_the_named_compound() -> None:
    data = align([profile("abcde", "x")], LABELS, FOLDS, shuffle_seed=3)
    plain = align([profile("abcde", "x")], LABELS, FOLDS)
    np.testing.assert_array_equal(data.features, plain.features)
    assert data.folds.tolist() == plain.folds.tolist()
    assert plain.key[LABELS_OF].tolist() == plain.key["Metadata_Compound"].tolist()
    # The label is that of LABELS_OF, for all doses of a compound.
    expected = [float("abcde".index(name)) for name in data.key[LABELS_OF]]
    assert data.labels.ravel().tolist() == expected
    assert data.key.groupby("Metadata_Compound")[LABELS_OF].nunique().tolist() == [1] * 5
    # A permutation: every compound's labels are used once.
    owners = data.key.drop_duplicates("Metadata_Compound")[LABELS_OF]
    assert sorted(owners) == list("abcde")
    assert owners.tolist() != list("abcde")
    assert sorted(data.labels.ravel()) == sorted(plain.labels.ravel())


def test_shuffles_are_drawn_by_seed() -> None:
    names = pd.Series([f"c{i}" for i in range(30)])
    one, two = shuffle_compounds(names, 0), shuffle_compounds(names, 1)
    assert one == shuffle_compounds(names.iloc[::-1], 0)
    assert one != two


def test_nothing_matches() -> None:
    with pytest.raises(UserError) as error:
        align([profile("xyz", "x")], LABELS, FOLDS)
    assert str(error.value) == (
        "profiles and labels: no treatment has both features and labels. Check that compound names "
        "agree between the tables of the screen."
    )
