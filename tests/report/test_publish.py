"""What a report writes and where, what it removes of an earlier one, and what it never touches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.core.files import write_json
from phenoprot.core.paths import Paths
from phenoprot.evaluation.results import (
    Comparisons,
    DoseScores,
    Estimate,
    RowResult,
    ThresholdCount,
    write_result,
)
from phenoprot.pipeline.params import load_params
from phenoprot.report.publish import Inputs, Output, Sources, publish, remove_earlier
from phenoprot.tasks.settings import RowSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """Metrics of an earlier report with the rows one and two, and files of a user."""
    folder = tmp_path / "metrics" / "toy"
    for name in (
        *("regression/one.json", "targets/two.json", "classification/up/one.json"),
        *("doses/targets/two.json", "doses/series.json", "comparisons/targets.json"),
        *("labels/counts.json", "labels/truth.json"),
        *("regression/mine.json", "regression/notes.txt", "labels/mine.csv", "mine.json"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (tmp_path / "metrics" / "keep.json").write_text("{}")
    return folder


def left(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


MINE = {"regression/mine.json", "regression/notes.txt", "labels/mine.csv", "mine.json"}


def test_rows_of_an_earlier_report_go_and_nothing_else(metrics: Path) -> None:
    rows = ["one", "two", "../keep", "../../keep"]
    (metrics / "provenance.json").write_text(json.dumps({"rows": rows}))
    remove_earlier(metrics)
    assert left(metrics) == MINE | {"provenance.json"}
    assert (metrics.parent / "keep.json").exists()


@pytest.mark.parametrize("word", [None, "", "[]", '{"rows": 3}', '{"rows": null}', "{}"])
def test_without_a_word_on_the_rows_nothing_goes(metrics: Path, word: str | None) -> None:
    if word is not None:
        (metrics / "provenance.json").write_text(word)
    before = left(metrics)
    remove_earlier(metrics)
    assert left(metrics) == before


SOURCES = Sources(params_sha256="ab" * 32, data_sha256="cd" * 32)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Scores of two rows, of which the first has no levels."""
    monkeypatch.chdir(tmp_path)
    paths = Paths("cpjump1")
    auc = RowResult(
        scorer="auc",
        n_targets=2,
        n_compounds=9,
        means={"auc": Estimate(value=0.7, low=0.6, high=0.8)},
        thresholds=[ThresholdCount(threshold=0.6, n=1, percent=50.0, expected_by_chance=0.1)],
        doses=[DoseScores(concentration=5.0, n_compounds=9, n_targets_scored=2, means={})],
    )
    levels = RowResult(
        scorer="levels", n_targets=12, n_compounds=9, means={}, median=0.1, thresholds=[]
    )
    write_result(paths.scores / "classification/up/images.json", auc)
    table = pd.DataFrame({"Target": ["p1", "p2"], "auc": [0.6, 0.8]})
    table.to_parquet(paths.scores / "classification/up/images.parquet")
    write_result(paths.scores / "regression/linear.json", levels)
    table = pd.DataFrame(
        {
            "Target": [f"p{i:02d}" for i in range(12)],
            "r2": [*np.linspace(0, 0.5, 10), 0.5, np.nan],
            "r2_over_doses": [*[np.nan] * 9, 0.25, np.nan, np.nan],
            "pearson_r2": 0.3,
            "smape": 12.3456789,
        }
    )
    table.to_parquet(paths.scores / "regression/linear.parquet")
    write_result(paths.scores / "comparisons/classification/up.json", Comparisons(comparisons=[]))
    counts = ("n_up", "n_down", "n_not", "n_unclassified", "n_proteins", "n_compounds")
    write_json(paths.scores / "labels/counts.json", dict.fromkeys(counts, 3))
    return paths


def inputs() -> Inputs:
    params = load_params(ROOT / "params.yaml")
    forest = {"estimator": "sklearn.svm.SVC", "parameters": {"C": 2}}
    rows = {
        "images": {"features": ["cellprofiler"], "model": forest, "tasks": ["classification"]},
        "linear": {"features": ["cellprofiler"], "model": "linear"},
    }
    return Inputs(
        ROOT / "data/screens/cpjump1",
        {name: RowSettings.model_validate(row) for name, row in rows.items()},
        params.evaluation,
        params.labels,
        params.curves,
    )


def test_a_report_goes_where_it_is_told(paths: Paths, tmp_path: Path) -> None:
    out = Output(tmp_path / "elsewhere" / "metrics", tmp_path / "elsewhere" / "page.md")
    publish(paths, inputs(), SOURCES, out)
    assert not paths.metrics.exists()
    assert not paths.report.exists()
    found = {path.relative_to(out.metrics).as_posix() for path in out.metrics.rglob("*.*")}
    assert found == {
        *("provenance.json", "images.json", "top_regression.json", "activity.json"),
        *("headline.json", "doses.csv", "targets.csv", "counts.csv"),
        *("labels/counts.json", "doses/series.json", "comparisons/classification/up.json"),
        *("classification/up/images.json", "regression/linear.json"),
        "doses/classification/up/images.json",
        # Parts that have no row: git keeps no empty folder, and dvc asks for it.
        *("classification/down/empty.json", "targets/empty.json"),
    }
    assert out.page.with_suffix(".svg").exists()
    page = out.page.read_text(encoding="utf-8")
    assert f"data `{'cd' * 8}`, parameters `{'ab' * 8}`" in page
    long = out.files[2].read_text(encoding="utf-8")
    assert "- `images`: cellprofiler in sklearn.svm.SVC(C=2)." in long
    publish(paths, inputs(), SOURCES)
    for name in found:
        assert (paths.metrics / name).read_bytes() == (out.metrics / name).read_bytes()
    assert paths.report.read_text(encoding="utf-8") == page
    assert paths.report_details.read_text(encoding="utf-8") == long


def test_the_best_proteins_are_those_of_the_first_row_with_levels(paths: Paths) -> None:
    publish(paths, inputs(), SOURCES)
    top = json.loads((paths.metrics / "top_regression.json").read_text())
    assert [entry["protein"] for entry in top] == [
        "p09",
        "p10",
        *(f"p{i:02d}" for i in range(8, 0, -1)),
    ]
    assert top[0] == {
        "row": "linear", "protein": "p09", "r2": 0.5, "r2_over_doses": 0.25, "pearson_r2": 0.3,
        "smape": 12.345679,
    }  # fmt: skip
    # Where there is no dose series, nothing stands there.
    assert "r2_over_doses" not in top[1]


def test_damaged_scores_are_named(paths: Paths) -> None:
    path = paths.scores / "classification/up/images.json"
    path.write_text('{"scorer": "auc"}')
    with pytest.raises(UserError, match=rf"{path}: is damaged: 'n_targets': Field required"):
        publish(paths, inputs(), SOURCES)
