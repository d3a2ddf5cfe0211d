"""Tables on one screen: every number is that of the metrics file, no line is too wide."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.report.results import MethodRecord, ScreenResults
from phenoprot.report.screenful import groups_of, screenful
from phenoprot.report.store import read_metrics

ROOT = Path(__file__).parents[2]
METRICS = ROOT / "metrics"
SCREENS = ("comas", "cpjump1", "phantom")
TABLES = {
    "Table 1.": ["classification/up", "classification/down"],
    "Table 2a.": ["regression"],
    "Table 3.": ["targets"],
}
NO_CELL = {"cell_count", "cell_count_readout", "plate_position", "structure", "concentration",
           "highest_concentration"}  # fmt: skip
POSTER = {"classification/up": "0.64", "classification/down": "0.66", "targets": "0.63",
          "regression": "0.45"}  # fmt: skip
"""The poster's figures of CellProfiler features: mean AUC, best R2."""


@cache
def results_of(screen: str) -> ScreenResults:
    return read_metrics(METRICS / screen)


def lines_of(screen: str, width: int, height: int | None = None) -> list[str]:
    return [one.text for one in screenful(results_of(screen), "docs/page.md", width, height)]


@cache
def stored(screen: str, path: str) -> Any:
    file = METRICS / screen / f"{path}.json"
    return json.loads(file.read_text()) if file.exists() else None


def rows_there(screen: str, parts: list[str]) -> set[str]:
    """Rows with a file in one of the parts."""
    rows = stored(screen, "provenance")["rows"]
    return {row for row in rows if any(stored(screen, f"{part}/{row}") for part in parts)}


def cells_of(line: str) -> list[str]:
    """Two blanks or more stand between cells, one within."""
    return re.split(r" {2,}", line.strip())


def printed(lines: list[str]) -> dict[str, list[list[str]]]:
    """Titles of columns and rows by the number of the table."""
    tables: dict[str, list[list[str]]] = {}
    name = ""
    for line in lines:
        begins = next((key for key in TABLES if line.startswith(f"{key} ")), "")
        if begins:
            name, tables[begins] = begins, []
        elif not line:
            name = ""
        elif name and (tables[name] or line.startswith("row  ")):
            tables[name].append(cells_of(line))
    return {key: [row for row in rows if len(row) == len(rows[0])] for key, rows in tables.items()}


def expected(flat: dict[str, Any], title: str) -> str | None:
    """The cell under a title, from the keys of a metrics file; None: not a number of it."""
    score, joint = ("skill", " to ") if "mean_skill" in flat else ("auc", "-")
    main = "r2" if score == "skill" else "auc"
    thresholds = re.search(r">= (\S+)", title)
    if thresholds:
        keys = [f"{main}_ge_{t}" for t in thresholds[1].split("/")]
        text = "/".join(str(flat[f"n_{key}"]) for key in keys)
        chance = "/".join(f"{flat[f'chance_n_{key}']:.1f}" for key in keys)
        return f"{text} ({chance})" if "by chance" in title else text
    if title == "of ceiling":
        return f"{100 * flat['ceiling_share']:.0f} %" if "ceiling_share" in flat else "-"
    if title == "p":
        return f"{flat['mean_auc_p']:.2g}"
    if title in ("median R2", "best R2"):
        median = title == "median R2"
        return f"{flat['median_r2']:z.3f}" if median else f"{flat['max_r2']:z.2f}"
    names = {"AUC": "auc", "pooled skill": "skill", "concordance": "concordance"}
    found = [f"mean_{key}" for word, key in names.items() if word in title]
    if not found:
        return None
    low, high = (flat[f"{found[0]}_ci_{end}"] for end in ("low", "high"))
    interval = f" ({low:z.2f}{joint}{high:z.2f})" if "95 % CI" in title else ""
    return f"{flat[found[0]]:z.3f}{interval}"


@pytest.mark.parametrize("width", [60, 80, 100, 140, 390])
@pytest.mark.parametrize("screen", SCREENS)
def test_every_number_is_that_of_the_metrics(screen: str, width: int) -> None:
    lines = lines_of(screen, width)
    assert max(map(len, lines)) <= width
    tables = printed(lines)
    assert tables.keys() == {key for key, parts in TABLES.items() if rows_there(screen, parts)}
    for name, (titles, *rows) in tables.items():
        parts = TABLES[name]
        assert len(rows) >= 5, name
        for row in rows:
            part = parts[0]
            for title, cell in zip(titles, row, strict=True):
                part = parts[1] if title.startswith("DOWN ") else part
                text = expected(stored(screen, f"{part}/{row[0]}"), title)
                if text is not None:
                    assert cell == text, (name, row[0], title)
                elif title.startswith("poster") and row[0] == "cellprofiler":
                    assert cell.partition(";")[0] == POSTER[part]
                else:
                    assert title in ("row", "what") or title.startswith("poster")


def test_wider_is_more() -> None:
    titles = [printed(lines_of("phantom", width))["Table 1."][0] for width in (60, 80, 140, 390)]
    assert [len(one) for one in titles] == sorted(len(one) for one in titles)
    assert titles[0][:2] == ["row", "UP AUC"]
    assert "95 % CI" not in " ".join(titles[0])
    assert titles[1][1] == "UP AUC (95 % CI)"
    assert ">= 0.6/0.7/0.8/0.9 (by chance)" in titles[3]
    assert {"what", "poster"} < set(titles[3])


@pytest.mark.parametrize("screen", SCREENS)
def test_fewer_lines_are_fewer_rows(screen: str) -> None:
    before = 0
    for height in (22, 28, 40, 60):
        lines = lines_of(screen, 100, height)
        assert len(lines) <= height
        tables = printed(lines)
        rows = sum(len(rows) - 1 for rows in tables.values())
        assert rows >= max(before, 2 * len(tables))
        assert all(rows[1][0] == results_of(screen).provenance.rows[0] for rows in tables.values())
        before = rows
    # Titles and one row of each table stand there even if nothing fits.
    assert {len(rows) for rows in printed(lines_of(screen, 100, 1)).values()} == {2}


@pytest.mark.parametrize("screen", SCREENS)
def test_how_many_are_left_out(screen: str) -> None:
    for height in (None, 22):
        lines = lines_of(screen, 200, height)
        total = 0
        for name, (_, *rows) in printed(lines).items():
            there = rows_there(screen, TABLES[name])
            heading = next(line for line in lines if line.startswith(f"{name} "))
            assert f". {len(rows)} of {len(there)} rows." in heading
            assert len({row[0] for row in rows} & there) == len(rows)
            total += len(there) - len(rows)
        text = " ".join(lines)
        assert f" {total} left out: `phenoprot tables {screen} --all`." in text
        caveats = stored(screen, "provenance")["caveats"]
        assert (f"- {caveats[0]}"[:60] in text) == (height is None)
        told = "" if height is None else f" (read its {len(caveats)} caveats)"
        assert lines[-1] == f"Page: docs/page.md{told}"


@pytest.mark.parametrize("screen", SCREENS)
def test_the_best_of_each_kind(screen: str) -> None:
    known = stored(screen, "provenance")

    def mean(parts: list[str], row: str) -> float:
        flats = [stored(screen, f"{part}/{row}") for part in parts]
        return sum(flat.get("mean_auc", flat.get("mean_skill")) for flat in flats) / len(parts)

    for name, (titles, *rows) in printed(lines_of(screen, 390)).items():
        parts, first = TABLES[name], known["rows"][0]
        order = [row[0] for row in rows]
        assert order == [row for row in known["rows"] if row in order]
        there = rows_there(screen, parts)
        what = {row[titles.index("what")]: row[0] for row in rows}
        assert what["first row"] == first
        methods = {row: known["methods"][row] for row in there}
        baselines = [
            row
            for row, method in methods.items()
            if method["features"]  # a fusion has none
            and set(method["features"]) <= NO_CELL
            and not method["shuffled"]
        ]
        shuffled = [row for row, method in methods.items() if method["shuffled"]]
        for kind, of_kind in (("best baseline", baselines), ("shuffled labels", shuffled)):
            best = max(mean(parts, row) for row in of_kind)
            assert mean(parts, what[kind]) == pytest.approx(best, abs=1e-12)
        assert ("planted truth" in what) == (screen == "phantom")
        assert ("trained network" in what) == (screen == "phantom")
    if screen == "phantom":
        assert what["trained network"] in ("mae", "mae_linear")
        assert what["proteome"] in ("proteome", "proteome_linear")


def test_a_row_of_a_file_is_seen() -> None:
    """A better row of no known kind is the best of the others."""
    results = results_of("cpjump1")
    known, rows = results.provenance, results.parts["targets"]
    mine = MethodRecord(features=[], model="predictions", shuffled=False, predictions="a.parquet")
    auc = rows["cellprofiler"].means["auc"].model_copy(update={"value": 0.999})
    result = rows["cellprofiler"].model_copy(update={"means": {"auc": auc}})
    methods = {**known.methods, "mine": mine}
    more = replace(
        results,
        provenance=known.model_copy(update={"rows": [*known.rows, "mine"], "methods": methods}),
        parts={**results.parts, "targets": {**rows, "mine": result}},
    )
    (targets,) = (one for one in groups_of(more) if one.parts[0].task == "targets")
    assert targets.kinds["mine"] == "best other"
    (before,) = (one for one in groups_of(results) if one.parts[0].task == "targets")
    assert list(before.kinds.values()).count("best other") == 1


def test_what_a_screen_lacks_is_said() -> None:
    text = "\n".join(lines_of("comas", 100))
    assert "No Table 2a (regression): the screen has no protein levels." in text
    assert "No Table" not in "\n".join(lines_of("phantom", 100))


# The command


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["tables", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_the_screens_asked_for(
    at_root: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = run("phantom", "comas", "phantom")
    assert text.index(stored("phantom", "provenance")["title"]) == 0
    assert text.count("Page: docs/results-") == 2
    assert text.index("Page: docs/results-phantom.md") < text.index("Page: docs/results-comas.md")
    assert text.splitlines()[:-1] != []
    assert text.count("Page: ") == 2
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    everything = run()
    assert everything.count("Page: ") == len(SCREENS)
    assert len(everything.splitlines()) <= 24 * len(SCREENS)
    assert max(map(len, everything.splitlines())) <= 80


def test_markdown_and_all(at_root: None) -> None:
    text = run("cpjump1", "--format", "md")
    assert "### Table 3. Compound target prediction: ROC AUC. " in text
    flat = stored("cpjump1", "targets/cellprofiler")
    assert f"| {flat['mean_auc']:.3f} ({flat['mean_auc_ci_low']:.2f}-" in text
    assert "Table 5." not in text
    for form in ("text", "md"):
        everything = run("cpjump1", "--all", "--format", form)
        assert "Table 5." in everything
        assert all(row in everything for row in rows_there("cpjump1", ["targets"]))


@pytest.mark.parametrize("every", [False, True])
def test_records_are_exact(at_root: None, every: bool) -> None:
    options = ["--all"] if every else []
    as_json = json.loads(run("phantom", "comas", "--format", "json", *options))
    as_csv = list(csv.DictReader(io.StringIO(run("phantom", "comas", "--format", "csv", *options))))
    assert len(as_json) == len(as_csv)
    own = {"screen", "part", "row", "what", "features", "model", "shuffled"}
    for record, line in zip(as_json, as_csv, strict=True):
        flat = stored(record["screen"], f"{record['part']}/{record['row']}")
        numbers = {key: value for key, value in record.items() if key not in own}
        assert numbers.items() <= flat.items()
        assert {"n_targets", "mean_auc" if "mean_auc" in flat else "mean_skill"} <= numbers.keys()
        assert not any(key.startswith(("truth_", "leak_", "chosen_")) for key in numbers)
        assert {key: float(line[key]) for key in numbers} == numbers
        assert line["row"] == record["row"]
    if every:
        own_parts = [part for parts in TABLES.values() for part in parts]
        asked = [f"{way}_{of}" for way in ("up", "down") for of in ("unclassified", "opposite")]
        parts = [*own_parts, *(f"sensitivity/{name}" for name in asked)]
        files = [(s, p, r) for s in ("phantom", "comas") for p in parts for r in rows_there(s, [p])]
        assert sorted((r["screen"], r["part"], r["row"]) for r in as_json) == sorted(files)


def test_an_unknown_screen_and_one_without_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    assert fault() == "metrics: no metrics here. Run `make reproduce`."
    assert fault("nowhere").startswith("metrics/nowhere: no metrics here. Run `make reproduce`")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    found = fault("phantom")
    assert found == (
        "metrics/phantom: no metrics yet. Run `dvc repro report-phantom`, or `make reproduce` for "
        "all screens."
    )
    text = fault("nowhere")
    assert text.startswith("params.yaml: no screen 'nowhere'; there are: ")
    assert all(screen in text for screen in SCREENS)


def fault(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["tables", *arguments])
    assert isinstance(result.exception, UserError)
    assert result.output == ""
    return str(result.exception)
