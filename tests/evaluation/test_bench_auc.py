"""benchmarks/scale/auc: both sides give the same AUCs; the kept figures reach what is asked."""

from __future__ import annotations

import json

import pytest
from benchmarks.scale import auc


def test_a_small_run_compares_every_auc(capsys: pytest.CaptureFixture[str]) -> None:
    auc.measure(targets=2, peer_targets=1, peer_draws=2, keep=False)
    record = json.loads(capsys.readouterr().out)
    assert record["largest_difference"] < 1e-12
    assert record.keys() == json.loads(auc.RESULTS.read_text(encoding="utf-8")).keys()


def test_the_kept_figures_reach_the_bar() -> None:
    record = json.loads(auc.RESULTS.read_text(encoding="utf-8"))
    assert (record["rows"], record["targets"]) == (10_000, 6782)
    assert record["largest_difference"] < 1e-12
    assert record["times"]["all"] >= 20
