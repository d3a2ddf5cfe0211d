"""What the pages say of their own tables: what is there, and nothing that is not."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from phenoprot.report.account import account
from phenoprot.report.details import details
from phenoprot.report.guide import guide
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics
from phenoprot.report.summary import summary
from phenoprot.report.table import Table, p_cell, without_empty
from phenoprot.report.tables import build_tables

from .toy import FILES, SERIES, write

ROOT = Path(__file__).parents[2]
SCREENS = sorted(path.parent for path in (ROOT / "metrics").glob("*/provenance.json"))


def without(*starts: str, **provenance: Any) -> dict[str, Any]:
    files = {name: one for name, one in FILES.items() if not name.startswith(starts)}
    return json.loads(json.dumps(files)) | {"provenance": FILES["provenance"] | provenance}


LINEAR = {"linear": {"features": ["a"], "model": "linear", "shuffled": False}}
CASES = {
    "all": FILES,
    "series": FILES | SERIES,
    "targets": without("classification", "regression", "comparisons", "top", "labels",
                       missing=["readout", "labels", "levels"]),
    "regression": without("classification", "targets", "comparisons",
                          without_rows=["classification", "targets"]),
}  # fmt: skip


def results(folder: Path, case: str) -> ScreenResults:
    return read_metrics(write(folder / "toy", CASES[case]))


@pytest.mark.parametrize("case", CASES)
def test_no_page_names_a_table_that_it_does_not_have(case: str, tmp_path: Path) -> None:
    for page in (account(results(tmp_path, case)), details(results(tmp_path, case))):
        there = set(re.findall(r"^### Table (\d+)", page, re.MULTILINE))
        named = set(re.findall(r"(?<!### )Table (\d+)", page))
        assert named <= there


@pytest.mark.parametrize("folder", SCREENS, ids=lambda path: path.name)
def test_the_summary_fits_one_screen(folder: Path) -> None:
    lines = summary(read_metrics(folder)).splitlines()
    assert sum(max(1, len(textwrap.wrap(line, 100))) for line in lines) <= 40


def test_scores_are_explained_where_they_stand(tmp_path: Path) -> None:
    starts = {
        case: re.findall(r"^- ([^:]*):", guide(results(tmp_path / case, case)), re.MULTILINE)
        for case in CASES
    }
    assert starts == {
        "all": ["AUC", "Intervals", "p", "Counts", "Levels", "Poster", "q"],
        "series": ["AUC", "Intervals", "p", "Counts", "Levels", "Poster", "q"],
        "targets": ["AUC", "Intervals", "p", "Counts", "Poster"],
        "regression": ["Intervals", "Levels", "Poster"],
    }
    known = CASES["all"] | {
        "targets/proteome": FILES["targets/proteome"]
        | {"ceiling_auc": 0.9, "ceiling_n_targets": 3, "ceiling_share": 0.2}
    }
    text = guide(read_metrics(write(tmp_path / "ceiling", known)))
    assert "- Of ceiling: share of the way from chance" in text
    nothing = without("classification", "regression", "targets", "comparisons", "top", "labels",
                      missing=["readout", "labels", "levels", "targets"])  # fmt: skip
    assert guide(read_metrics(write(tmp_path / "nothing", nothing))) == ""


def test_explanations_stand_once(tmp_path: Path) -> None:
    for page in (account(results(tmp_path, "series")), details(results(tmp_path, "series"))):
        sentences = [text for text in re.split(r"(?<=\.)\s", page) if len(text) > 60]
        prose = [text for text in sentences if "|" not in text and "power" not in text]
        assert sorted(text for text in set(prose) if prose.count(text) > 1) == []


def test_columns_without_a_figure_are_left_out() -> None:
    table = Table("T", ["row", "a", "of ceiling", "b", "of ceiling", "poster"],
                  [["x", "-", "-", "-", "5 %", "-"], ["y", "-", "-", "1", "-", "-"]])  # fmt: skip
    assert without_empty(table) == Table(
        "T", ["row", "a", "b", "of ceiling"], [["x", "-", "-", "5 %"], ["y", "-", "1", "-"]]
    )


def test_no_p_is_nought() -> None:
    assert [p_cell(p) for p in (None, 0.0, 9e-7, 1e-6, 0.01234, 1.0)] == [
        *("-", "<1e-06", "<1e-06", "1e-06", "0.012", "1")
    ]


def test_no_words_on_what_a_screen_does_not_have(tmp_path: Path) -> None:
    treatments = {"missing": ["wells", "images", "readout", "levels"]}
    files = without("regression", "top", **treatments)
    page = account(read_metrics(write(tmp_path / "published", files)))
    assert page.count("activity") == 1  # left out, as there are no wells
    assert "Which treatments are active" not in page
    assert "Embeddings of networks" not in account(results(tmp_path, "all"))
    assert "rows of the model mlp_poster" not in page


def test_feature_sets_without_the_mlp_are_named(tmp_path: Path) -> None:
    text = summary(results(tmp_path, "all"))
    assert "- What the MLP reads from cell_count: rows of the linear model alone have them." in text
    source = FILES["provenance"]
    methods = {name: one | {"model": "linear"} for name, one in source["methods"].items()}
    linear = FILES | {"provenance": source | {"methods": methods}}
    assert "What the MLP reads" not in summary(read_metrics(write(tmp_path / "linear", linear)))


def test_folds_of_families_are_explained_where_they_are(tmp_path: Path) -> None:
    source = FILES["provenance"]
    for kind, told in (("scaffold", False), ("target", True)):
        known = source | {
            "variants": {"other": {"of": "linear", "splits": kind}},
            "methods": source["methods"] | {"other": source["methods"]["linear"]},
        }
        files = {"classification/up/variants/other": FILES["classification/up/linear"]}
        made = read_metrics(write(tmp_path / kind, FILES | files | {"provenance": known}))
        (table,) = [one for one in build_tables(made) if one.title.startswith("Table 11")]
        assert ("families" in table.notes[0]) == told
