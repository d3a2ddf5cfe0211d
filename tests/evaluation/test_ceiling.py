"""The ceiling of a row: over the same targets, and from chance."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenoprot.evaluation.ceiling import read_ceilings, reliability_counts, row_ceiling


def test_shares_by_hand() -> None:
    targets = pd.DataFrame({"Target": ["a", "b", "c"], "auc": [0.7, 0.6, 0.9]})
    # c has no ceiling: row 0.65, ceiling 0.9, (0.65 - 0.5) / (0.9 - 0.5).
    found = row_ceiling(targets, {"a": 1.0, "b": 0.8, "z": 0.6}, "auc")
    assert found is not None
    assert (found.value, found.n, found.share) == (0.9, 2, pytest.approx(0.375))


def test_levels_go_by_the_median_from_zero() -> None:
    targets = pd.DataFrame({"Target": ["a", "b", "c"], "r2": [-50.0, 0.2, 0.3]})
    found = row_ceiling(targets, {"a": 0.1, "b": 0.4, "c": 0.9}, "levels")
    assert found is not None
    assert (found.value, found.n, found.share) == (0.4, 3, pytest.approx(0.5))


def test_nothing_is_made_up() -> None:
    targets = pd.DataFrame({"Target": ["a", "b"], "auc": [0.7, float("nan")]})
    assert row_ceiling(targets, {"b": 0.9}, "auc") is None
    found = row_ceiling(targets, {"a": 0.5}, "auc")
    assert found is not None
    assert found.share is None


def test_lines_of_one_kind_are_read(tmp_path: Path) -> None:
    lines = [("p", "up", 0.9), ("p", "down", 0.8), ("q", "up", 0.7)]
    table = pd.DataFrame(lines, columns=["Metadata_Protein", "Kind", "Ceiling"])
    table.to_parquet(tmp_path / "ceiling.parquet")
    assert read_ceilings(tmp_path, "up") == {"p": 0.9, "q": 0.7}
    assert read_ceilings(tmp_path, "level") is None
    assert read_ceilings(tmp_path, None) is None


def test_reliability_is_over_the_proteins_not_their_lines(tmp_path: Path) -> None:
    known = {"p": 0.1, "q": 0.3, "r": 0.5, "s": 0.9, "t": float("nan")}
    lines = [(name, kind, value) for name, value in known.items() for kind in ("up", "level")]
    table = pd.DataFrame([*lines, ("s", "down", 0.9)])
    table.columns = pd.Index(["Metadata_Protein", "Kind", "Reliability"])
    table.to_parquet(tmp_path / "ceiling.parquet")
    # Of 0.1, 0.3, 0.5, 0.9; two of four below one half.
    assert reliability_counts(tmp_path) == {
        "reliability_low": 0.25, "reliability_median": 0.4, "reliability_high": 0.6,
        "unreliable_percent": 50.0,
    }  # fmt: skip
    assert reliability_counts(tmp_path / "nowhere") == {}
    table.assign(Reliability=float("nan")).to_parquet(tmp_path / "ceiling.parquet")
    assert reliability_counts(tmp_path) == {}
