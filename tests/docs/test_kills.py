"""Kills of the curves stage: what is counted, and a small screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.scale.kills import RESULTS, Course, finished, trial, verdict

from phenoprot.core.paths import WORK
from phenoprot.execution.shards import MANIFEST
from phenoprot.phantom.full import FullSettings, simulate_full

PAGE = Path(__file__).parents[2] / "docs/scaling.md"


def test_the_page_tells_what_the_kills_at_full_size_left() -> None:
    record = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert record["screen"]["curves"] == 14_000_000
    assert record["kills"] == len(record["moments"]) == 20
    assert record["same_bytes"]
    assert record["fitted_again_for_no_reason"] == []
    more = record["shards_begun"] - record["shards"]
    assert more <= record["shards_at_work_when_killed"]
    plain, killed = record["seconds_undisturbed"], record["seconds_with_kills"]
    text = " ".join(PAGE.read_text(encoding="utf-8").split("## Killed")[1].split())
    assert f"Of {record['shards']} shards" in text
    assert f"{record['shards_begun']} were begun: the {more} more" in text
    assert f"took {plain:,.0f} s undisturbed and {killed:,.0f} s with the kills" in text


def test_a_shard_is_begun_again_only_if_a_kill_found_it_at_work() -> None:
    begun = ["A", "B", "A", "C", "D", "C", "C"]
    found = verdict(begun, [["A"], [], ["C", "D"]])
    assert found == {
        "shards": 4,
        "shards_begun": 7,
        "shards_at_work_when_killed": 3,
        "most_at_work_at_a_kill": 2,
        "fitted_again_for_no_reason": ["C"],
    }


def test_a_shard_is_finished_once_it_has_its_name(tmp_path: Path) -> None:
    for name in ("A+to+B", ".C+to+D.0123456789ab.partial", "E+to+F"):
        folder = tmp_path / WORK / "curves/key" / name
        folder.mkdir(parents=True)
        if not name.startswith("E"):
            (folder / MANIFEST).touch()
    assert finished(tmp_path) == {"A+to+B"}
    assert finished(tmp_path / "none") == set()


@pytest.mark.slow
def test_a_small_screen(tmp_path: Path) -> None:
    settings = FullSettings(compounds=20, proteins=60, features=3)
    simulate_full(settings, tmp_path / "small")

    def moments(course: Course) -> list[float]:
        """Before a shard, and when half of them are finished, however fast the other run is."""
        return [course.first / 2, course.ends[4]]

    record = trial(tmp_path / "small", tmp_path / "runs", moments, block=1500)
    assert record["same_bytes"]
    assert record["fitted_again_for_no_reason"] == []
    assert record["kills"] == 2
    assert record["shards"] == 10
    assert record["screen"]["curves"] == 1200
