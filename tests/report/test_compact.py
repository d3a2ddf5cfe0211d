"""The account's own tables and summary: exact cells from a small made-up metrics folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phenoprot.report.account import account
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics
from phenoprot.report.summary import summary
from phenoprot.report.table import Table
from phenoprot.report.tables import build_tables

from .toy import FILES, PROVENANCE, SERIES, auc, write


def made(folder: Path, *more: dict[str, Any], **provenance: Any) -> ScreenResults:
    files: dict[str, Any] = json.loads(json.dumps(FILES))
    for one in more:
        files |= one
    files["provenance"] |= provenance
    return read_metrics(write(folder / "toy", files))


def table(results: ScreenResults, start: str) -> Table:
    (found,) = [one for one in build_tables(results) if one.title.startswith(start)]
    return found


def test_both_directions_stand_in_one_table(tmp_path: Path) -> None:
    ceiling = {"ceiling_auc": 0.9312, "ceiling_n_targets": 39, "ceiling_share": 0.4958}
    up = "classification/up/cellprofiler"
    found = table(made(tmp_path, {up: FILES[up] | ceiling}), "Table 1.")
    assert found.title == "Table 1. Classification: ROC AUC"
    cells = ["mean AUC (95 % CI)", "p", "of ceiling", ">= 0.6/0.8 (by chance)"]
    # Nothing is known of the ceiling of DOWN.
    assert found.columns[1:] == [
        f"UP: {cells[0]}", *cells[1:], f"DOWN: {cells[0]}", cells[1], cells[3], "poster"
    ]  # fmt: skip
    assert found.rows[0] == [
        "cellprofiler",
        *("0.714 (0.69-0.74)", "0.012", "50 %", "20/7 (2.2/0.1)"),
        *("0.486 (0.46-0.51)", "0.012", "20/7 (2.2/0.1)"),
        "0.64; 71/2 %; 0.66; 84/1 %",
    ]
    # A row that one direction lacks; no figures of the poster.
    assert found.rows[1][5:] == ["-", "-", "-", "-"]
    assert found.notes[0].startswith(
        "UP 41 targets, 301 compounds, ceiling 0.931; DOWN 41 targets, 301 compounds. Two rows"
    )


def test_other_numbers_of_folds_are_told(tmp_path: Path) -> None:
    up = "classification/up/cellprofiler"
    same = account(made(tmp_path / "a", {up: FILES[up] | {"n_folds": 5}}))
    other = account(made(tmp_path / "b", {up: FILES[up] | {"n_folds": 10}}))
    assert "The intervals are checked" not in same
    told = "checked for 5 folds x 5 repeats (docs/coverage.md), not for 10 folds x 5 repeats"
    assert told in other


def test_rows_against_each_other_in_one_line(tmp_path: Path) -> None:
    found = table(made(tmp_path), "Table 5")
    assert found.columns == ["row", "against", "UP: difference (95 % CI)", "q"]
    # The linear model of the first row's features, but not that of other features.
    assert found.rows == [["cellprofiler", "linear", "+0.006 (-0.025 to +0.034)", "0.069"]]


VARIANTS = {
    "part": {"of": "linear", "train_share": 0.25},
    "half": {"of": "linear", "train_share": 0.5},
    "harder": {"of": "linear", "splits": "target"},
    "hard": {"of": "linear", "splits": "scaffold"},
    "alone": {"splits": "random"},
}


@pytest.fixture
def varied(tmp_path: Path) -> ScreenResults:
    methods = dict.fromkeys(VARIANTS, PROVENANCE["methods"]["linear"])
    scores = {"part": 0.55, "half": 0.61, "harder": 0.52, "hard": 0.64, "alone": 0.7}
    files = {f"classification/up/variants/{row}": auc(mean) for row, mean in scores.items()}
    return made(tmp_path, files, variants=VARIANTS, methods=PROVENANCE["methods"] | methods)


def test_other_folds_beside_those_of_the_tables(varied: ScreenResults) -> None:
    found = table(varied, "Table 11")
    assert found.columns == ["row", "folds of", "UP"]
    assert found.rows == [
        ["linear", "as in the tables above", "0.708 (0.69 to 0.73)"],
        ["linear", "scaffold", "0.640 (0.62 to 0.66)"],
        ["linear", "target", "0.520 (0.50 to 0.54)"],
        ["alone", "random", "0.700 (0.68 to 0.72)"],
    ]


def test_the_learning_curve_ascends_to_the_plain_row(varied: ScreenResults) -> None:
    found = table(varied, "Table 12")
    assert [line[1:] for line in found.rows] == [
        ["25 %", "0.550 (0.53 to 0.57)"],
        ["50 %", "0.610 (0.59 to 0.63)"],
        ["100 %", "0.708 (0.69 to 0.73)"],
    ]


def test_variants_are_in_no_other_table(varied: ScreenResults) -> None:
    for one in build_tables(varied):
        if not one.title.startswith(("Table 11", "Table 12")):
            named = {cell for line in one.rows for cell in line}
            assert not named & set(VARIANTS), one.title
    assert not any(row in summary(varied) for row in ("`hard`", "`part`"))


def test_chosen_proteins(tmp_path: Path) -> None:
    choice: dict[str, float] = {"chosen_optimism": 0.0213, "chosen_optimism_ci_low": 0.0101,
                                "chosen_optimism_ci_high": 0.0342}  # fmt: skip
    for name, n, skill, median in (("every", 190, 0.1, 0.02), ("inside", 71.6, 0.2, 0.05),
                                   ("all", 80.2, 0.22, 0.08)):  # fmt: skip
        choice |= {f"chosen_{name}_n": n, f"chosen_{name}_skill": skill}
        choice[f"chosen_{name}_median_r2"] = median
    row = "regression/cellprofiler"
    found = table(made(tmp_path, {row: FILES[row] | choice}), "Table 13")
    assert found.rows == [
        ["cellprofiler", "0.100; 0.020 (190)", "0.200; 0.050 (72)", "0.220; 0.080 (80)",
         "+0.021 (+0.010 to +0.034)", "+0.030"]
    ]  # fmt: skip


def test_activity(tmp_path: Path) -> None:
    counts = {
        "doses": [
            {"concentration": 0.05, "n": 40, "n_active": 10, "n_first": 9},
            {"concentration": 10.0, "n": 41, "n_active": 30, "n_first": 22},
        ],
        "n_compounds": 41,
        "n_active": 31,
    }
    scored = {"n_targets_scored_compounds_active": 40, "mean_auc_compounds_active": 0.7312,
              "n_targets_scored_compounds_inactive": 0}  # fmt: skip
    up = "classification/up/cellprofiler"
    results = made(tmp_path, {"activity": counts, up: FILES[up] | scored})
    by_dose = table(results, "Table 10a")
    assert by_dose.rows == [["0.05 uM", "40", "10, 25 %", "9"], ["10 uM", "41", "30, 73 %", "22"]]
    assert by_dose.notes[0].startswith("41 compounds, 10 of them without an active treatment.")
    assert table(results, "Table 10b").rows == [["UP", "cellprofiler", "0.731", "-"]]
    assert "Which treatments are active" not in summary(results)
    assert "Which treatments are active: none was tested" in summary(made(tmp_path / "without"))


def test_doses_of_the_rows_that_matter(tmp_path: Path) -> None:
    found = table(made(tmp_path, SERIES), "Table 4")
    assert found.columns == ["task, score", "row", "0.05 uM", "2.5 uM", "10 uM"]
    assert [line[:2] for line in found.rows] == [
        ["UP, mean ROC AUC", "cellprofiler"],
        ["UP, mean ROC AUC", "cell_count"],
        ["regression, pooled skill", "cellprofiler"],
    ]
    assert found.rows[1][2:] == ["-", "-", "0.730 (0.71 to 0.76)"]


def test_the_summary_fits_one_screen_and_says_what_the_metrics_say(tmp_path: Path) -> None:
    ceiling = {"ceiling_auc": 0.9312, "ceiling_n_targets": 39, "ceiling_share": 0.4958}
    up = "classification/up/cellprofiler"
    text = summary(made(tmp_path, {up: FILES[up] | ceiling}))
    assert len(text.splitlines()) <= 40
    assert (
        "- UP: mean ROC AUC 0.714 (0.69 to 0.74) over 41 proteins; by chance 0.5, p 0.012; 50 % of "
        "the way from chance to the ceiling of 0.931. Best baseline: `cell_count` 0.628, "
        "`cellprofiler` +0.085 (+0.054 to +0.113; q 0.069)."
    ) in text
    assert "- regression: pooled skill -0.018 (-0.02 to 0.02)" in text
    assert "with shuffled labels UP 0.496." in text
    assert "Differences of two rows below UP 0.042 in the mean AUC" in text


def test_the_account_is_short(varied: ScreenResults) -> None:
    page = account(varied)
    assert len(page.splitlines()) <= 250
    assert "(results-toy-details.md)" in page
