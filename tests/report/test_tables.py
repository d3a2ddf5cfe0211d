"""Tables of rows from a small made-up metrics folder: exact cells, and nothing invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from phenoprot.core.errors import UserError
from phenoprot.evaluation.results import Estimate
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics
from phenoprot.report.table import Table, gain_cell, number, score_cell, to_markdown
from phenoprot.report.tables import detail_tables

from .toy import FILES, PROVENANCE, auc, cells, write


def test_rows_come_in_the_order_of_the_parameters(metrics: ScreenResults) -> None:
    assert list(metrics.parts["classification/up"]) == PROVENANCE["rows"][:4]
    assert list(metrics.parts["targets"]) == ["cellprofiler", "proteome"]
    assert metrics.truth is None


def test_a_zero_has_no_minus() -> None:
    near = Estimate(value=-0.0004, low=-0.004, high=0.004)
    assert score_cell(near) == "0.000 (0.00 to 0.00)"
    assert gain_cell(near) == "+0.000 (-0.004 to +0.004)"
    assert [number(-0.001, form) for form in (".2f", "+.2f", ".3f")] == ["0.00", "+0.00", "-0.001"]
    assert number(7, ".0f") == "7"


@pytest.mark.parametrize("target", ["nowhere", "linear.json"])
def test_a_link_that_leads_nowhere_is_not_a_row_without_metrics(
    target: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "toy", FILES)
    path = folder / "classification" / "up" / "linear.json"
    path.unlink()
    assert "linear" not in read_metrics(folder).parts["classification/up"]
    path.symlink_to(target)
    with pytest.raises(UserError, match=r"up/linear.json: no such file"):
        read_metrics(folder)


def test_cells_of_the_classification(metrics: ScreenResults) -> None:
    table = detail_tables(metrics)[0]
    assert table.title == "Table 1a. Classification, UP vs NOT: ROC AUC"
    assert table.columns == [
        "row", "targets", "mean AUC (95 % CI)", "sd", "p", "chance sd", "poster"
    ]  # fmt: skip
    # Poster: 4303 and 96 of 6035.
    assert table.rows[0] == [
        "cellprofiler", "41", "0.714 (0.69-0.74)", "0.008", "0.012", "0.031", "0.64; 71/2 %"
    ]  # fmt: skip
    assert table.rows[3] == [
        "shuffled", "41", "0.496 (0.48-0.52)", "0.008", "0.012", "0.031", "-"
    ]  # fmt: skip
    assert table.notes[0].startswith("301 compounds.")
    assert table.notes[0].endswith(
        " Two rows must differ by about 0.042 in the mean for such a screen to show it (80 % "
        "power, two-sided at 5 %; median over the comparisons of the part)."
    )


def test_the_ceiling_of_a_part(tmp_path: Path) -> None:
    up = {
        "cellprofiler": {"ceiling_auc": 0.9312, "ceiling_n_targets": 39, "ceiling_share": 0.4958},
        "linear": {"ceiling_auc": 0.9312, "ceiling_n_targets": 39, "ceiling_share": 0.4816},
        "cell_count": {"ceiling_auc": 0.9244, "ceiling_n_targets": 38, "ceiling_share": 0.3026},
    }
    files = {f"classification/up/{row}": FILES[f"classification/up/{row}"] | more
             for row, more in up.items()}  # fmt: skip
    tables = detail_tables(read_metrics(write(tmp_path / "toy", FILES | files)))
    table, down = tables[0], tables[2]
    assert table.columns == [
        "row", "targets", "mean AUC (95 % CI)", "sd", "p", "chance sd", "of ceiling", "poster"
    ]  # fmt: skip
    assert [line[0::6] for line in table.rows] == [
        ["cellprofiler", "50 %"], ["linear", "48 %"], ["cell_count", "30 %"], ["shuffled", "-"]
    ]  # fmt: skip
    # That over the most targets.
    assert table.notes[0].endswith(" Ceiling: a mean AUC of 0.931 over 39 targets.")
    # Nothing is known of the other part.
    assert "of ceiling" not in down.columns
    assert "Ceiling" not in "".join(down.notes)


def test_targets_above_chance_are_counted(tmp_path: Path) -> None:
    up = {"classification/up/cellprofiler": auc(0.7138) | {"n_above_chance": 23}}
    _, table, _, down = detail_tables(read_metrics(write(tmp_path / "toy", FILES | up)))[:4]
    assert table.columns == ["row", "above chance", ">= 0.6", ">= 0.8"]
    assert [line[:2] for line in table.rows[:2]] == [["cellprofiler", "23"], ["linear", "-"]]
    assert "above chance" not in down.columns


def test_cells_of_the_counts(metrics: ScreenResults) -> None:
    table = detail_tables(metrics)[1]
    assert table.title == "Table 1a. Classification, UP vs NOT: ROC AUC, counts"
    assert table.columns == ["row", ">= 0.6", ">= 0.8"]
    # 20 and 7 of 41.
    assert table.rows[0] == [
        "cellprofiler", "20, 49 % (2.2±3.3; 0.023)", "7, 17 % (0.1±1.2; 0.023)"
    ]  # fmt: skip
    assert table.rows[3] == ["shuffled", "1, 2 % (0.7±1.7; 0.023)", "0, 0 % (0.0±1.0; 0.023)"]


def test_cells_of_the_other_tables(metrics: ScreenResults) -> None:
    _, _, down, _, regression, levels, top, targets, counts = detail_tables(metrics)[:9]
    assert down.rows[0][-1] == "0.66; 84/1 %"
    assert regression.rows == [
        ["cellprofiler", "190", "-0.018 (-0.02 to 0.02)", "0.032", "0.93", "71.3", "0.516",
         "0.44", "0.45"]
    ]  # fmt: skip
    assert levels.title == "Table 2a. Regression of protein level, counts"
    assert (levels.columns, levels.rows) == (
        ["row", "R2 >= 0.2"], [["cellprofiler", "13, 7 % (1.2)"]]
    )  # fmt: skip
    assert top.title.endswith("(cellprofiler)")
    assert top.rows == [
        ["sp|P02768|ALBU", "0.437", "0.452", "48.4", "MGP 0.448 / 48.9"],
        ["IL8", "0.291", "0.305", "59.4", "LRRN2 0.428 / 61.7"],
    ]
    assert counts.columns == ["row", ">= 0.6", ">= 0.7", ">= 0.8", ">= 0.9"]
    # The poster's 171, 49, 7 and 0 of 252; 67, 10, 0 and 0.
    assert targets.rows[0][-1] == "0.63; 68/19/3/0 %"
    assert targets.rows[1][-1] == "0.49; 27/4/0/0 %"


def test_parts_without_metrics_have_no_table(metrics: ScreenResults) -> None:
    metrics.parts["regression"].clear()
    metrics.comparisons.clear()
    assert [table.title[:8] for table in detail_tables(metrics)] == [
        *("Table 1a", "Table 1a"),
        *("Table 1b", "Table 1b"),
        *("Table 3.", "Table 3."),
    ]
    # Without comparisons nothing is known of what two rows must differ by.
    assert "must differ by" not in detail_tables(metrics)[0].notes[0]


def test_markdown_is_well_formed(metrics: ScreenResults) -> None:
    for table in detail_tables(metrics):
        header, rule, *rows = cells(to_markdown(table))
        assert header == table.columns
        assert rule == ["---"] * len(header)
        assert [[cell.replace("\\|", "|") for cell in row] for row in rows] == table.rows
    assert to_markdown(Table("T", ["a", "b"], [["1", "2"]], ["A note."])) == (
        "### T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nA note.\n"
    )
