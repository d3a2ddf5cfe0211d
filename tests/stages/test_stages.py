"""Stage scripts: thin, pinned numerics, one line for a user's mistake."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phenoprot.core import runtime
from phenoprot.core.errors import UserError
from phenoprot.pipeline import run
from phenoprot.pipeline.stage import Job
from phenoprot.pipeline.stages import SIMULATE, all_stages

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "stages").glob("*.py"))
STAGES = {stage.name: stage for stage in (SIMULATE, *all_stages())}


@pytest.mark.parametrize("script", ["profiles", "report"])
def test_a_bad_screen_name_is_one_line(script: str) -> None:
    done = subprocess.run(
        [sys.executable, f"stages/{script}.py", "cpjump2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"{script}: params.yaml: no screen 'cpjump2'; there are: cpjump1")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [([], "names no screen"), (["phantom"], "SCREEN targets"), (["phantom", "x"], "arguments x")],
)
def test_arguments_that_no_stage_has(
    arguments: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["stages/predict.py", *arguments])
    with pytest.raises(SystemExit) as end:
        run.run_stage(lambda job, task: None)
    assert named in str(end.value.code)


def test_a_stage_pins_the_numerics_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in runtime.PINNED:
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setattr(sys, "argv", ["stages/splits.py", "phantom"])
    monkeypatch.chdir(ROOT)
    seen = {}

    def splits(job: Job) -> None:
        seen.update({name: os.environ[name] for name in runtime.PINNED}, screen=job.screen)
        raise UserError("12 wells occur twice", where="wells.csv")

    with pytest.raises(SystemExit) as end:
        run.run_stage(splits)
    assert end.value.code == "splits: wells.csv: 12 wells occur twice"
    assert seen == {**runtime.PINNED, "screen": "phantom"}


def test_other_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/splits.py", "phantom"])
    monkeypatch.chdir(ROOT)

    def splits(job: Job) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run.run_stage(splits)


def test_a_stage_that_reads_an_undeclared_block_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stages/splits.py", "phantom"])
    monkeypatch.chdir(ROOT)
    with pytest.raises(AttributeError, match=r"stage splits reads tasks\.mlp "):
        run.run_stage(lambda job: job.params.tasks.mlp)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_is_imported_before_the_numerics_are_pinned(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert not [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


def test_every_script_is_a_stage() -> None:
    used = {stage.path for stage in STAGES.values()} | {Path("stages/pipeline.py")}
    assert sorted(used) == [path.relative_to(ROOT) for path in SCRIPTS]
