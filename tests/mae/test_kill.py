"""Runs that are killed or asked to stop, in processes of their own."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
from safetensors import SafetensorError, safe_open

from phenoprot.features.mae.folder import FILES
from phenoprot.features.mae.loop import CHECKPOINT
from phenoprot.features.mae.train import train

from .conftest import Start
from .toy import STANDARD, ArrayCrops, settings

STEPS = 40
LONG = {"steps": STEPS, "checkpoint_every": 2, "picture_every": 10, "log_every": 3}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    return train(ArrayCrops(), STANDARD, settings(**LONG), folder, "toy", "toy")


def step_of(work: Path) -> int:
    """Steps behind the checkpoint, 0 if there is none."""
    for path in work.glob("*/" + CHECKPOINT):
        try:
            with safe_open(path, framework="pt") as stream:
                return int(json.loads(stream.metadata()["state"])["step"])
        except (FileNotFoundError, SafetensorError):
            pytest.fail("a checkpoint that is not whole")
    return 0


def until_step(work: Path, step: int) -> None:
    end = time.monotonic() + 60
    while step_of(work) < step:
        assert time.monotonic() < end, f"waited a minute for step {step}"
        time.sleep(0.005)


def assert_same_model(work: Path, undisturbed: Path) -> None:
    (model,) = work.glob("*/model")
    for name in FILES:
        assert (model / name).read_bytes() == (undisturbed / name).read_bytes(), name


def test_kill_9_at_random_moments(tmp_path: Path, start: Start, undisturbed: Path) -> None:
    rng = random.Random(0)
    steps = []
    for target in (2, 12, 24):
        process = start(tmp_path, LONG)
        until_step(tmp_path, target)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        steps.append(step_of(tmp_path))
    assert steps == sorted(steps)
    assert steps[-1] < STEPS
    process = start(tmp_path, LONG)
    process.join(60)
    assert process.exitcode == 0
    assert_same_model(tmp_path, undisturbed)
    assert not list(tmp_path.rglob(".*.safetensors"))


def test_sigterm_leaves_a_checkpoint_and_a_line(
    tmp_path: Path, start: Start, undisturbed: Path
) -> None:
    work, errors = tmp_path / "work", tmp_path / "errors"
    process = start(work, LONG, None, errors)
    until_step(work, 6)
    process.terminate()
    process.join(60)
    assert process.exitcode == 143
    step = step_of(work)
    assert 6 <= step < STEPS
    said = errors.read_text()
    assert f"toy: stopped at step {step}; the checkpoint is kept, run again to go on\n" in said
    assert "Traceback" not in said
    errors.unlink()
    process = start(work, LONG, None, errors)
    process.join(60)
    assert process.exitcode == 0
    logged = 3 * (step // 3)
    assert f"toy: {logged} of {STEPS} done earlier\n" in errors.read_text()
    assert_same_model(work, undisturbed)


def test_a_second_run_waits_and_finds_the_model(
    tmp_path: Path, start: Start, undisturbed: Path
) -> None:
    errors = tmp_path / "errors"
    first = start(tmp_path / "work", LONG)
    until_step(tmp_path / "work", 2)
    second = start(tmp_path / "work", LONG, None, errors)
    for process in (first, second):
        process.join(60)
        assert process.exitcode == 0
    assert f"toy: waiting for process {first.pid} on " in errors.read_text()
    assert f"toy: {STEPS}/{STEPS}" not in errors.read_text()
    assert_same_model(tmp_path / "work", undisturbed)
