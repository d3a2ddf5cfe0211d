"""What ``dvc plots`` draws: values by hand, few lines, and columns that the templates ask for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.pipeline.stages import all_stages
from phenoprot.report.files import COUNTS, DOSES, TARGETS
from phenoprot.report.plotted import MOST_TARGETS, write_plotted
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

from .toy import FILES, SERIES, write

TEMPLATES = Path(__file__).parents[2] / ".dvc/plots"


def tables(results: ScreenResults, folder: Path, n: int = 3) -> dict[str, pd.DataFrame]:
    """All tables of a screen whose targets have the AUC 0.4, ..., 0.9, one of them none."""
    auc = [*np.linspace(0.4, 0.9, n), np.nan]
    table = pd.DataFrame({"Target": [f"p{i:03d}" for i in range(n + 1)], "auc": auc})
    for part, rows in results.parts.items():
        for row in rows:
            (folder / part).mkdir(parents=True, exist_ok=True)
            table.to_parquet(folder / part / f"{row}.parquet")
    write_plotted(results, folder, folder)
    return {name: pd.read_csv(folder / name) for name in (DOSES, TARGETS, COUNTS)}


def test_targets_are_sorted(metrics: ScreenResults, tmp_path: Path) -> None:
    found = tables(metrics, tmp_path / "scores")[TARGETS]
    up = found[(found["task"] == "UP") & (found["row"] == "cellprofiler")]
    assert up[["rank", "target", "auc"]].to_numpy().tolist() == [
        [1, "p002", 0.9],
        [2, "p001", 0.65],
        [3, "p000", 0.4],
    ]
    # No levels, which have no AUC; rows in the order of params.yaml, six at most.
    assert found["task"].unique().tolist() == ["UP", "DOWN", "targets"]
    assert found.loc[found["task"] == "UP", "row"].unique().tolist() == [
        *("cellprofiler", "linear", "cell_count", "shuffled"),
    ]


def test_of_many_targets_some_stand_for_all(metrics: ScreenResults, tmp_path: Path) -> None:
    found = tables(metrics, tmp_path / "scores", n=7001)[TARGETS]
    one = found[(found["task"] == "UP") & (found["row"] == "linear")]
    assert len(one) == MOST_TARGETS
    assert one["rank"].iloc[[0, -1]].tolist() == [1, 7001]
    assert set(one["rank"].diff().dropna()) <= {70, 71}
    expected = 0.9 - (one["rank"] - 1) / 7000 * 0.5
    assert one["auc"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def test_counts_stand_beside_chance(metrics: ScreenResults, tmp_path: Path) -> None:
    found = tables(metrics, tmp_path / "scores")[COUNTS].set_index(["task", "row", "threshold"])
    # toy.auc: 20 of 41 targets at 0.6, 2.25 by chance.
    assert found.loc[("UP", "cellprofiler", 0.6)].tolist() == pytest.approx(
        [100 * 20 / 41, 100 * 2.25 / 41], abs=1e-5
    )
    assert found.loc[("regression", "cellprofiler", 0.2)].tolist() == pytest.approx(
        [6.842105, 100 * 1.25 / 190], abs=1e-5
    )


def test_scores_by_dose(tmp_path: Path) -> None:
    results = read_metrics(write(tmp_path / "toy", FILES | SERIES))
    found = tables(results, tmp_path / "scores")[DOSES]
    assert found.to_csv(index=False).splitlines() == [
        "task,row,concentration,mean_auc",
        "UP,cellprofiler,0.05,0.62",
        "UP,cellprofiler,2.5,0.74",
        "UP,cellprofiler,10.0,0.93",
        "UP,cell_count,10.0,0.73",
    ]


def test_a_screen_without_rows_has_headers_alone(metrics: ScreenResults, tmp_path: Path) -> None:
    for part in metrics.parts:
        metrics.parts[part].clear()
    assert all(found.empty for found in tables(metrics, tmp_path).values())


def test_the_templates_ask_for_columns_that_there_are(
    metrics: ScreenResults, tmp_path: Path
) -> None:
    found = tables(metrics, tmp_path / "scores")
    report = next(stage for stage in all_stages() if stage.name == "report")
    assert report.plots.keys() == found.keys()
    for name, how in report.plots.items():
        template = json.loads((TEMPLATES / f"{how['template']}.json").read_text())
        asked = {how["x"], how["y"], *template["data"]["format"]["parse"]}
        asked |= {*_fields(template)} - {"rev", "<DVC_METRIC_X>", "<DVC_METRIC_Y>"}
        assert asked <= set(found[name].columns)


def _fields(spec: object) -> list[str]:
    """All fields that a chart names."""
    if isinstance(spec, list):
        return [field for item in spec for field in _fields(item)]
    if not isinstance(spec, dict):
        return []
    own = [spec["field"]] if isinstance(spec.get("field"), str) else []
    return own + [field for value in spec.values() for field in _fields(value)]


def test_a_table_that_nobody_reads_by_hand_is_small(metrics: ScreenResults, tmp_path: Path) -> None:
    """A full screen's goes into git."""
    tables(metrics, tmp_path / "scores", n=7001)
    sizes = {name: len((tmp_path / "scores" / name).read_bytes()) for name in (TARGETS, COUNTS)}
    assert max(sizes.values()) < 200_000, sizes
