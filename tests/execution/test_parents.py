"""Stages and workers end with what started them, by kill -9 of it too; what is to go on, does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .test_kill import ROOT, alive, until

STAGE = """
import os, signal, sys, time
from pathlib import Path
from phenoprot.pipeline.run import run_stage
stubborn = sys.argv[1] == "stubborn"
def splits(job):
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))
    time.sleep(60)
sys.argv = ["stages/splits.py", "phantom"]
run_stage(splits)
"""
STARTER = """
import os, signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGHUP):  # ignored if the tests were started by & or nohup
    signal.signal(number, signal.SIG_DFL)
subprocess.run(sys.argv[2:], env={**os.environ, **dict(v.split("=") for v in sys.argv[1].split())})
"""
"""Stands for dvc: runs a shell that runs a stage, in an environment that it has not itself."""


def survives(tmp_path: Path, command: str, seconds: float, variables: str = "") -> bool:
    """Kill what started a stage by a shell; return whether the stage lives after `seconds`."""
    (tmp_path / "stage.py").write_text(STAGE)
    pid_file = tmp_path / "pid"
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "TORCHELASTIC"))
    }
    run = f"{sys.executable} {tmp_path / 'stage.py'}"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, variables, "sh", "-c", command.format(run=run)],
        env={**environment, "PID_FILE": str(pid_file)},
        cwd=ROOT,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        until(lambda: pid_file.exists() and pid_file.read_text() != "")
        pid = int(pid_file.read_text())
        starter.kill()
        starter.wait()
        end = time.monotonic() + seconds
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.05)
        lives = alive(pid)
    finally:
        starter.kill()
        starter.wait()
    if lives:
        os.kill(pid, signal.SIGKILL)
    return lives


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ("exec {run} stage", ""),
        ("{run} stage; true", ""),
        ("sh -c '{run} stage; true'; true", ""),
        ("exec {run} stage", "DVC_STAGE=mae"),
        ("{run} stubborn; true", "DVC_STAGE=mae"),
        ("{run} stage & wait", "DVC_STAGE=mae"),
        ("nohup setsid -w {run} stage; true", "DVC_STAGE=mae"),
    ],
)
def test_a_stage_ends_with_what_runs_it(tmp_path: Path, command: str, variables: str) -> None:
    assert not survives(tmp_path, command, 20, variables)


@pytest.mark.parametrize(
    "command", ["nohup {run} stage; true", "setsid {run} stage; true", "{run} stage & wait"]
)
def test_a_stage_started_by_hand_keeps_to_the_usual_rules(tmp_path: Path, command: str) -> None:
    assert survives(tmp_path, command, 1.5)


def test_children_of_torchrun_have_a_session_of_their_own(tmp_path: Path) -> None:
    """And end with it all the same."""
    (tmp_path / "stage.py").write_text(STAGE)
    code = (
        "import subprocess, sys; subprocess.run(sys.argv[1:], start_new_session=True, "
        "env={**__import__('os').environ, 'TORCHELASTIC_RUN_ID': 'x'})"
    )
    pid_file = tmp_path / "pid"
    agent = subprocess.Popen(
        [sys.executable, "-c", code, sys.executable, str(tmp_path / "stage.py"), "stage"],
        env={**os.environ, "PID_FILE": str(pid_file)},
    )
    until(lambda: pid_file.exists() and pid_file.read_text() != "")
    pid = int(pid_file.read_text())
    agent.kill()
    agent.wait()
    until(lambda: not alive(pid))


def test_a_worker_that_still_imports_ends_too(tmp_path: Path) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import os, time\n"
        "from pathlib import Path\n"
        "if os.environ.get('MAIN') != str(os.getpid()):\n"
        "    Path(os.environ['PID_FILE']).write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "def compute(payload, folder): ...\n"
    )
    (tmp_path / "main.py").write_text(
        "import os, sys\n"
        "if __name__ == '__main__':\n"
        "    os.environ['MAIN'] = str(os.getpid())\n"
        "    from pathlib import Path\n"
        "    from slow_to_import import compute\n"
        "    from tests.execution.computations import shards\n"
        "    from phenoprot.execution.run import run_shards\n"
        "    from phenoprot.execution.settings import ExecutionSettings\n"
        "    some = shards(Path('counts'), 'P1/A')\n"
        "    run_shards(compute, some, Path('work'), 'toy', ExecutionSettings(workers=1))\n"
    )
    pid_file = tmp_path / "pid"
    main = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PID_FILE": str(pid_file),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        },
    )
    until(lambda: pid_file.exists() and pid_file.read_text() != "")
    pid = int(pid_file.read_text())
    main.kill()
    main.wait()
    begun = time.monotonic()
    until(lambda: not alive(pid))
    assert time.monotonic() - begun < 10  # its import would take a minute


def test_a_worker_that_cannot_import_says_why() -> None:
    """In a line where the machine is short of something."""
    from phenoprot.execution.failure import as_failure

    shortage = ImportError("libx.so: cannot open shared object file: Too many open files")
    failure = as_failure(shortage)
    assert (failure.what, failure.bug) == ("Too many open files", False)
    assert as_failure(ImportError("No module named 'x'")).bug
