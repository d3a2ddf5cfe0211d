"""The comparison on a terminal, in a comment, and as JSON; the command itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.revisions.tiny import row
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.revisions.cli import Format
from phenoprot.revisions.cli import compare as compare_command
from phenoprot.revisions.compare import Comparison
from phenoprot.revisions.render import LIMIT, as_markdown, as_text

Against = Callable[[str], Comparison]


@pytest.fixture
def changed(repository: Any, against: Against) -> Comparison:
    """Row a is beyond noise, row b within, c has no spread; a parameter and code changed."""
    repository.rows["c"] = row(0.5, None)
    old = repository.commit()
    repository.rows |= {"a": row(0.8), "b": row(0.601), "c": row(0.6, None)}
    repository.stages["labels-toy"]["params"]["params.yaml"]["labels"]["alpha"] = 0.1
    repository.code["src/p/fit.py"] = "2"
    repository.entry("labels-toy", "outs", "data/labels/toy", "labels2")
    return against(old)


def test_short_text(changed: Comparison) -> None:
    lines = as_text(changed, 100).splitlines()
    assert lines[2] == "toy: 3 of 3 rows differ, 1 beyond noise"
    assert "- parameters: labels.alpha: 0.05 -> 0.1; in labels" in lines
    assert "- code: src/p/fit.py; in labels" in lines
    table = [line.split() for line in lines if line.strip().startswith("UP ")]
    assert table == [
        ["UP", "a", "auc", "0.700", "0.800", "+0.100", "0.015", "*"],
        ["UP", "c", "auc", "0.500", "0.600", "+0.100", "-", "?"],
    ]
    assert "1 more row(s) differ, within noise: --all" in lines


def test_all_text_has_every_row_and_value(changed: Comparison) -> None:
    text = as_text(changed, 100, everything=True)
    assert sum(line.strip().startswith("UP ") for line in text.splitlines()) == 3
    assert "mean_auc_ci_low" in text
    assert "--all" not in text


@pytest.mark.parametrize("width", [60, 80, 132])
def test_no_line_is_wider_than_the_terminal(changed: Comparison, width: int) -> None:
    for everything in (False, True):
        lines = as_text(changed, width, everything).splitlines()
        assert max(map(len, lines)) <= width


def test_markdown_has_the_headline_first_and_folds_the_rest(changed: Comparison) -> None:
    text = as_markdown(changed)
    head, folded = text.split("<details>", 1)
    assert "**toy**: 3 of 3 rows differ, 1 beyond noise" in head
    assert "| UP | a | auc | 0.700 | 0.800 | +0.100 | 0.015 | \\* |" in head
    assert "mean\\_auc\\_ci\\_low" not in head
    assert "mean\\_auc\\_ci\\_low" in folded
    assert "labels.alpha: 0.05 -\\> 0.1" in folded
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


@pytest.mark.parametrize("limit", [1200, 1500, 3000, LIMIT])
def test_markdown_stays_under_the_limit(repository: Any, against: Against, limit: int) -> None:
    repository.rows = {f"row{i}": row(0.5) for i in range(400)}
    old = repository.commit()
    repository.rows = {f"row{i}": row(0.5 + i / 1000) for i in range(400)}
    text = as_markdown(against(old), limit)
    assert len(text) <= limit
    assert text.count("<details>") == text.count("</details>")
    if limit == LIMIT:
        assert len(text) > limit - 1000
        assert "more lines are left out" in text


def test_names_are_no_markup(repository: Any, against: Against) -> None:
    old = repository.commit()
    repository.rows["x|*y*<b>@all"] = row(0.5)
    text = as_markdown(against(old))
    assert "x\\|\\*y\\*\\<b\\>@\u200ball" in text


def test_the_command(repository: Any, changed: Comparison) -> None:
    run = CliRunner().invoke
    text = run(app, ["compare", "HEAD~1"], env={"COLUMNS": "70"})
    assert text.exit_code == 0
    assert text.stdout == as_text(changed, 70).replace(changed.old, text.stdout.split(" -> ")[0])
    assert run(app, ["compare", "HEAD~1", "--format", "md"]).stdout.startswith("### Metrics: ")
    content = json.loads(run(app, ["compare", "HEAD~1", "HEAD", "--format", "json"]).stdout)
    (screen,) = content["screens"]
    found = {row["row"]: (row["change"], row["beyond_noise"]) for row in screen["rows"]}
    assert found == {"a": (0.1, True), "b": (0.001, False), "c": (0.1, None)}
    assert screen["causes"]["stages"][0]["code"] == ["src/p/fit.py"]


def test_what_is_not_committed_is_named(repository: Any, capsys: Any) -> None:
    repository.commit()
    repository.write("metrics/toy/classification/up/a.json", row(0.9))
    repository.write("metrics/toy/classification/up/z.json", row(0.9))
    compare_command("HEAD", form=Format.JSON)
    assert "2 file(s) of metrics/ and dvc.lock are not committed" in capsys.readouterr().err
    compare_command("HEAD", repository.commit())
    assert capsys.readouterr().err == ""


def test_nothing_to_say(repository: Any, against: Against) -> None:
    found = against(repository.commit())
    assert as_text(found, 80).splitlines()[1:] == ["", "toy: no metric differs"]
    assert "<details>" not in as_markdown(found)
