"""Rows whose predictions are a file: in every table; refused where they are not the suite's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.whole import ALL, SCREEN, run_stage, tiny_params
from tests.wild.stages import inside

from phenoprot.core.errors import UserError
from phenoprot.core.files import write_parquet
from phenoprot.core.paths import Paths
from phenoprot.core.settings import parse_settings
from phenoprot.pipeline.dvc_file import dvc_yaml
from phenoprot.pipeline.params import ScreenParams, load_params
from phenoprot.pipeline.provenance import sources_of
from phenoprot.pipeline.stages import all_stages
from phenoprot.tasks.given import directions_of, long_predictions
from phenoprot.tasks.registry import all_tasks
from phenoprot.tasks.settings import RowSettings

FILE = Path("mine.parquet")
FROM = "oracle"
"""The row whose predictions are given as a file."""


PUBLISHED = (
    (Paths(SCREEN).scores, "json"),
    (Paths(SCREEN).scores, "parquet"),
    (Paths(SCREEN).metrics, "json"),
    (Paths(SCREEN).metrics / "doses", "json"),
)
"""Where the numbers of a row stand, and the endings of their files."""


@pytest.fixture
def run(whole_run: Path, tmp_path: Path) -> Path:
    """A whole run, with a row ``mine`` whose file holds what the row `FROM` predicts."""
    folder = tmp_path / "run"
    shutil.copytree(whole_run, folder, symlinks=True)
    with inside(folder):
        write_parquet(FILE, every_task())
    with_row(folder, {"predictions": str(FILE), "tasks": ALL})
    return folder


def with_row(folder: Path, row: dict[str, object]) -> None:
    params = tiny_params()
    params["screens"][SCREEN]["rows"]["mine"] = row
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def every_task() -> pd.DataFrame:
    """Predictions of all tasks in one long table."""
    parts = []
    for name, task in all_tasks().items():
        for part, direction in zip(task.parts, directions_of(task) or [None], strict=True):
            table = long_predictions(Paths(SCREEN).predictions(part.name), FROM, direction)
            parts.append(table.assign(Task=name))
    return pd.concat(parts, ignore_index=True)


def run_from_tasks(folder: Path, *more: str) -> None:
    with inside(folder):
        for stage in all_stages():
            if stage.script == "predict" or stage.name in more:
                run_stage(stage)


def test_the_numbers_are_those_of_the_row_it_came_from(run: Path) -> None:
    run_from_tasks(run, "choose", "evaluate", "report")
    paths, compared = Paths(SCREEN), 0
    with inside(run):
        for name in (part.name for task in all_tasks().values() for part in task.parts):
            for place, ending in PUBLISHED:
                own, mine = (place / name / f"{row}.{ending}" for row in (FROM, "mine"))
                assert own.is_file() == mine.is_file()
                if own.is_file():
                    assert own.read_bytes() == mine.read_bytes(), own
                    compared += 1
        assert compared > 16  # scores and metrics of every part of every task
        for part in ("classification/up", "classification/down"):
            tables = [
                pd.read_parquet(paths.predictions(part) / "rows" / f"{row}.parquet")
                for row in (FROM, "mine")
            ]
            pd.testing.assert_frame_equal(*tables, check_dtype=False, check_exact=True)
        page = paths.report.read_text(encoding="utf-8")
    line = "`mine`: predictions of a model that was trained elsewhere, mine.parquet."
    assert line in page + (run / paths.report_details).read_text(encoding="utf-8")
    table = page.split("### Table 1.")[1].split("\n\n")[1]
    (own,), (mine,) = (re.findall(rf"\| {row} \|(.*)", table) for row in (FROM, "mine"))
    assert own == mine


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.assign(Fold=t["Fold"] + 1),
            r"^mine\.parquet, classification/up: 20 compound\(s\) are in another fold than in the "
            r"suite: .* in repeat 0: \d, not \d",
        ),
        (
            lambda t: t[t["Task"] != "classification"],
            r"^mine\.parquet: no prediction is of the task 'classification'; column 'Task' names: "
            r"'regression', 'sensitivity', 'targets'\. Add them, or leave the task out\.",
        ),
        (
            lambda t: t.drop(columns="Task"),
            r"^mine\.parquet: no column Task says which of 4 tasks \(classification, regression, "
            r"targets, sensitivity\) a prediction is of\. .*\(tasks: \[classification\]\)",
        ),
        (
            lambda t: t.replace({"Task": {"regression": "regresion", "targets": None}}),
            r"^mine\.parquet: column 'Task' names no task in \d+ row\(s\): 'regresion', (None|nan)"
            r"\. There are: classification, regression, targets, sensitivity\.",
        ),
        (
            lambda t: t[t["Metadata_Concentration"] != 0.01],
            r"19 treatment\(s\) of the suite are missing: .* at 0\.01",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    run: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with inside(run):
        write_parquet(FILE, change(pd.read_parquet(FILE)))
    with pytest.raises(UserError, match=message):
        run_from_tasks(run)


def test_stages_of_its_tasks_and_the_report_depend_on_the_file(run: Path) -> None:
    with_row(run, {"predictions": str(FILE), "tasks": ["targets"]})
    with inside(run):
        entries = yaml.safe_load(dvc_yaml())["stages"]
        before = sources_of(SCREEN, load_params()).data_sha256
        FILE.write_bytes(FILE.read_bytes() + b" ")
        assert sources_of(SCREEN, load_params()).data_sha256 != before
        FILE.unlink()
        with pytest.raises(UserError) as error:
            dvc_yaml()
    found = {name for name, entry in entries.items() if str(FILE) in entry["deps"]}
    assert found == {f"predict-targets-{SCREEN}", f"report-{SCREEN}"}
    assert str(error.value) == (
        "mine.parquet: no such file. Make it, or change screens.phantom.rows.mine.predictions in "
        "params.yaml."
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "names no features and no model: a row has both, or predictions"),
        ({"features": ["x"]}, "names no model"),
        (
            {"predictions": "p.csv", "features": ["x"], "shuffled": True},
            "predictions go with tasks alone, not with features, shuffled",
        ),
    ],
)
def test_a_row_is_made_in_one_way(row: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_settings(RowSettings, row, "params.yaml")


def test_a_screen_has_a_row_of_ours() -> None:
    block = {"folder": "x", "rows": {"mine": {"predictions": "p.csv"}}}
    with pytest.raises(UserError, match=r"all are predictions from files; .* add one"):
        parse_settings(ScreenParams, block, "params.yaml")
