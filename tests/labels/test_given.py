"""Labels that others found: thresholds of z, states, and compounds that the screen lacks."""

from __future__ import annotations

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.readout.given import given_labels
from phenoprot.screens.contract import LabelTable

LAYOUT = pd.DataFrame({"Metadata_Compound": ["b", "a"]})


def described(**more: object) -> LabelTable:
    return LabelTable(path="l.csv", content="x", cell_line="c", **more)  # type: ignore[arg-type]


def table(column: str, values: list[object], compound: str = "a") -> pd.DataFrame:
    genes = [f"G{i:02d}" for i in range(len(values))]
    columns = {"Metadata_Compound": compound, "Metadata_Protein": genes, column: values}
    return pd.DataFrame(columns)


def test_thresholds_of_z() -> None:
    # Strictly beyond 4.05 is called, strictly within 2 is not regulated, the rest is masked.
    z = [4.06, 4.05, -4.06, -4.05, 2.0, 1.999, -2.0, -1.999, 0.0, 3.0, None]
    labels = given_labels(table("Value", z), described(kind="z", called=4.05, quiet=2.0), LAYOUT)
    expected = ["up", "", "down", "", "", "not", "", "not", "not", "", ""]
    assert labels["Label"].tolist() == expected
    assert labels["Effect"].dropna().tolist() == z[:-1]


def test_states() -> None:
    states = ["up", "masked", "down", "not"]
    labels = given_labels(table("Label", states), described(kind="state"), LAYOUT)
    assert labels["Label"].tolist() == ["up", "", "down", "not"]
    assert "Effect" not in labels


def test_sorted_and_of_the_screen() -> None:
    given = pd.concat([table("Label", ["up"], name) for name in ("b", "other", "a")])
    labels = given_labels(given, described(kind="state"), LAYOUT)
    assert labels["Metadata_Compound"].tolist() == ["a", "b"]


def test_no_compound_in_common() -> None:
    with pytest.raises(UserError, match=r"l\.csv: none of the 1 compounds with labels is in"):
        given_labels(table("Label", ["up"], "z"), described(kind="state"), LAYOUT)
