"""The table of docs/scaling.md is made from the kept figures."""

from __future__ import annotations

import json

from benchmarks.scale.run import END, PAGE, RESULTS, START, STEPS, lines


def test_the_table_is_that_of_the_kept_figures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text.split(START)[1].split(END)[0].strip()
    assert table == lines(json.loads(RESULTS.read_text()))


def test_a_table_of_known_figures() -> None:
    figures = {"seconds": 60.4, "cpu_seconds": 1, "peak_bytes": 2**29, "worker_peak_bytes": 2**30}
    kept = {
        share: {"compounds": compounds, "cores": 2, "steps": dict.fromkeys(STEPS, figures)}
        for share, compounds in {"1": 2000, "0.1": 200}.items()
    }
    rows = [row.strip("| ").split(" | ") for row in lines(kept).splitlines()]
    assert rows[0] == ["stage", "200 compounds, 2 cores", "2,000 compounds, 2 cores"]
    assert rows[2] == ["simulate", *["60 s (1 of CPU), 1.00 GiB"] * 2]
    assert rows[-1] == ["validate to check_labels", *["302 s (5 of CPU)"] * 2]
