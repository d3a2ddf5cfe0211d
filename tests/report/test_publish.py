"""What the report removes of an earlier one, and what it never touches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phenoprot.report.publish import remove_earlier


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
