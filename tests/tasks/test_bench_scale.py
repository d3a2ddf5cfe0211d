"""benchmarks/scale: the table of the models, and the memory of a process and its children."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.scale.run import MODEL_STEPS, ROWS, _family, _resident, model_lines

from phenoprot.tasks.settings import RowSettings


def test_a_table_of_known_figures() -> None:
    figures = {"seconds": 60.4, "cpu_seconds": 90, "together_bytes": 3 * 2**29}
    record = {"cores": 2, "rows": ROWS, "steps": dict.fromkeys(MODEL_STEPS, figures)}
    kept = {
        "1": {"compounds": 2000, "models": record},
        "0.333": {"compounds": 666},
        "0.1": {"compounds": 200, "models": record},
    }
    rows = [row.strip("| ").split(" | ") for row in model_lines(kept).splitlines()]
    assert rows[0] == ["stage", "200 compounds, 2 cores", "2,000 compounds, 2 cores"]
    assert [row[0] for row in rows[2:]] == [*MODEL_STEPS, "profiles to evaluate"]
    assert rows[2][1:] == ["60 s (90 of CPU), 1.50 GiB"] * 2
    assert rows[-1][1:] == ["302 s (450 of CPU), 1.50 GiB"] * 2


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
