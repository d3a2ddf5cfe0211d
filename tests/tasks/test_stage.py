"""The stage script: it passes on what params.yaml says, how to execute included."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phenoprot.core.paths import Paths
from phenoprot.execution.settings import ExecutionSettings
from phenoprot.tasks import run
from phenoprot.tasks.registry import find_task
from phenoprot.tasks.task import LabelSources

SCRIPT = Path(__file__).parents[2] / "stages" / "predict.py"


@pytest.mark.parametrize("task", ["classification", "regression", "targets"])
def test_the_stage_passes_on_execution_rows_and_settings(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[Any, ...]] = []
    monkeypatch.setattr(run, "run_task", lambda *arguments: called.append(arguments))
    spec = importlib.util.spec_from_file_location("predict_stage", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    execution = ExecutionSettings(executor="ray", workers=7)
    params = SimpleNamespace(tasks=object(), screen=SimpleNamespace(rows=object()))
    job = SimpleNamespace(
        paths=Paths("toy"), folder=Path("a/folder"), params=params, execution=execution
    )
    stage.predict(job, task)
    sources = LabelSources(Paths("toy"), Path("a/folder"))
    assert called == [(find_task(task), sources, params.screen.rows, params.tasks, execution)]
