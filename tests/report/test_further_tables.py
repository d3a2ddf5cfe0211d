"""Tables 4 to 8 and the figure: exact cells from a small made-up metrics folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phenoprot.report.figure import draw
from phenoprot.report.findings import findings
from phenoprot.report.plotted import dose_curves
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

from .toy import FILES, PROVENANCE, SERIES, auc, titled, write


def test_scores_within_thirds_of_the_cell_number(tmp_path: Path) -> None:
    thirds = {}
    for name, n, mean in (("few", 31, 0.6712), ("middle", 28, 0.6139), ("within", 40, 0.6449)):
        score = f"mean_auc_cells_{name}", f"mean_auc_ci_low_cells_{name}"
        thirds |= {f"n_targets_scored_cells_{name}": n, score[0]: mean}
        thirds |= {score[1]: mean - 0.04, f"mean_auc_ci_high_cells_{name}": mean + 0.03}
    thirds |= {"n_targets_scored_cells_many": 0}
    files = {"classification/up/cellprofiler": auc(0.7138) | thirds}
    known = {"provenance": PROVENANCE | {"strata": "cell_count_readout"}}
    (table,) = titled(read_metrics(write(tmp_path / "toy", FILES | files | known)), "Table 8")
    assert table.title == "Table 8a. By the number of cells, UP: mean ROC AUC"
    # In the order of the thirds, whatever the file's.
    assert table.columns == ["row", "few (31)", "middle (28)", "many (0)", "within (40)"]
    assert table.rows == [
        ["cellprofiler", "0.671 (0.63 to 0.70)", "0.614 (0.57 to 0.64)", "-",
         "0.645 (0.60 to 0.67)"]
    ]  # fmt: skip
    assert "by the number of cells (`cell_count_readout`)" in table.notes[0]


def test_scores_by_concentration(tmp_path: Path) -> None:
    metrics = read_metrics(write(tmp_path / "toy", FILES | SERIES))
    up, skill, median = titled(metrics, "Table 4")
    assert up.title == "Table 4a. By concentration, UP: mean ROC AUC"
    assert up.columns == ["row", "0.05 uM", "2.5 uM", "10 uM"]
    assert up.rows == [
        ["cellprofiler", "0.620 (0.60 to 0.65)", "0.740 (0.72 to 0.77)", "0.930 (0.91 to 0.96)"],
        ["cell_count", "-", "-", "0.730 (0.71 to 0.76)"],
    ]
    assert up.notes[0].startswith("40 to 41 targets. Treatments of each concentration alone")
    assert skill.title == "Table 4b. By concentration, regression: pooled skill"
    assert skill.rows[0][1] == "-0.220 (-0.24 to -0.19)"
    assert median.title == "Table 4c. By concentration, regression: median R2"
    assert median.rows[0][3] == "-0.010"
    lines = findings(metrics)
    assert (
        "UP: by concentration cellprofiler goes from 0.620 at 0.05 uM to 0.930 at 10 uM." in lines
    )
    assert not any("no scores by dose" in line for line in lines)


def test_curves_for_the_plots(tmp_path: Path) -> None:
    metrics = read_metrics(write(tmp_path / "toy", FILES | SERIES))
    assert dose_curves(metrics).splitlines() == [
        "task,row,concentration,mean_auc",
        "UP,cellprofiler,0.05,0.62",
        "UP,cellprofiler,2.5,0.74",
        "UP,cellprofiler,10,0.93",
        "UP,cell_count,10,0.73",
    ]
    single = read_metrics(write(tmp_path / "single", FILES))
    assert dose_curves(single) == "task,row,concentration,mean_auc\n"


@pytest.mark.parametrize("files", [FILES, FILES | SERIES], ids=["one dose", "series"])
def test_the_figure_is_the_same_to_the_byte(tmp_path: Path, files: dict[str, Any]) -> None:
    import matplotlib as mpl

    metrics = read_metrics(write(tmp_path / "toy", files))
    draw(metrics, tmp_path / "one.svg")
    with mpl.rc_context({"font.size": 20, "svg.fonttype": "none"}):
        draw(metrics, tmp_path / "two.svg")
        assert mpl.rcParams["font.size"] == 20
    one = (tmp_path / "one.svg").read_bytes()
    assert one == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in one
    assert b"dc:date" not in one


def test_rows_are_compared(metrics: ScreenResults) -> None:
    (table,) = titled(metrics, "Table 5")
    # In the order of params.yaml, not of the file.
    assert table.rows == [
        ["UP", "cellprofiler", "linear", "+0.006 (-0.025 to +0.034)", "0.037", "0.069",
         "0.042; 0.24", "3/1 of 39", "0.31"],
        ["UP", "cellprofiler", "cell_count", "+0.085 (+0.054 to +0.113)", "0.037", "0.069",
         "0.042; 0.24", "17/2 of 39", "0.31"],
    ]  # fmt: skip
    assert "false discovery rate of 10 %" in table.notes[0]


def test_the_leak_gauge(tmp_path: Path) -> None:
    leak = {"leak_mean_auc": 0.7651, "leak_gap": 0.0513, "leak_gap_ci_low": 0.0312,
            "leak_gap_ci_high": 0.0727, "leak_n_doses": 3}  # fmt: skip
    levels = {"leak_mean_concordance": 0.6234, "leak_gap": 0.1074, "leak_n_doses": 3}
    up, regression = "classification/up/cellprofiler", "regression/cellprofiler"
    gauged = FILES | {up: FILES[up] | leak, regression: FILES[regression] | levels}
    (table,) = titled(read_metrics(write(tmp_path / "toy", gauged)), "Table 6")
    assert table.rows == [
        ["UP", "cellprofiler", "0.714", "0.765", "+0.051 (+0.031 to +0.073)", "3"],
        ["regression", "cellprofiler", "0.516", "0.623", "+0.107", "3"],
    ]
    assert len(table.notes) == 1
    single = FILES | {up: FILES[up] | leak | {"leak_n_doses": 1}}
    (table,) = titled(read_metrics(write(tmp_path / "single", single)), "Table 6")
    assert table.notes[1].startswith(
        "Here every compound has one treatment: no compound is split between"
    )


def test_scores_against_the_planted_truth(tmp_path: Path) -> None:
    truth = {"truth_n_null": 4, "truth_mean_auc_null": 0.4913, "truth_mean_auc_ci_low_null": 0.43,
             "truth_mean_auc_ci_high_null": 0.56, "truth_n_1.5_inf": 12,
             "truth_mean_auc_1.5_inf": 0.8712, "truth_n_0.7_1": 7, "truth_mean_auc_0.7_1": 0.7031,
             "truth_n_proteins_only": 3, "truth_mean_auc_proteins_only": 0.5192}  # fmt: skip
    up = "classification/up/cellprofiler"
    planted = FILES | {up: FILES[up] | truth}
    (table,) = titled(read_metrics(write(tmp_path / "toy", planted)), "Table 7")
    assert table.columns == [
        "row", "0.7 to 1 (7)", "1.5 and more (12)", "nothing planted (4)", "proteins only (3)"
    ]  # fmt: skip
    assert table.rows[0] == ["cellprofiler", "0.703", "0.871", "0.491 (0.43 to 0.56)", "0.519"]
    assert table.rows[1] == ["linear", "-", "-", "-", "-"]


def test_levels_against_the_planted_truth(tmp_path: Path) -> None:
    truth = {"truth_n_null": 4, "truth_mean_r2_null": -0.2, "truth_mean_pearson_r2_null": 0.0213,
             "truth_mean_concordance_null": 0.5032}  # fmt: skip
    row = "regression/cellprofiler"
    planted = FILES | {row: FILES[row] | truth}
    r2, concordance = titled(read_metrics(write(tmp_path / "toy", planted)), "Table 7")
    assert (r2.rows[0], concordance.rows[0]) == (
        ["cellprofiler", "0.021"],
        ["cellprofiler", "0.503"],
    )
    assert concordance.title == "Table 7d. Against the planted truth, regression: mean concordance"
    assert concordance.notes[-1].startswith("Concordance: share of the pairs of treatments")
