"""Stage scripts: one line for a user's mistake, and in step with dvc.yaml."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from phenoprot.core import runtime
from phenoprot.core.errors import UserError
from phenoprot.pipeline.stage import run_stage

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SCRIPTS = sorted((ROOT / "stages").glob("*.py"))


def bodies() -> dict[str, dict[str, object]]:
    return {name: stage.get("do", stage) for name, stage in STAGES.items()}


@pytest.mark.parametrize("script", ["profiles", "report"])
def test_a_bad_screen_name_is_one_line(script: str) -> None:
    run = subprocess.run(
        [sys.executable, f"stages/{script}.py", "cpjump2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith(f"{script}: params.yaml: no screen 'cpjump2'; there are: cpjump1")
    assert run.stderr.count("\n") == 1


def test_a_stage_pins_the_numerics_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in runtime.PINNED:
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setattr(sys, "argv", ["stage", "toy"])
    seen = {}

    def stage(screen: str) -> None:
        import os

        seen.update({name: os.environ[name] for name in runtime.PINNED}, screen=screen)
        raise UserError("12 wells occur twice", where="wells.csv")

    with pytest.raises(SystemExit) as end:
        run_stage(stage)
    assert end.value.code == "stage: wells.csv: 12 wells occur twice"
    assert seen == {**runtime.PINNED, "screen": "toy"}


def test_other_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage"])

    def stage() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        run_stage(stage)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_heavy_is_imported_before_the_numerics_are_pinned(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == [
        "from phenoprot.pipeline.stage import run_stage"
    ]


def test_every_script_is_a_stage_and_its_own_dependency() -> None:
    used = {}
    for name, body in bodies().items():
        script = str(body["cmd"]).split()[1]
        used[script] = name
        assert script in body["deps"], f"{name}: a change of {script} must run it again"
    assert sorted(used) == [path.relative_to(ROOT).as_posix() for path in SCRIPTS]


def test_code_and_data_that_stages_depend_on_exist() -> None:
    outs = {
        next(iter(out)) if isinstance(out, dict) else out
        for body in bodies().values()
        for kind in ("outs", "metrics")
        for out in body.get(kind, [])
    }
    for name, body in bodies().items():
        for dep in body["deps"]:
            if "${" in dep:
                made = any(dep == out or dep.startswith(f"{out}/") for out in outs)
                assert made or dep == "${item.folder}", f"{name}: no stage makes {dep}"
            elif dep not in outs:
                assert (ROOT / dep).exists(), f"{name} depends on {dep}, which is not there"


def test_metrics_are_in_git_not_in_the_cache() -> None:
    for body in bodies().values():
        for metric in body.get("metrics", []):
            assert list(metric.values()) == [{"cache": False}]
