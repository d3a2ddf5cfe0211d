"""The tables of docs/scaling.md are made from the kept figures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from benchmarks.scale.run import (
    MODEL_STEPS,
    PAGE,
    RESULTS,
    STEPS,
    TABLES,
    lines,
    with_tables,
)

from phenoprot.core.errors import UserError

FIGURES = {
    "seconds": 60.4,
    "cpu_seconds": 1,
    "peak_bytes": 2**29,
    "worker_peak_bytes": 2**30,
    "together_bytes": 3 * 2**29,
}


def run(**sizes: Any) -> dict[str, Any]:
    return {
        **{"compounds": 200, "proteins": 7000, "features": 4459, "cores": 2, "idle": True, **sizes},
        "steps": dict.fromkeys(STEPS, FIGURES),
        "models": {"rows": {}, "steps": dict.fromkeys(MODEL_STEPS, FIGURES)},
    }


def cells(kept: dict[str, Any], marker: str) -> list[list[str]]:
    table = next(table for table in TABLES if table.marker == marker)
    return [row.strip("| ").split(" | ") for row in lines(kept, table).splitlines()]


def test_the_tables_are_those_of_the_kept_figures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text, json.loads(RESULTS.read_text())) == text


def test_growth_is_shown_by_three_sizes() -> None:
    kept = json.loads(RESULTS.read_text())
    for part in ("steps", "models"):
        assert len(cells(kept, f"{part} by proteins")[0]) == 4
    assert cells(kept, "steps by compounds")[0][1:] == [
        *("200 compounds", "666 compounds", "2,000 compounds")
    ]


def test_a_table_of_known_figures() -> None:
    kept = {"large": run(compounds=2000), "small": run(), "one core": run(cores=1)}
    rows = cells(kept, "steps by compounds")
    assert rows[0] == ["stage", "200 compounds", "2,000 compounds"]
    assert rows[2] == ["simulate", *["60 s (1 of CPU), 1.00 GiB"] * 2]
    assert rows[-1] == ["validate to check_labels", *["302 s (5 of CPU), 1.00 GiB"] * 2]
    rows = cells(kept, "models by compounds")
    assert [row[0] for row in rows[2:]] == [*MODEL_STEPS, "profiles to evaluate"]
    assert rows[-1][1:] == ["302 s (5 of CPU), 1.50 GiB"] * 2


def test_beside_other_work_the_processor_time_counts() -> None:
    rows = cells({"small": run(idle=False)}, "steps by compounds")
    assert rows[-1][1:] == ["5 s of CPU, 1.00 GiB"]


def test_a_step_that_has_not_run_has_a_dash() -> None:
    one = run()
    one["models"]["steps"] = {MODEL_STEPS[0]: FIGURES}
    rows = cells({"small": one}, "models by compounds")
    assert [row[1] for row in rows[2:]] == ["60 s (1 of CPU), 1.50 GiB", *"-" * len(MODEL_STEPS)]


def test_a_run_without_models_has_no_column_there() -> None:
    kept = {"large": run(compounds=2000), "small": run()}
    del kept["small"]["models"]
    assert cells(kept, "models by compounds")[0] == ["stage", "2,000 compounds"]


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(UserError, match="<!-- steps by compounds -->"):
        with_tables("no markers", {})
