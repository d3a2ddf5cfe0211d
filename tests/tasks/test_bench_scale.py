"""benchmarks/scale: rows of the models, and the memory of a process and its children."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.scale.run import ROWS, _family, _resident

from phenoprot.tasks.settings import RowSettings


def test_rows_are_two_of_the_linear_model() -> None:
    rows = [RowSettings.model_validate(row) for row in ROWS.values()]
    assert len(rows) == 2
    assert all(row.model is not None and row.model.estimator == "linear" for row in rows)


def test_memory_of_a_process_and_its_children() -> None:
    code = "import sys; held = bytearray(80_000_000); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in _family(os.getpid())
        assert _resident(child.pid) > 80_000_000
        child.communicate()
    assert child.pid not in _family(os.getpid())
    assert _resident(child.pid) == 0
