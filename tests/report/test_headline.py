"""DVC's metrics of a screen: few, by hand what they say, and the same as the tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from phenoprot.evaluation.results import Ceiling, Estimate, LeakGauge, RowResult
from phenoprot.report.headline import headline
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

SCREENS = sorted(path.parent for path in Path("metrics").glob("*/provenance.json"))


def test_the_first_row_by_part_and_over_its_first_task(metrics: ScreenResults) -> None:
    # By hand, of toy.FILES: 0.7138 - 0.6284 and 0.4857 - 0.5472, on average; 41 targets each.
    assert headline(metrics) == {
        "toy": {
            "up": 0.7138,
            "down": 0.4857,
            "regression": -0.0184,
            "targets": 0.5829,
            "over_baseline": pytest.approx((0.0854 - 0.0615) / 2, abs=1e-6),
            "n_targets": 82,
        }
    }


def test_ceiling_and_leak(metrics: ScreenResults) -> None:
    up, down = (metrics.parts[f"classification/{way}"] for way in ("up", "down"))
    for rows, share, gap in ((up, 0.4, 0.02), (down, 0.1, -0.03)):
        rows["cellprofiler"] = rows["cellprofiler"].model_copy(
            update={
                "ceiling": Ceiling(value=0.9, n=41, share=share),
                "leak": LeakGauge(score="auc", gap=Estimate(value=gap), n_doses=5),
            }
        )
    found = headline(metrics)["toy"]
    assert found["of_ceiling"] == pytest.approx(0.25)
    assert found["leak"] == 0.02


def test_what_is_not_there_is_left_out(metrics: ScreenResults) -> None:
    none: dict[str, dict[str, RowResult]] = {part: {} for part in metrics.parts}
    assert headline(replace(metrics, parts=none)) == {"toy": {}}
    alone = none | {"targets": metrics.parts["targets"]}
    assert headline(replace(metrics, parts=alone)) == {"toy": {"targets": 0.5829, "n_targets": 57}}


@pytest.mark.parametrize("folder", SCREENS, ids=lambda folder: folder.name)
def test_the_committed_ones_are_few(folder: Path) -> None:
    results = read_metrics(folder)
    found = headline(results)[folder.name]
    assert 4 <= len(found) <= 8
    assert found["up"] == results.parts["classification/up"][results.provenance.rows[0]].means[
        "auc"
    ].value  # fmt: skip
