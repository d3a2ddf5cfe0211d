"""Tables and account from a small made-up metrics folder: exact cells, and nothing invented."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from phenoprot.core.errors import UserError
from phenoprot.report.account import account
from phenoprot.report.details import details
from phenoprot.report.figure import draw
from phenoprot.report.findings import findings
from phenoprot.report.publish import dose_curves
from phenoprot.report.results import ScreenResults
from phenoprot.report.show import print_tables
from phenoprot.report.store import read_metrics
from phenoprot.report.table import Table, to_markdown
from phenoprot.report.tables import build_tables, detail_tables
from phenoprot.tasks.settings import RowSettings
from phenoprot.weights.settings import WeightsSettings

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
        "mean_auc_repeat_sd": 0.0083,
        "mean_auc_p": 0.0123,
        "chance_sd_mean_auc": 0.0312,
        "n_repeats": 5,
    }
    for name, (number, chance) in {"at_6": (20, 2.25), "at_8": (7, 0.14), **counts}.items():
        key = f"auc_ge_0.{name[-1]}"
        row |= {f"n_{key}": number, f"chance_n_{key}": chance}
        row |= {f"chance_sd_{key}": chance + 1.04, f"p_{key}": 0.0234}
        row[f"pct_{key}"] = round(100 * number / n_targets, 6)
    return row


def level(r2: float) -> dict[str, Any]:
    return {
        "n_targets": 190,
        "n_compounds": 301,
        "mean_skill": r2 - 0.05,
        "mean_skill_ci_low": 2 * r2 - 0.08,
        "mean_skill_ci_high": r2 - 0.01,
        "median_r2": r2,
        "max_r2": 0.437,
        "mean_pearson_r2": r2 + 0.11,
        "mean_smape": 71.27,
        "mean_rmse": 0.934,
        "mean_concordance": r2 / 2 + 0.5,
        "n_r2_ge_0.2": 13,
        "pct_r2_ge_0.2": 6.842105,
        "chance_n_r2_ge_0.2": 1.25,
    }


def gain(difference: float, better: int, worse: int) -> dict[str, Any]:
    """One row against another."""
    return {
        "n_compounds": 301,
        "n_targets_tested": 39,
        "n_better": better,
        "n_worse": worse,
        "mean_auc_difference": difference,
        "mean_auc_difference_ci_low": difference - 0.0312,
        "mean_auc_difference_ci_high": difference + 0.0277,
        "mean_auc_difference_p": 0.0371,
        "mean_auc_difference_q": 0.0689,
        "smallest_mean_auc_difference": 0.0422,
        "smallest_auc_difference_of_a_target": 0.2371,
        "jaccard_above_chance": 0.3125,
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
    "methods": {
        "cell_count": {"features": ["cell_count"], "model": "linear", "shuffled": False},
        "cellprofiler": {"features": ["cellprofiler"], "model": "mlp", "shuffled": False},
        "linear": {"features": ["cellprofiler"], "model": "linear", "shuffled": False},
        "proteome": {"features": ["proteome"], "model": "mlp", "shuffled": False},
        "shuffled": {"features": ["cellprofiler"], "model": "mlp", "shuffled": True},
    },
    "concentration_unit": "uM",
    "false_discovery_rate": 0.1,
    "label_rule": "The rule as it is.",
    "thresholds": {"auc": [0.6, 0.7, 0.8, 0.9], "r2": [0.2]},
    "concentrations": [0.05, 2.5, 10],
    "planted": [
        {"low": 0.0, "high": 0.5}, {"low": 0.7, "high": 1}, {"low": 1.5}, {"low": 2},
        {"kind": "null"}, {"kind": "proteins_only"},
    ],
}  # fmt: skip
FILES = {
    "provenance": PROVENANCE,
    "labels/counts": {"n_up": 11, "n_down": 22, "n_not": 333, "n_unclassified": 44,
                      "n_compounds": 301, "n_proteins": 191, "position_terms": 6,
                      "n_pseudo_compounds": 64, "n_control_false_calls": 1.65,
                      "control_false_calls_percent": 5.0},
    "classification/up/shuffled": auc(0.4961, at_6=(1, 0.65), at_8=(0, 0.0)),
    "classification/up/cell_count": auc(0.6284),
    "classification/up/cellprofiler": auc(0.7138),
    "classification/up/linear": auc(0.7077),
    "classification/down/cellprofiler": auc(0.4857),
    "classification/down/cell_count": auc(0.5472),
    "regression/cellprofiler": level(0.0316),
    "comparisons/classification/up": {
        "cellprofiler": {"cell_count": gain(0.0854, 17, 2), "linear": gain(0.0061, 3, 1)}
    },
    "doses/series": {"n_concentrations": 1},
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
def metrics(tmp_path: Path) -> ScreenResults:
    return read_metrics(write(tmp_path / "toy", FILES))


def test_rows_come_in_the_order_of_the_parameters(metrics: ScreenResults) -> None:
    assert list(metrics.parts["classification/up"]) == PROVENANCE["rows"][:4]
    assert list(metrics.parts["targets"]) == ["cellprofiler", "proteome"]
    assert metrics.truth is None


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
        "power, two-sided at 5 %; median over the comparisons of Table 5)."
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
    assert table.notes[0].endswith(
        " Ceiling: a repeat of the protein assay, scored against these labels, would have a mean "
        "AUC of 0.931 over 39 targets (from replicates, docs/decisions.md). Of ceiling: share of "
        "the way from chance to there."
    )
    # Nothing is known of the other part.
    assert "of ceiling" not in down.columns
    assert "Ceiling" not in "".join(down.notes)


def test_targets_above_chance_are_counted(tmp_path: Path) -> None:
    up = {"classification/up/cellprofiler": auc(0.7138) | {"n_above_chance": 23}}
    _, table, _, down = detail_tables(read_metrics(write(tmp_path / "toy", FILES | up)))[:4]
    assert table.columns == ["row", "above chance", ">= 0.6", ">= 0.8"]
    assert [line[:2] for line in table.rows[:2]] == [["cellprofiler", "23"], ["linear", "-"]]
    assert len(table.notes) == 2
    assert table.notes[1].startswith("Above chance: targets whose own p")
    assert "above chance" not in down.columns


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


def cells(markdown: str) -> list[list[str]]:
    """Parse a GitHub table."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_markdown_is_well_formed(metrics: ScreenResults) -> None:
    for table in detail_tables(metrics):
        header, rule, *rows = cells(to_markdown(table))
        assert header == table.columns
        assert rule == ["---"] * len(header)
        assert [[cell.replace("\\|", "|") for cell in row] for row in rows] == table.rows
    assert to_markdown(Table("T", ["a", "b"], [["1", "2"]], ["A note."])) == (
        "### T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nA note.\n"
    )


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w])", text))


def test_the_account_says_what_the_metrics_say(metrics: ScreenResults) -> None:
    page, long = account(metrics), details(metrics)
    assert page.startswith("# A [made-up] screen\n")
    for caveat in PROVENANCE["caveats"]:
        assert f"- {caveat}\n" in page
    assert "191 proteins x 301 compounds, 410 pairs with a label: 11 up, 22 down" in page
    assert "The rule as it is. Terms of the position's effect that were removed: 6." in page
    assert (
        "Negative controls treated as compounds: 5.0 % of called pairs expected to be false "
        "(2 of 33, if no compound did anything; from 64 controls, each tested against the others)."
    ) in page
    assert (
        "**UP vs NOT**: cellprofiler reaches a mean ROC AUC of 0.714 (95 % CI 0.69-0.74, sd over "
        "repeats 0.008)"
    ) in long
    assert (
        "7 of them at or above 0.8, where 0.1 (sd 1.2, p 0.023) would be expected by chance" in long
    )
    # (0.6284 - 0.5) / (0.7138 - 0.5) = 60 %
    assert "(`cell_count`) reaches 0.628, 60 % of cellprofiler's distance from 0.5" in long
    assert "cellprofiler adds +0.085." in long
    assert (
        "UP: MLP minus linear model on the same features: +0.006 (95 % CI -0.025 to +0.034), "
        "p 0.037, q 0.069; 3 proteins better and 1 worse of 39."
    ) in long
    assert "every compound was given at one, so there are no scores by dose" in long
    assert "![Scores with 95 % intervals](results-toy.svg)" in page
    assert "with shuffled labels the same procedure scores 0.496" in long
    assert "13 of 190 proteins reach 0.2 (1.2 by chance)" in long
    assert "chance alone lifts 5.5 (sd 6.6, p 0.023) targets to 0.7 (cellprofiler: 9)" in long
    assert "phenoprot 0.9.9, data `abababababababab`, parameters `cdcdcdcdcdcdcdcd`" in page


def test_the_account_has_no_placeholder(metrics: ScreenResults) -> None:
    page = account(metrics) + details(metrics)
    assert not re.search(r"\bnan\b|None|\{|\}|TODO|XXX|<(?!!--)", page)


def test_every_number_of_the_findings_follows_from_the_metrics(tmp_path: Path) -> None:
    """Other metrics give other numbers: what stays is fixed wording (0.5, 95 %, thresholds)."""
    other = json.loads(json.dumps(FILES))
    for name, content in other.items():
        row = content["cellprofiler"]["linear"] if name.startswith("comparisons") else content
        if name.startswith(("classification", "regression", "targets", "comparisons")):
            for key, value in row.items():
                row[key] = value + 1000 if isinstance(value, int) else value * 1.3 + 0.017
    one = findings(read_metrics(write(tmp_path / "one", FILES)))
    two = findings(read_metrics(write(tmp_path / "two", other)))
    assert len(one) == len(two) == 9
    stay = {"0.5", "95", "0.8", "0.2", "0.7", "1", "0"}
    for first, second in zip(one, two, strict=True):
        assert numbers(first) & numbers(second) <= stay


def test_below_one_half_there_is_no_share_of_the_distance(metrics: ScreenResults) -> None:
    lines = [line for line in findings(metrics) if line.startswith("DOWN: the number of cells")]
    assert lines == [
        "DOWN: the number of cells alone (`cell_count`) reaches 0.547. cellprofiler adds -0.061."
    ]


def test_other_thresholds_are_no_fault(tmp_path: Path) -> None:
    renamed = json.loads(json.dumps(FILES).replace("auc_ge_0.8", "auc_ge_0.75"))
    renamed = json.loads(json.dumps(renamed).replace("r2_ge_0.2", "r2_ge_0.35"))
    renamed["provenance"]["thresholds"] = {"auc": [0.6, 0.75], "r2": [0.35]}
    page = details(read_metrics(write(tmp_path / "toy", renamed)))
    assert "7 of them at or above 0.75" in page
    assert "proteins reach 0.35" in page


def test_the_planted_truth_of_a_simulated_screen(tmp_path: Path) -> None:
    truth = {"recall_0_0.5": 0.031, "n_0_0.5": 120, "recall_2_inf": 0.987, "n_2_inf": 45,
             "n_wrong_direction": 6, "n_null": 7890, "false_call_share": 0.00123}  # fmt: skip
    page = details(read_metrics(write(tmp_path / "toy", FILES | {"labels/truth": truth})))
    assert cells(page)[:4] == [
        ["planted abs. log2 fold change", "pairs", "called in the planted direction"],
        ["---"] * 3,
        ["0 to 0.5", "120", "3.1 %"],
        ["2 and more", "45", "98.7 %"],
    ]
    assert "6 called in the wrong direction. Of 7890 pairs" in page
    assert "0.123 % are called" in page


def test_every_row_is_explained(metrics: ScreenResults) -> None:
    section = details(metrics).split("## Rows")[1].split("## ")[0]
    lines = [line for line in section.splitlines() if line]
    assert lines == [
        "- `cellprofiler`: cellprofiler in the MLP.",
        "- `linear`: cellprofiler in principal components and ridge. Where it is as good, the MLP "
        "adds nothing.",
        "- `cell_count`: cell_count in principal components and ridge. What the number of cells "
        "reaches needs no image analysis.",
        "- `shuffled`: cellprofiler in the MLP. The labels permuted among the compounds, the whole "
        "nested cross-validation repeated. A score far from chance would indicate leakage.",
        "- `proteome`: proteome in the MLP. The protein readout itself.",
    ]


def test_rows_are_known_by_what_they_are_not_by_their_names(tmp_path: Path) -> None:
    """The same page whatever the rows are called."""
    new = {"linear": "ridge", "cell_count": "how_many", "shuffled": "permuted", "proteome": "ms"}
    renamed = json.loads(json.dumps(FILES))
    for old, name in new.items():
        methods = renamed["provenance"]["methods"]
        methods[name] = methods.pop(old)
        for key in [key for key in renamed if key.endswith(f"/{old}")]:
            renamed[key.removesuffix(old) + name] = renamed.pop(key)
        for others in renamed["comparisons/classification/up"].values():
            if old in others:
                others[name] = others.pop(old)
    rows = renamed["provenance"]["rows"]
    renamed["provenance"]["rows"] = [new.get(row, row) for row in rows]
    lines = findings(read_metrics(write(tmp_path / "one", FILES)))
    expected = [
        line.replace("`cell_count`", "`how_many`")
        .replace("proteome 0", "ms 0")
        .replace("`shuffled`", "`permuted`")
        for line in lines
    ]
    assert findings(read_metrics(write(tmp_path / "two", renamed))) == expected


def series(scale: float, name: str) -> dict[str, Any]:
    """Scores at three doses, out of order as JSON sorts them."""
    doses = {"0.05": 0.11, "10": 0.42, "2.5": 0.23}
    return {
        dose: {
            "n_compounds": 301,
            "n_targets_scored": 40 if dose == "0.05" else 41,
            name: round(scale + value, 6),
            f"{name}_ci_low": scale + value - 0.021,
            f"{name}_ci_high": scale + value + 0.032,
        }
        for dose, value in doses.items()
    }


SERIES = {
    "doses/series": {"n_concentrations": 3},
    "doses/classification/up/cellprofiler": series(0.51, "mean_auc"),
    "doses/classification/up/cell_count": {
        "2.5": {"n_compounds": 2, "n_targets_scored": 0},
        "10": series(0.31, "mean_auc")["10"],
    },
    "doses/regression/cellprofiler": {
        dose: line | {"median_r2": round(line["mean_skill"] - 0.1, 6)}
        for dose, line in series(-0.33, "mean_skill").items()
    },
}


def titled(metrics: ScreenResults, start: str) -> list[Table]:
    return [table for table in detail_tables(metrics) if table.title.startswith(start)]


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


def both_models(scores: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Rows of each feature set in the MLP and in the linear model, under names of no meaning."""
    files = json.loads(json.dumps(FILES))
    known = files["provenance"]
    for features, pair in scores.items():
        for model, mean in zip(("mlp", "linear"), pair, strict=True):
            row = f"{features}-{model[0]}"
            known["rows"].append(row)
            known["methods"][row] = {"features": [features], "model": model, "shuffled": False}
            files[f"classification/up/{row}"] = auc(mean)
    return files


def test_feature_sets_that_the_two_models_rank_differently_are_named(tmp_path: Path) -> None:
    # With cellprofiler (0.7138, 0.7077): a is best in the MLP and last in the linear model.
    files = both_models({"a": (0.8, 0.5), "b": (0.6, 0.6), "c": (0.59, 0.61)})
    lines = findings(read_metrics(write(tmp_path / "toy", files)))
    (line,) = [line for line in lines if "feature sets" in line]
    # Ranks 3 4 2 1 and 4 1 2 3: Spearman -0.4. b and c flip by less than can be seen.
    assert line == (
        "UP: the MLP and the linear model rank 4 feature sets with a Spearman correlation of "
        "-0.40; pairs in the opposite order, by more than the 0.042 that can be seen in both (MLP, "
        "linear): cellprofiler and a (-0.086 and +0.208); a and b (+0.200 and -0.100); a and c "
        "(+0.210 and -0.110)."
    )
    alike = both_models({"a": (0.8, 0.8), "b": (0.6, 0.6)})
    lines = findings(read_metrics(write(tmp_path / "alike", alike)))
    (line,) = [line for line in lines if "feature sets" in line]
    assert line.endswith("correlation of 1.00; pairs in the opposite order, by more than the 0.042 "
                         "that can be seen in both (MLP, linear): none.")  # fmt: skip


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


def with_networks(*features: str) -> dict[str, Any]:
    """The same metrics with a row for each network, under other names than their features'."""
    files = json.loads(json.dumps(FILES))
    for number, feature in enumerate(features):
        row = f"net{number}"
        files["provenance"]["rows"].append(row)
        files["provenance"]["methods"][row] = {
            "features": [feature], "model": "mlp", "shuffled": False
        }  # fmt: skip
        for part in ("classification/up", "targets"):
            files[f"{part}/{row}"] = FILES[f"{part}/cellprofiler"]
        files[f"regression/{row}"] = level(0.0211)
        against = files["comparisons/classification/up"]["cellprofiler"]
        against[row] = gain(0.0131, 4, 2)
    return files


def test_an_untrained_network_never_stands_beside_the_figure_of_the_trained(tmp_path: Path) -> None:
    networks = ("mae", "cloome", "dino", "mae-untrained", "cloome-untrained", "dino-untrained")
    tables = detail_tables(read_metrics(write(tmp_path / "toy", with_networks(*networks))))
    up, targets = (
        next(table for table in tables if table.title.startswith(start))
        for start in ("Table 1a", "Table 3")
    )
    figures = {line[0]: line[-1] for line in up.rows}
    # By what a row is: 3802 and 48 of 6035; 2555 and 4; 2597 and 6.
    assert [figures[f"net{n}"] for n in range(6)] == [
        "0.62; 63/1 %", "0.58; 42/0 %", "0.58; 43/0 %", "-", "-", "-"
    ]  # fmt: skip
    assert [line[-1] for line in targets.rows[2:]] == ["0.60; 53/8/1/0 %", *["-"] * 5]
    assert len(up.notes) == 5
    mine, mae, cloome, dino = up.notes[1:]
    assert mine.startswith("- net0: trained on this screen's own crops")
    assert "The poster's 0.62; 63/1 % is of the trained network and no reference for it." in mae
    assert "The poster's 0.58; 42/0 % is of the trained network" in cloome
    assert "The poster's 0.58; 43/0 % is of the trained network" in dino
    # The poster's Table 3 has no CLOOME and no DINO.
    assert ["The poster's" in note for note in targets.notes[2:]] == [True, False, False]


def test_the_footnote_says_how_to_have_the_trained_network(tmp_path: Path) -> None:
    networks = ("cloome-untrained", "dino-untrained", "mae-untrained", "timm:vit_s-untrained")
    metrics = read_metrics(write(tmp_path / "toy", with_networks(*networks)))
    notes = titled(metrics, "Table 3")[0].notes[1:]
    assert notes[0] == (
        "- net0: CLOOME with random weights, a baseline for what its architecture sees untrained. "
        "To compare the trained network: `phenoprot weights fetch cloome-bioactivity`; in "
        "params.yaml set `features.deep.cloome.weights: {file: cloome-bioactivity}`; add "
        "`cloome` to `screens.toy.extracted`, and to `rows` `cloome: "
        "{features: [cloome], model: mlp}`."
    )
    assert (
        "`phenoprot weights fetch dino --url URL --sha256 HASH` (docs/weights.md says" in (notes[1])
    )
    assert "`features.deep.dino.weights: {file: dino, sha256: HASH}`; add `dino` to" in notes[1]
    assert "the trained network: the row `mae`; if there is none, add `mae` to" in notes[2]
    assert (
        "`features.deep.timm.vit_s.weights: {file: PATH, sha256: HASH}`; add `timm:vit_s`"
        in (notes[3])
    )
    # What the notes tell the user to write, is what the settings take.
    for note in notes:
        for text in re.findall(r"`(\S+: \{features.*?\})`", note):
            (row,) = yaml.safe_load(text.replace("timm:", "timm_")).values()
            assert RowSettings.model_validate(row).model.estimator == "mlp"
    assert WeightsSettings(file="cloome-bioactivity").sha256 is None
    for table in detail_tables(metrics):
        named = any(cell in ("net0", "net3") for line in table.rows for cell in line[:3])
        told = any("random weights" in note for note in table.notes)
        assert named == told, table.title


def test_the_account_says_what_was_trained(tmp_path: Path) -> None:
    files = with_networks("mae", "mae-untrained", "cloome")
    page = details(read_metrics(write(tmp_path / "toy", files)))
    assert "- `net0`: mae in the MLP. Trained on this screen's own crops, without labels." in page
    assert "- `net1`: mae-untrained in the MLP. Random weights: what the architecture sees" in page
    assert "- `net2`: cloome in the MLP. Weights of its authors." in page


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
    results = read_metrics(ROOT / "metrics" / screen)
    for text, name in ((account(results), ""), (details(results), "-details")):
        page = ROOT / "docs" / f"results-{screen}{name}.md"
        assert text == page.read_text(encoding="utf-8")
