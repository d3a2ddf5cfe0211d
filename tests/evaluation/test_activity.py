"""Counts of active treatments by hand, and tables without a test."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.evaluation.activity import read_activity
from phenoprot.evaluation.results import ActivityCounts, DoseActivity

NO = pd.NA


def write(folder: Path, active: list[object]) -> Path:
    """Three compounds at two concentrations, the last one at a single one."""
    treatments = pd.DataFrame(
        {
            "Metadata_Compound": ["a", "a", "b", "b", "c"],
            "Metadata_Concentration": [0.1, 2.0, 0.1, 2.0, 0.1],
            "active": pd.array(active, dtype="boolean"),
        }
    )
    by_compound = treatments.groupby("Metadata_Compound")["active"]
    acting = treatments[treatments["active"].fillna(False)]
    first = acting.groupby("Metadata_Compound")["Metadata_Concentration"].min()
    compounds = pd.DataFrame({"active": by_compound.max().astype("boolean")}).reset_index()
    compounds["first_active_concentration"] = compounds["Metadata_Compound"].map(first)
    treatments.to_parquet(folder / "treatments.parquet")
    compounds.to_parquet(folder / "compounds.parquet")
    return folder


def test_counts_by_hand(tmp_path: Path) -> None:
    found = read_activity(write(tmp_path, [False, True, True, True, NO]))
    assert found is not None
    counts, active = found
    assert counts == ActivityCounts(
        doses=[
            DoseActivity(concentration=0.1, n=2, n_active=1, n_first=1),
            DoseActivity(concentration=2.0, n=2, n_active=2, n_first=1),
        ],
        n_compounds=2,
        n_active=2,
        n_untested=1,
    )
    # The untested one is neither.
    assert active == {"a": True, "b": True}
    found = read_activity(write(tmp_path, [False, False, True, NO, False]))
    assert found is not None
    assert found[1] == {"a": False, "b": True, "c": False}


def test_without_a_test_nothing_is_known(tmp_path: Path) -> None:
    assert read_activity(tmp_path / "no such folder") is None
    assert read_activity(write(tmp_path, [NO] * 5)) is None


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    write(tmp_path, [True] * 5)
    pd.DataFrame({"Metadata_Compound": ["a"]}).to_parquet(tmp_path / "compounds.parquet")
    with pytest.raises(UserError, match=r"compounds\.parquet: .*active"):
        read_activity(tmp_path)
