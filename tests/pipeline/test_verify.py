"""`phenoprot verify`: are git's metrics and pages what data/scores gives?"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.whole import SCREEN

from phenoprot.core.errors import UserError
from phenoprot.core.paths import Paths
from phenoprot.pipeline.verify import verify_screens

METRICS = Paths(SCREEN).metrics
ROW = METRICS / "regression" / "oracle.json"


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def committed(whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose metrics and pages are in git."""
    folder = tmp_path / "run"
    shutil.copytree(whole_run, folder, symlinks=True, ignore=shutil.ignore_patterns(".phenoprot"))
    monkeypatch.chdir(folder)
    git("init", "-q")
    git("add", "-f", "metrics", "docs")
    git("commit", "-qm", "all")
    return folder


def commit() -> None:
    git("add", "-fA", "metrics", "docs")
    git("commit", "-qm", "changed")


def edited() -> None:
    content = json.loads(ROW.read_text())
    ROW.write_text(json.dumps(content | {"mean_r2": 0.9}))


def test_what_the_scores_give_is_verified_whatever_the_working_folder_holds(
    committed: Path,
) -> None:
    files = [path for place in ("metrics", "docs") for path in Path(place).rglob("*.*")]
    edited()
    assert verify_screens() == {SCREEN: sum(path.is_file() for path in files)}


def test_what_differs_is_named(committed: Path) -> None:
    gone = METRICS / "targets" / "proteome.json"
    gone.unlink()
    edited()
    (METRICS / "mine.json").write_text("{}")
    Paths(SCREEN).report.write_text("x")
    commit()
    with pytest.raises(UserError) as error:
        verify_screens([SCREEN])
    message = str(error.value)
    assert "4 file(s) are not what data/scores gives: " in message
    for named in (
        f"{ROW} differs",
        f"{gone} is not in git",
        f"{METRICS / 'mine.json'} is in git, and not made",
        f"{Paths(SCREEN).report} differs",
    ):
        assert named in message
    assert "dvc repro" in message


def test_parameters_that_changed_since_are_found(committed: Path) -> None:
    """The report never runs in a fresh clone: a stale provenance shows here alone."""
    params = (committed / "params.yaml").read_text()
    (committed / "params.yaml").write_text(params.replace("alpha: 0.05", "alpha: 0.04", 1))
    with pytest.raises(UserError, match=r"provenance\.json differs"):
        verify_screens()


def test_without_git_the_files_themselves_are_compared(
    committed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(committed / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(committed.parent))
    assert verify_screens()
    edited()
    with pytest.raises(UserError, match=r"oracle\.json differs"):
        verify_screens()


def test_missing_scores_are_said(committed: Path) -> None:
    shutil.rmtree(Paths(SCREEN).scores)
    with pytest.raises(UserError, match="data/scores"):
        verify_screens()
