"""The gate, on a pipeline of two stages in a fresh clone that has no cached data."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gate import main

ROOT = Path(__file__).parents[2]
PIPELINE = """\
stages:
  first:
    cmd: cp in.txt mid.txt && cp in.txt again.txt
    deps: [in.txt]
    params: [x]
    outs:
      - mid.txt
      - again.txt: # neither in git nor in the cache: made again in a clone
          cache: false
  second:
    cmd: echo '{"auc":0.5}' > metrics/m.json
    deps: [mid.txt]
    params: [y]
    metrics:
      - metrics/m.json:
          cache: false
"""


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def git(*args, cwd):
    done = run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", *args, cwd=cwd)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    path = tmp_path_factory.mktemp("origin")
    git("init", "-q", cwd=path)
    (path / "metrics").mkdir()
    (path / "in.txt").write_text("1\n")
    (path / ".gitignore").write_text("/again.txt\n")
    (path / "params.yaml").write_text("x: 1\ny: 1\n")
    (path / "dvc.yaml").write_text(PIPELINE)
    for command in (["init", "-q"], ["repro", "-q"]):
        done = run(sys.executable, "-m", "dvc", *command, cwd=path)
        assert done.returncode == 0, done.stderr
    git("add", "-A", cwd=path)
    git("commit", "-qm", "all", cwd=path)
    return path


@pytest.fixture
def clone(origin, tmp_path):
    git("clone", "-q", str(origin), str(tmp_path / "clone"), cwd=tmp_path)
    return tmp_path / "clone"


def test_a_fresh_clone_is_in_step(clone):
    done = run(sys.executable, str(ROOT / "scripts/gate.py"), cwd=clone)
    assert (done.returncode, done.stdout) == (0, "gate: dvc.lock and the metrics are in step\n")


@pytest.fixture
def gate(clone, monkeypatch, capsys):
    """Give the exit status of the gate and what it prints, called in this process."""
    monkeypatch.chdir(clone)
    return lambda: (main(), capsys.readouterr().out)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("metrics/m.json", "0.5", "0.9", "stage second is out of step"),
        ("params.yaml", "x: 1", "x: 2", "stage first is out of step"),
        ("params.yaml", "y: 1", "y: 2", "stage second is out of step"),
        ("in.txt", "1", "2", "stage first is out of step"),
        ("dvc.yaml", "cp in", "cp -f in", "stage first is out of step"),
        ("dvc.yaml", "cmd: cp", "cmd: [cp", "dvc repro --dry failed"),
    ],
    ids=["metric edited", "first param", "second param", "input", "command", "not YAML"],
)
def test_what_was_edited_is_named(clone, gate, file, old, new, message):
    path = clone / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    git("commit", "-qam", "edit", cwd=clone)
    code, output = gate()
    assert code == 1
    assert output.startswith(f"gate: {message}")


def test_a_missing_and_a_stray_metrics_file_are_named(clone, gate):
    shutil.move(clone / "metrics/m.json", clone / "metrics/old.json")
    git("add", "-A", cwd=clone)
    code, output = gate()
    assert code == 1
    assert "gate: metrics/m.json is missing" in output
    assert "gate: metrics/old.json is in git but no stage writes it" in output
