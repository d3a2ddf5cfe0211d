"""The benchmark's runs, small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.mae import bench_mae, curve
from benchmarks.mae.orientations import orientation_share
from typer.testing import CliRunner

from phenoprot.features.mae.settings import MAESettings

ROOT = Path(__file__).parents[2]


def test_a_full_step_at_the_poster_s_size_fits_into_8_gb() -> None:
    arguments = ["memory", "--preset", "poster", "--crops", "2"]
    run = subprocess.run(
        [sys.executable, "benchmarks/mae/bench_mae.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "784 tokens, 78 visible, 320 values a token" in run.stdout
    peak = re.search(r"peak ([\d.]+) GiB", run.stdout)
    assert peak is not None
    assert 1 < float(peak[1]) < 7.4  # 8 GB


def test_the_savings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_mae, "choose_device", lambda: "cpu")
    run = CliRunner().invoke(bench_mae.app, ["savings", "--crops", "8", "--repeats", "2"])
    assert run.exit_code == 0, run.output
    assert re.search(r"^step, every token +[\d.]+ crops/s +0\.\d\d x the step$", run.output, re.M)
    assert re.search(r"^loader +[\d.]+ crops/s +[\d.]+ x the step$", run.output, re.M)


def test_the_share_of_orientation_in_a_cell_s_embedding() -> None:
    crops = np.random.default_rng(0).integers(0, 99, (40, 2, 6, 6)).astype(np.uint16)
    # A sum is the same however the crop lies; a corner is one of four, each in two views.
    assert orientation_share(lambda x: x.sum(axis=(2, 3)), crops) == 0
    corners = crops[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].astype(float)
    between = corners.mean(axis=2).var(axis=0)
    within = corners.var(axis=2).mean(axis=0)
    expected = within.sum() / (within + between).sum()
    found = orientation_share(lambda x: x[:, :, 0, 0].astype(float), crops)
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_curve_counts_the_phantoms_on_which_training_pays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [(7, 0.70, 0.03, 0.01), (8, 0.72, 0.01, -0.01), (9, 0.74, -0.01, -0.03)]
    for phantom, auc, gain, low in lines:
        with (tmp_path / f"{phantom}.csv").open("w") as file:
            file.write(f"{phantom},400,16,up,linear,{auc},{gain},{low},0.09,5,cpu\n")
    curve.table(sorted(tmp_path.iterdir()))
    assert capsys.readouterr().out.splitlines()[-1] == (
        "| 400 | 16 | up | linear | 3 | 0.720 | +0.010 | 0.050 | 1 of 3 | x 51.1 |"
    )


def test_a_budget_is_steps_and_crops() -> None:
    settings = curve.with_budget(MAESettings(), 12, 64)
    assert (settings.training.steps, settings.training.micro_batch) == (12, 64)
    assert settings.model == MAESettings().model
