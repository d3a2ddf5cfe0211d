"""The benchmark's runs, small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "benchmarks/mae/bench_mae.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_full_step_at_the_poster_s_size_fits_into_8_gb() -> None:
    printed = bench("memory", "--preset", "poster", "--crops", "2")
    assert "784 tokens, 78 visible, 320 values a token" in printed
    peak = re.search(r"peak ([\d.]+) GiB", printed)
    assert peak is not None
    assert 1 < float(peak[1]) < 7.4  # 8 GB


def test_the_savings_are_printed() -> None:
    printed = bench("savings", "--crops", "8", "--repeats", "2")
    assert re.search(r"^step, every token +[\d.]+ crops/s +0\.\d\d x the step$", printed, re.M)
    assert re.search(r"^loader +[\d.]+ crops/s +[\d.]+ x the step$", printed, re.M)
