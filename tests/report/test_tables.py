"""Tables and account from a small made-up metrics folder: exact cells, and nothing invented."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from phenoprot.errors import UserError
from phenoprot.report.account import ROWS, account, findings
from phenoprot.report.show import print_tables
from phenoprot.report.tables import ScreenMetrics, Table, build_tables, read_metrics, to_markdown

ROOT = Path(__file__).parents[2]


def auc(mean: float, n_targets: int = 41, **counts: tuple[int, float]) -> dict[str, Any]:
    """Metrics of a classification row; counts as ``at_8=(number, chance)``."""
    row: dict[str, Any] = {
        "n_targets": n_targets,
        "n_targets_scored": n_targets,
        "n_folds_skipped": 3,
        "n_compounds": 301,
        "mean_auc": mean,
        "mean_auc_ci_low": mean - 0.021,
        "mean_auc_ci_high": mean + 0.024,
    }
    for name, (number, chance) in {"at_6": (20, 2.25), "at_8": (7, 0.14), **counts}.items():
        key = f"auc_ge_0.{name[-1]}"
        row |= {f"n_{key}": number, f"chance_n_{key}": chance}
        row[f"pct_{key}"] = round(100 * number / n_targets, 6)
    return row


def level(r2: float) -> dict[str, Any]:
    return {
        "n_targets": 190,
        "n_compounds": 301,
        "mean_r2": r2 - 0.05,
        "median_r2": r2,
        "max_r2": 0.437,
        "mean_pearson_r2": r2 + 0.11,
        "mean_smape": 71.27,
        "n_r2_ge_0.2": 13,
        "pct_r2_ge_0.2": 6.842105,
        "chance_n_r2_ge_0.2": 1.25,
    }


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, sort_keys=True))
    return folder


PROVENANCE = {
    "package_version": "0.9.9",
    "data_sha256": "ab" * 32,
    "params_sha256": "cd" * 32,
    "screen": "toy",
    "title": "A [made-up] screen",
    "imaged_cell_line": "U2OS",
    "readout_cell_line": "A549",
    "caveats": ["Nothing of it is real.", "One dose only."],
    "rows": ["cellprofiler", "linear", "cell_count", "shuffled", "proteome"],
    "label_rule": "The rule as it is.",
}
FILES = {
    "provenance": PROVENANCE,
    "labels/counts": {"n_up": 11, "n_down": 22, "n_not": 333, "n_unclassified": 44,
                      "n_compounds": 301, "n_proteins": 191},
    "classification/up/shuffled": auc(0.4961, at_6=(1, 0.65), at_8=(0, 0.0)),
    "classification/up/cell_count": auc(0.6284),
    "classification/up/cellprofiler": auc(0.7138),
    "classification/up/linear": auc(0.7077),
    "classification/down/cellprofiler": auc(0.4857),
    "classification/down/cell_count": auc(0.5472),
    "regression/cellprofiler": level(0.0316),
    "targets/cellprofiler": auc(0.5829, 57, at_7=(9, 5.53), at_9=(1, 0.21)),
    "targets/proteome": auc(0.5513, 57, at_7=(8, 5.56), at_9=(0, 0.22)),
    "top_regression": [
        {"row": "cellprofiler", "protein": "sp|P02768|ALBU", "r2": 0.4372, "pearson_r2": 0.4519,
         "smape": 48.36},
        {"row": "cellprofiler", "protein": "IL8", "r2": 0.2911, "pearson_r2": 0.3047,
         "smape": 59.43},
    ],
}  # fmt: skip


@pytest.fixture
def metrics(tmp_path: Path) -> ScreenMetrics:
    return read_metrics(write(tmp_path / "toy", FILES))


def test_rows_come_in_the_order_of_the_parameters(metrics: ScreenMetrics) -> None:
    assert list(metrics.parts["classification/up"]) == PROVENANCE["rows"][:4]
    assert list(metrics.parts["targets"]) == ["cellprofiler", "proteome"]
    assert metrics.truth is None


def test_cells_of_the_classification(metrics: ScreenMetrics) -> None:
    table = build_tables(metrics)[0]
    assert table.title == "Table 1a. Classification, UP vs NOT: ROC AUC"
    assert table.columns == ["row", "targets", "mean AUC (95 % CI)", ">= 0.6", ">= 0.8", "poster"]
    # 20 and 7 of 41; poster 4303 and 96 of 6035.
    assert table.rows[0] == [
        "cellprofiler", "41", "0.714 (0.69-0.74)", "20, 49 % (2.2)", "7, 17 % (0.1)", "0.64; 71/2 %"
    ]  # fmt: skip
    assert table.rows[3] == [
        "shuffled", "41", "0.496 (0.48-0.52)", "1, 2 % (0.7)", "0, 0 % (0.0)", "-"
    ]  # fmt: skip
    assert table.notes[0].startswith("301 compounds.")


def test_cells_of_the_other_tables(metrics: ScreenMetrics) -> None:
    _, down, regression, top, targets = build_tables(metrics)
    assert down.rows[0][-1] == "0.66; 84/1 %"
    assert regression.rows == [
        ["cellprofiler", "190", "-0.018", "0.032", "0.142", "71.3", "13, 7 % (1.2)", "0.44", "0.45"]
    ]
    assert top.title.endswith("(cellprofiler)")
    assert top.rows == [
        ["sp|P02768|ALBU", "0.437", "0.452", "48.4", "MGP 0.448 / 48.9"],
        ["IL8", "0.291", "0.305", "59.4", "LRRN2 0.428 / 61.7"],
    ]
    assert targets.columns[3:7] == [">= 0.6", ">= 0.7", ">= 0.8", ">= 0.9"]
    # The poster's 171, 49, 7 and 0 of 252; 67, 10, 0 and 0.
    assert targets.rows[0][-1] == "0.63; 68/19/3/0 %"
    assert targets.rows[1][-1] == "0.49; 27/4/0/0 %"


def test_parts_without_metrics_have_no_table(metrics: ScreenMetrics) -> None:
    metrics.parts["regression"].clear()
    assert [table.title[:8] for table in build_tables(metrics)] == [
        "Table 1a",
        "Table 1b",
        "Table 3.",
    ]


def cells(markdown: str) -> list[list[str]]:
    """Parse a GitHub table."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_markdown_is_well_formed(metrics: ScreenMetrics) -> None:
    for table in build_tables(metrics):
        header, rule, *rows = cells(to_markdown(table))
        assert header == table.columns
        assert rule == ["---"] * len(header)
        assert [[cell.replace("\\|", "|") for cell in row] for row in rows] == table.rows
    assert to_markdown(Table("T", ["a", "b"], [["1", "2"]], ["A note."])) == (
        "### T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nA note.\n"
    )


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w])", text))


def test_the_account_says_what_the_metrics_say(metrics: ScreenMetrics) -> None:
    page = account(metrics)
    assert page.startswith("# A [made-up] screen\n")
    for caveat in PROVENANCE["caveats"]:
        assert f"- {caveat}\n" in page
    assert "191 proteins x 301 compounds, 410 pairs with a label: 11 up, 22 down" in page
    assert "The rule as it is." in page
    assert "**UP vs NOT**: cellprofiler reaches a mean ROC AUC of 0.714 (95 % CI 0.69-0.74)" in page
    assert "7 of them at or above 0.8, where 0.1 would be expected by chance" in page
    # (0.6284 - 0.5) / (0.7138 - 0.5) = 60 %
    assert "(`cell_count`) reaches 0.628, 60 % of cellprofiler's distance from 0.5" in page
    assert "cellprofiler adds +0.085." in page
    assert "MLP minus linear model on the same features: +0.006, but the intervals overlap" in page
    assert "with shuffled labels the same procedure scores 0.496" in page
    assert "13 of 190 proteins reach 0.2 (1.2 by chance)" in page
    assert "chance alone lifts 5.5 targets to 0.7 (cellprofiler: 9)" in page
    assert "phenoprot 0.9.9, data `abababababababab`, parameters `cdcdcdcdcdcdcdcd`" in page


def test_the_account_has_no_placeholder(metrics: ScreenMetrics) -> None:
    page = account(metrics)
    assert not re.search(r"\bnan\b|None|\{|\}|TODO|XXX|<(?!!--)", page)


def test_every_number_of_the_findings_follows_from_the_metrics(tmp_path: Path) -> None:
    """Other metrics give other numbers: what stays is fixed wording (0.5, 95 %, thresholds)."""
    other = json.loads(json.dumps(FILES))
    for name, content in other.items():
        if name.startswith(("classification", "regression", "targets")):
            for key, value in content.items():
                content[key] = value + 1000 if isinstance(value, int) else value * 1.3 + 0.017
    one = findings(read_metrics(write(tmp_path / "one", FILES)))
    two = findings(read_metrics(write(tmp_path / "two", other)))
    assert len(one) == len(two) == 8
    stay = {"0.5", "95", "0.8", "0.2", "0.7"}
    for first, second in zip(one, two, strict=True):
        assert numbers(first) & numbers(second) <= stay


def test_below_one_half_there_is_no_share_of_the_distance(metrics: ScreenMetrics) -> None:
    lines = [line for line in findings(metrics) if line.startswith("DOWN: the number of cells")]
    assert lines == [
        "DOWN: the number of cells alone (`cell_count`) reaches 0.547. cellprofiler adds -0.061."
    ]


def test_other_thresholds_are_no_fault(tmp_path: Path) -> None:
    renamed = json.loads(json.dumps(FILES).replace("auc_ge_0.8", "auc_ge_0.75"))
    renamed = json.loads(json.dumps(renamed).replace("r2_ge_0.2", "r2_ge_0.35"))
    page = account(read_metrics(write(tmp_path / "toy", renamed)))
    assert "7 of them at or above 0.75" in page
    assert "proteins reach 0.35" in page


def test_the_planted_truth_of_a_simulated_screen(tmp_path: Path) -> None:
    truth = {"recall_0_0.5": 0.031, "n_0_0.5": 120, "recall_2_inf": 0.987, "n_2_inf": 45,
             "n_wrong_direction": 6, "n_null": 7890, "false_call_share": 0.00123}  # fmt: skip
    page = account(read_metrics(write(tmp_path / "toy", FILES | {"labels/truth": truth})))
    assert cells(page)[:4] == [
        ["planted abs. log2 fold change", "pairs", "called in the planted direction"],
        ["---"] * 3,
        ["0 to 0.5", "120", "3.1 %"],
        ["2 and more", "45", "98.7 %"],
    ]
    assert "6 called in the wrong direction. Of 7890 pairs" in page
    assert "0.123 % are called" in page


def test_baselines_are_explained() -> None:
    for row in ("linear", "cell_count", "cell_count_readout", "plate_position", "shuffled"):
        assert f"`{row}`" in ROWS


def test_no_metrics(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_metrics(tmp_path / "toy")
    expected = f"{tmp_path / 'toy'}: no metrics here. Run `make reproduce` or `dvc repro`."
    assert str(error.value) == expected
    with pytest.raises(UserError, match=r"no metrics here\. Run `make reproduce`\."):
        print_tables(tmp_path, None, markdown=False)


@pytest.mark.parametrize("markdown", [True, False])
def test_printed_tables_are_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], markdown: bool
) -> None:
    write(tmp_path / "toy", FILES)
    print_tables(tmp_path, None, markdown)
    printed = capsys.readouterr().out
    assert "A [made-up] screen" in printed
    assert "Nothing of it is real." in printed
    for table in build_tables(read_metrics(tmp_path / "toy")):
        assert table.title in printed
        for row in table.rows:
            line = next(line for line in printed.splitlines() if row[0] in line.replace("\\|", "|"))
            assert line
            lines = [line.replace("\\|", "|") for line in printed.splitlines()]
            assert any(all(cell in line for cell in row) for line in lines)


SCREENS = sorted(path.parent.name for path in (ROOT / "metrics").glob("*/provenance.json"))


@pytest.mark.parametrize("screen", SCREENS)
def test_the_account_in_the_repository_is_in_step(screen: str) -> None:
    page = ROOT / "docs" / f"results-{screen}.md"
    assert account(read_metrics(ROOT / "metrics" / screen)) == page.read_text(encoding="utf-8")
