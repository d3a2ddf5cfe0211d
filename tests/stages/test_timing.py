"""The table of the time of each stage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.stages import BEFORE, read_log, table, times

from phenoprot.core.errors import UserError

ROOT = Path(__file__).parents[2]
TEXT = """\
2.0\tRunning stage 'segment-phantom':
2.5\t> python stages/segment.py phantom
9.0\tphantom segment: 1/2 P/A (3.0 s; 4 s in all)
12.0\tphantom segment: 2/2 P/B (3.0 s; 8 s in all)
13.0\tUpdating lock file 'dvc.lock'
14.5\tRunning stage 'crops-phantom':
15.0\tend of the run
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.log"
    path.write_text(TEXT)
    return path


def test_a_stage_lasts_until_the_next_one(log: Path) -> None:
    stages = times(read_log(log))
    assert [stage.name for stage in stages] == [BEFORE, "segment-phantom", "crops-phantom"]
    assert [stage.seconds for stage in stages] == pytest.approx([2.0, 12.5, 0.5])
    assert [stage.parts for stage in stages] == [{}, {"phantom segment": 8}, {}]
    assert table(stages).splitlines()[-1].split() == ["15.0", "100.0%", "in", "all"]


def test_the_command_reads_a_log(log: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.stages", "--log", str(log)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "    12.5   83.3%  segment-phantom" in run.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), (TEXT + "phantom crops: 1/2\n", "line 8 does not begin with the seconds")],
)
def test_another_file_is_refused(text: str, message: str, log: Path) -> None:
    log.write_text(text)
    with pytest.raises(UserError, match=rf"run\.log: .*{message}"):
        read_log(log)
