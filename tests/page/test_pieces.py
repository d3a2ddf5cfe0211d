"""Pieces of the page: what is missing stays missing, and names are only names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.page.handmade import COMPOUNDS, MARKUP, handmade
from tests.report.toy import FILES, write
from tests.wild.stages import inside

from phenoprot.core.paths import Paths
from phenoprot.evaluation.results import Estimate
from phenoprot.page.blocks import MOST_LINES
from phenoprot.page.build import breakable
from phenoprot.page.comparisons import _heat, _pairs
from phenoprot.page.details import (
    AS_GIVEN,
    OF_CURVES,
    OF_TESTS,
    _carriers,
    _columns,
    _curves,
    _effects,
    _meaning,
    _places,
    _strongest,
    carriers_table,
)
from phenoprot.page.explorer import _sorted_figure
from phenoprot.page.headlines import _interval
from phenoprot.page.rows import OTHER, _few_kinds
from phenoprot.page.sections import _made_from
from phenoprot.page.source import Source, ends_of
from phenoprot.page.targets import _of_row
from phenoprot.report.parts import table_parts
from phenoprot.report.results import MethodRecord
from phenoprot.report.store import read_metrics
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, PROTEIN

PART = table_parts()["classification/up"]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(read_metrics(write(tmp_path / "m", FILES)), Paths("toy"), tmp_path)


def test_names_that_look_like_markup_stay_names(tmp_path: Path) -> None:
    page = handmade(tmp_path)
    data = re.search(r'<script id="data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["explorer"]["details"]["compounds"] == COMPOUNDS
    markup = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert "cell_<wbr>count&lt;b&gt;&amp;" in markup
    assert "<b>" not in markup
    assert "</script>" not in markup
    assert MARKUP not in page


def test_a_mean_without_an_interval_has_no_ends() -> None:
    assert ends_of(Estimate(value=0.6)) == {"value": 0.6, "low": None, "high": None}
    assert ends_of(None) == {"value": None, "low": None, "high": None}


def test_an_interval_may_end_at_zero() -> None:
    assert _interval(Estimate(value=0.1, low=0.0, high=0.25)) == "0.00 to 0.25"
    assert _interval(Estimate(value=0.1)) == ""


def test_counts_are_whole_and_the_rows_own() -> None:
    own = pd.DataFrame({"score": [0.5, np.nan], "n_positives": [123456.0, np.nan], "q": np.nan})
    counts: list[dict[str, list[Any]]] = []
    assert _of_row(own, counts) == {"score": [0.5, None], "counts": 0}
    assert counts == [{"n_positives": [123456, None]}]
    assert isinstance(counts[0]["n_positives"][0], int)
    assert _of_row(own.assign(score=0.7), counts)["counts"] == 0
    assert _of_row(own.assign(n_positives=9), counts)["counts"] == 1
    assert "counts" not in _of_row(own[["score"]], counts)


def test_given_states_are_ordered_by_what_is_called(tmp_path: Path) -> None:
    labels = {COMPOUND: ["a", "b", "c"], PROTEIN: "P", "Label": ["not", "up", ""]}
    pd.DataFrame(labels).to_parquet(tmp_path / "labels.parquet")
    effects = _effects(tmp_path / "labels.parquet", ["P"])
    assert effects["Effect"].isna().all()
    assert _columns(_strongest(effects)) == {
        "P": {"Compound": ["b", "a", "c"], "Label": ["up", "not", ""]}
    }


def contributions(**columns: list[float]) -> pd.DataFrame:
    known = {"Target": "A", "Grouping": "place", "Group": ["x", "y", "z"], "n_features": 7}
    return pd.DataFrame({**known, "auc": 0.9, **columns})


def test_an_unknown_error_has_no_whiskers_and_an_unknown_drop_no_bar(tmp_path: Path) -> None:
    table = contributions(drop=[0.2, 0.1, np.nan], drop_se=[0.01, np.nan, np.nan])
    with inside(tmp_path):
        path = Paths("toy").contributions / PART.name / "row.parquet"
        path.parent.mkdir(parents=True)
        table.to_parquet(path)
        read = carriers_table(Paths("toy"), PART, "row")
    assert read is not None
    found = _carriers(_places(read, ["A"]))["A"]
    assert found["group"] == ["x", "y"]
    assert (found["low"], found["high"]) == ([0.18, None], [0.22, None])
    (figure,) = _heat(PART, "row", table, "protein")
    assert list(figure.data["Group"]) == ["x", "y"]


def test_a_point_without_a_ratio_is_left_out(tmp_path: Path) -> None:
    pair = {PROTEIN: "P", COMPOUND: "7"}
    points = pd.DataFrame({**pair, CONCENTRATION: [0.1, 1.0, 10.0], "Ratio": [1.0, np.nan, 2.0]})
    points.to_parquet(tmp_path / "ratios.parquet")
    fit = {"pEC50": [6.0], "Slope": 1.0, "Front": 2.0, "Back": 1.0}
    pd.DataFrame({**pair, **fit}).to_parquet(tmp_path / "curves.parquet")
    curves, _ = _curves(tmp_path, pd.DataFrame([pair]), "uM")
    (one,) = curves["of"]["P"]
    assert (one["compound"], one["dose"], one["ratio"]) == ("7", [0.1, 10.0], [1.0, 2.0])


def test_models_are_compared_where_both_are_and_scores_drawn_where_there_are_any(
    source: Source,
) -> None:
    scores = pd.DataFrame({"row": ["linear"], "Target": ["A"], "score": [np.nan]})
    assert _pairs(source, PART, scores) == []
    assert _sorted_figure(source.results, PART, scores) == []


def test_a_fused_row_is_made_from_rows() -> None:
    fused = MethodRecord(features=[], model="stack", shuffled=False, fusion=["a", "b"])
    assert _made_from(fused) == "a + b"
    assert _made_from(MethodRecord(features=["c"], model="mlp", shuffled=False)) == "c"


def test_every_kind_of_rows_has_a_colour_of_its_own() -> None:
    lines = [{"kind": f"kind {i}", "model": f"kind {i}"} for i in range(8)]
    assert _few_kinds(lines[:6]) == [f"kind {i}" for i in range(6)]
    kinds = _few_kinds(lines)
    assert len(kinds) == MOST_LINES == len(set(kinds))
    assert [line["kind"] for line in lines[-4:]] == ["kind 4", OTHER, OTHER, OTHER]
    assert lines[-1]["model"] == "kind 7"


def test_effects_have_their_unit() -> None:
    table = pd.DataFrame({"Effect": [1.0]})
    assert _meaning(table) == AS_GIVEN
    assert _meaning(table.assign(P=0.1)) == OF_TESTS
    assert _meaning(table.assign(P=0.1, pEC50=7.0)) == OF_CURVES


def test_names_break_behind_their_marks_alone() -> None:
    assert breakable("proteome+a_linear") == "proteome+<wbr>a_<wbr>linear"
    assert breakable("a_<i>&_") == "a_<wbr>&lt;i&gt;&amp;_"
