"""Table 14: exact cells from made-up metrics of two screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phenoprot.report.account import account
from phenoprot.report.across_tables import across_tables
from phenoprot.report.publish import remove_earlier
from phenoprot.report.store import read_metrics, write_metrics
from phenoprot.report.summary import summary

from .toy import FILES, write


def estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


ROW: dict[str, Any] = {
    "n_compounds": 281, "n_compounds_here": 20, "n_compounds_there": 3, "n_targets": 39,
    "n_labels": 5000, "n_labels_alike": 4900, "n_labels_here": 7, "n_labels_there": 0,
    "here": estimate(0.7113, 0.6812, 0.7431), "there": estimate(0.6951, 0.6633, 0.7219),
    "difference": estimate(0.0162, -0.0121, 0.0445), "p": 0.2571, "q": 0.3124,
    "smallest_difference": 0.0411,
}  # fmt: skip
COUNTS = {key: value for key, value in ROW.items() if key.startswith("n_") and key != "n_targets"}
ACROSS = {
    "other": "late",
    "parts": {
        "classification/up": {
            "n_targets": 40, "n_targets_here": 1, "n_targets_there": 2,
            "rows": {"cell_count": COUNTS | {"n_targets": 0}, "cellprofiler": ROW},
            "rows_there": ["mae"],
        },
        "targets": {
            "n_targets": 57, "n_targets_here": 0, "n_targets_there": 0, "rows": {},
            "rows_here": ["cellprofiler", "proteome"],
        },
    },
}  # fmt: skip
PAIRED = FILES | {"comparisons/across_screens": ACROSS}


def test_cells_and_what_is_not_shared(tmp_path: Path) -> None:
    results = read_metrics(write(tmp_path / "toy", PAIRED))
    (table,) = across_tables(results.across, "toy")
    assert table.columns == [
        "task", "row", "toy", "late", "difference (95 % CI)", "q", "80 % power"
    ]  # fmt: skip
    assert table.rows == [
        ["UP", "cellprofiler", "0.711 (0.68 to 0.74)", "0.695 (0.66 to 0.72)",
         "+0.016 (-0.012 to +0.044)", "0.31", "0.041"],
        # In the order of params.yaml, not of the file.
        ["UP", "cell_count", "-", "-", "-", "-", "-"],
    ]  # fmt: skip
    assert "on the compounds and targets that toy and late both have" in table.notes[0]
    assert "Difference: toy minus late" in table.notes[0]
    assert table.notes[1:] == [
        "- UP: 40 targets in both (1 in toy alone, 2 in late alone); 281 compounds (20 in toy "
        "alone, 3 in late alone); 5000 labels (7 in toy alone, 0 in late alone), 4900 of them "
        "alike; rows of late alone: mae.",
        "- targets: 57 targets in both; rows of toy alone: cellprofiler, proteome.",
    ]
    assert "### Table 14" in account(results)
    assert (
        "- Against the screen late, on shared compounds and targets: UP +0.016 (-0.012 to +0.044) "
        "(Table 14)."
    ) in summary(results)


def test_without_another_screen_there_is_no_table(tmp_path: Path) -> None:
    results = read_metrics(write(tmp_path / "toy", FILES))
    assert across_tables(results.across, "toy") == []
    assert "Table 14" not in account(results)


def test_it_goes_through_the_metrics_and_is_removed_with_them(tmp_path: Path) -> None:
    results = read_metrics(write(tmp_path / "toy", PAIRED))
    write_metrics(results, tmp_path / "again")
    assert read_metrics(tmp_path / "again") == results
    remove_earlier(tmp_path / "again")
    assert not (tmp_path / "again/comparisons/across_screens.json").exists()
    # Parts without a row have a file, so that git keeps their folder; it goes with them, too.
    files = {name: one for name, one in FILES.items() if not name.startswith("targets/")}
    write_metrics(read_metrics(write(tmp_path / "few", files)), tmp_path / "again")
    empty = tmp_path / "again/targets/empty.json"
    assert empty.read_text() == "{}\n"
    write_metrics(results, tmp_path / "again")
    remove_earlier(tmp_path / "again")
    assert not empty.exists()
