"""The table of the time of each stage."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.stages import BEFORE, COST, read_log, table, times, watching

from phenoprot.core.errors import UserError

ROOT = Path(__file__).parents[2]
TEXT = """\
2.0\tRunning stage 'segment-phantom':
2.5\t> python stages/segment.py phantom
9.0\tphantom segment: 1/2 P/A (3.0 s; 4 s in all)
12.0\tphantom segment: 2/2 P/B (3.0 s; 8 s in all)
13.0\tUpdating lock file 'dvc.lock'
14.4\tcost of the stage: 20.5 s of CPU, 536870912 bytes in its largest process
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
    assert [stage.cpu_seconds for stage in stages] == [None, 20.5, None]
    assert [stage.peak_bytes for stage in stages] == [None, 2**29, None]
    assert table(stages).splitlines()[-1].split() == ["15.0", "100.0%", "in", "all"]


def test_what_processes_take() -> None:
    """A process whose child holds 200 MB for a moment, and computes for a while."""
    child = "x = b'x' * 200_000_000; import time; e = time.process_time() + 0.5\n" + (
        "while time.process_time() < e: pass"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])\ninput()"
    with (
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process,
        watching(process.pid) as watch,
    ):
        end = time.monotonic() + 20
        while watch.look() < 0.5 and time.monotonic() < end:
            time.sleep(0.05)
        found = COST.match(watch.take())
        assert found is not None
        assert 0.5 <= float(found[1]) < 2
        assert 200e6 < int(found[2]) < 300e6
        process.communicate(b"\n")


def test_the_command_reads_a_log(log: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.stages", "--log", str(log)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "    12.5   83.3%      20.5   0.50  segment-phantom" in run.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), (TEXT + "phantom crops: 1/2\n", "line 9 does not begin with the seconds")],
)
def test_another_file_is_refused(text: str, message: str, log: Path) -> None:
    log.write_text(text)
    with pytest.raises(UserError, match=rf"run\.log: .*{message}"):
        read_log(log)
