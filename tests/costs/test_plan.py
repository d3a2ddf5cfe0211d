"""What a run is expected to cost: sums worked out by hand, and the runs that were measured."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.scale.rates import (
    HELD_OUT,
    HELD_OUT_END,
    PAGE,
    TOLD,
    TOLD_IN,
    Measured,
    expected,
    fitted,
    fitted_line,
    held_out,
    held_out_lines,
    measured_runs,
    merged,
    parallel_share,
    start_seconds,
)
from benchmarks.stages import Stage
from typer.testing import CliRunner

from phenoprot.cli import app
from phenoprot.core.errors import UserError
from phenoprot.costs.cli import duration, gib, table
from phenoprot.costs.plan import FULL, Cost, Total, Workers, cost, costs, screen_named, total
from phenoprot.costs.rates import Line, Rates, StageRates, read_rates
from phenoprot.costs.sizes import full_sizes, phantom_sizes, sizes_of
from phenoprot.costs.work import UNITS, Work, work_of
from phenoprot.phantom.full import FullSettings, simulate_full
from phenoprot.pipeline.params import Params, load_params
from phenoprot.pipeline.stages import stages_of

ROOT = Path(__file__).parents[2]
SMALL = 10.0
"""Seconds below which a factor says little: the difference is held to half as many."""


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


RATES = Rates(
    machine="a machine",
    start=5.0,
    stages={
        "curves": StageRates(
            seconds=Line(base=2.0, per={"curves": 10.0}),
            parallel=0.75,
            memory=Line(base=100.0, per={"curves": 50.0}),
            disk=Line(per={"curves": 7.0}),
            gpu_seconds=Line(per={"curves": 1.0}),
            sources=["a run"],
        ),
    },
)
CURVES = Work({"curves": 3e6}, shards=8)
"""32 s of one core."""


@pytest.mark.parametrize(
    ("at", "seconds", "memory"),
    [
        (Workers(1), 5 + 32, 250),
        # 8 s of them by one process, 24 by four; these hold 250 bytes each, and the starter too
        (Workers(4), 5 + 8 + 24 / 4, 1250),
        # there are no more shards than 8
        (Workers(100), 5 + 8 + 24 / 8, 2250),
        (Workers(4, gpus=2), 5 + 3 / 2, 1250),
    ],
)
def test_a_cost_worked_out_by_hand(at: Workers, seconds: float, memory: float) -> None:
    found = cost("curves", CURVES, RATES, at)
    assert found == Cost("curves", 8, seconds, 250, memory, 21)


def test_what_was_not_measured_is_not_guessed() -> None:
    assert cost("segment", Work({"pixels": 1e6}), RATES, Workers(2)).seconds is None
    unknown = cost("curves", Work({"curves": 1e6, "readout": 1e6}), RATES, Workers(2))
    assert unknown.seconds is unknown.process_bytes is None
    assert cost("curves", Work({"readout": 0.0}), RATES, Workers(1)).seconds == 5 + 2
    known = cost("curves", CURVES, RATES, Workers(1))
    one = {"seconds": 1, "process_bytes": 1, "memory_bytes": 1, "disk_bytes": 1}
    assert total([known, unknown]) == Total("all", 9, 37, 250, 250, 21, unknown=one)
    nothing = dict.fromkeys(one, 0)
    assert total([known, known]) == Total("all", 16, 74, 250, 250, 42, unknown=nothing)
    assert total([unknown]).seconds is None
    printed = table("mine", [[known, unknown]], [Workers(1)], "a machine")
    assert printed.rows[1][2] == "-"
    assert printed.rows[2][2].startswith("at least 37 s")
    assert "At least: the time of 1 of 2 stages is not known." in printed.notes
    whole = table("mine", [[known, known]], [Workers(1)], "a machine")
    assert whole.rows[2][2] == "74 s"


def test_far_more_work_than_was_measured() -> None:
    """Up to twice as much is told, and beyond it no memory, and of the time that it is rough."""
    own = RATES.stages["curves"]
    small = Line(per={"curves": 10.0}, most={"curves": 1e6})
    held = Line(base=100.0, per={"curves": 0.0}, most={"curves": 1e6})
    stages = {"curves": own.model_copy(update={"seconds": small, "memory": held})}
    rates = RATES.model_copy(update={"stages": stages})
    within = cost("curves", Work({"curves": 2e6}), rates, Workers(1))
    assert (within.seconds, within.process_bytes, within.beyond) == (25, 100, False)
    far = cost("curves", Work({"curves": 2.1e6}), rates, Workers(1))
    assert (far.seconds, far.process_bytes, far.memory_bytes, far.beyond) == (26, None, None, True)
    # a rate of a GPU has limits of its own
    assert not cost("curves", Work({"curves": 2.1e6}), rates, Workers(1, gpus=1)).beyond
    printed = table("mine", [[far]], [Workers(1)], "a machine")
    assert printed.rows[0][2:4] == ["26 s?", "-"]
    assert any(note.startswith("?: more than 2 times") for note in printed.notes)


def test_rates_are_found_again_in_what_they_give() -> None:
    runs = [
        Measured(
            run=str(n),
            stage="curves",
            work=Work({"curves": n * 1e6}, shards=8),
            cores=2,
            seconds=(2 + 10 * n) * (0.25 + 0.75 / 2),
            cpu_seconds=2.0 + 10 * n,
            peak_bytes=2**20 * (100 + 50 * n),
            disk_bytes=None,
        )
        for n in (1, 2, 5)
    ]
    assert parallel_share("curves", runs) == pytest.approx(0.75)
    own = fitted(runs, "a machine", 5.0).stages["curves"]
    assert own.seconds.base == pytest.approx(2, rel=1e-3)
    assert own.seconds.per == {"curves": pytest.approx(10, rel=1e-3)}
    assert own.parallel == 0.75
    assert own.memory is not None
    assert own.memory.base == pytest.approx(100 * 2**20, rel=1e-3)
    assert own.disk is None
    for run in runs:
        seconds, peak = expected(run, fitted(runs, "a machine", 5.0))
        assert seconds == pytest.approx(run.seconds, rel=1e-3)
        assert peak == pytest.approx(run.peak_bytes, rel=1e-3)
    # one run tells a rate, and no constant
    told = Line(per={"curves": 4.0}, most={"curves": 2e6})
    assert fitted_line([{"curves": 2e6}], [8.0]) == told


def test_memory_has_a_constant_however_few_the_runs() -> None:
    """Two runs of two units: the one that differs more between them has a rate."""
    amounts = [{"profiles": 1e6, "treatments": 10.0}, {"profiles": 3e6, "treatments": 12.0}]
    line = fitted_line(amounts, [120.0, 160.0], 1, constant=True)
    assert line.base == pytest.approx(100, rel=1e-3)
    assert line.per == {"profiles": pytest.approx(20, rel=1e-3), "treatments": 0.0}
    assert line.most == {"profiles": 3e6, "treatments": 12.0}


def within_twice(run: Measured, rates: Rates) -> bool:
    seconds, _ = expected(run, rates)
    assert run.seconds is not None
    assert seconds is not None
    if max(seconds, run.seconds) < SMALL:
        return abs(seconds - run.seconds) < SMALL / 2
    return run.seconds / 2 <= seconds <= run.seconds * 2


def test_the_runs_that_were_measured() -> None:
    """Within a factor of 2, in time and in memory."""
    runs, rates = measured_runs(), read_rates()
    sources = {"default run", "benchmarks.scale.run", TOLD_IN}
    assert {run.run.partition(",")[0] for run in runs} == sources
    far = [run for run in runs if run.seconds is not None and not within_twice(run, rates)]
    assert far == []
    for run in runs:
        _, peak = expected(run, rates)
        if run.peak_bytes is not None and run.seconds is not None and peak is not None:
            assert run.peak_bytes / 2 <= peak <= run.peak_bytes * 2, (run, peak)


def test_the_largest_screen_of_tables_is_told_from_the_smaller_ones() -> None:
    """Times to a factor of 2, memory to one of 2.5. The page has both."""
    runs = measured_runs()
    found = held_out(runs)
    assert {run.run for run, *_ in found} == {
        "benchmarks.scale.run, 2000 compounds, 7000 proteins, 4459 features, 2 cores"
    }
    assert {run.stage for run, *_ in found} == {
        *("validate", "curves", "labels", "check_labels", "profiles"),
        *("predict-classification", "predict-regression", "choose", "evaluate"),
    }
    for run, seconds, peak in found:
        assert run.seconds is not None
        assert run.peak_bytes is not None
        assert run.seconds / 2 <= seconds <= max(run.seconds * 2, SMALL / 2), run
        assert run.peak_bytes / 2.5 <= peak <= run.peak_bytes * 2.5, run
    text = PAGE.read_text(encoding="utf-8").split(HELD_OUT)[1].split(HELD_OUT_END)[0].strip()
    assert text == held_out_lines(runs)


def test_the_rates_are_those_of_the_committed_runs() -> None:
    kept = json.loads((ROOT / "benchmarks/scale/default_run.json").read_text())
    rates = read_rates()
    assert fitted(measured_runs(), kept["machine"], start_seconds(kept["stages"])) == rates
    for own in rates.stages.values():
        for unit in own.seconds.per:
            assert re.sub(r"(pixels|folds|products|labels|systems|steps|outputs) of (?!a field).*",
                          lambda found: f"{found[1]} of METHOD" if found[1] == "pixels"
                          else f"{found[1]} of MODEL", unit) in UNITS  # fmt: skip


def test_a_gpu_trains_the_autoencoder_alone() -> None:
    on_gpu = {name for name, own in read_rates().stages.items() if own.gpu_seconds is not None}
    assert on_gpu == {"mae"}
    work = Work({"crops": 64_000.0})
    at = [cost("mae", work, read_rates(), Workers(2, gpus)).seconds or 0.0 for gpus in (0, 1)]
    assert at[1] == pytest.approx(read_rates().start + 0.043 * 1000, abs=0.1)
    assert at[1] < at[0]


def test_stages_that_a_log_lacks_are_those_of_the_page(params: Params) -> None:
    """Kept ones stay; those of a log take their place."""
    text = (ROOT / TOLD_IN.partition(":")[0]).read_text(encoding="utf-8")
    (seconds, _), (_, parts) = TOLD["mae-phantom"], TOLD["features-phantom"]
    assert f"| phantom: training of the autoencoder | {seconds:g} |" in text
    of = "dino / mae-untrained / mae / cloome / cellprofiler"
    assert f"| phantom: features of {of} | {' / '.join(map(str, parts.values()))} |" in text
    only = params.model_copy(update={"screens": {"phantom": params.screens["phantom"]}})
    found = merged({"segment-phantom": {"seconds": 9.0}}, [], only)
    assert found["segment-phantom"] == {"seconds": 9.0}
    assert found["mae-phantom"]["source"] == TOLD_IN
    found = merged(found, [Stage("mae-phantom", 300.0)], only)
    assert found["mae-phantom"]["seconds"] == 300
    assert "source" not in merged(found, [], only)["mae-phantom"]


def test_sizes_of_a_folder_are_those_that_were_asked_for(tmp_path: Path) -> None:
    settings = FullSettings(compounds=20, proteins=30, features=12, replicates=2)
    simulate_full(settings, tmp_path / "small")
    found, told = sizes_of("small", tmp_path / "small"), full_sizes(settings)
    assert found == told.model_copy(update={"targets": found.targets})
    assert (found.wells, found.treatments, found.compounds) == (248, 100, 20)
    assert found.readout_values == 248 * 30
    assert found.contents.levels
    assert not found.contents.images


def test_sizes_of_the_phantom(params: Params) -> None:
    sizes = phantom_sizes(params.phantom)
    assert (sizes.wells, sizes.treatments, sizes.fields, sizes.plate_rows) == (1152, 360, 384, 16)
    assert sizes.fields * sizes.stains * sizes.field_pixels == 384 * 5 * 360**2


def test_work_worked_out_by_hand(params: Params) -> None:
    screen = screen_named(FULL, params)
    assert work_of("curves", screen).amounts == {"curves": 14e6, "readout": 10_672 * 7000}
    # 74.7 million values in blocks of 1.5 million
    assert work_of("curves", screen).shards == 50
    predict = work_of("predict-regression", screen)
    repeats = params.tasks.splits.repeats
    assert predict.shards == 2 * repeats
    assert predict.amounts["labels of linear"] == repeats * 10_000 * 7000
    assert predict.memory == {
        **{"largest": 70e6, "columns": 7000.0, "inputs": 10_000 * 4459, "torch": 1.0}
    }
    # three networks, and three inner splits of two weight decays: 9 of 80 steps, in five folds
    assert predict.amounts["steps of mlp"] == repeats * 5 * (3 + 3 * 2) * 80
    evaluate = work_of("evaluate", screen)
    assert evaluate.amounts["results"] == 3 * (2 + 1) + 3


def test_the_work_of_a_stack(params: Params) -> None:
    """Each of two rows once more a repeat, with a fit for each two of 5 folds."""
    screen = screen_named(FULL, params)
    linear = screen.rows["simulated_linear"]
    rows = {"one": linear, "other": linear.model_copy(update={"leak_gauge": True})}
    fused = {"of": ["one", "other"], "by": "stack"}
    asked = {"tasks": ["targets"], "fusion": fused}
    stack = type(linear).model_validate(asked)
    mean = type(linear).model_validate({**asked, "fusion": {**fused, "by": "mean"}})
    repeats = params.tasks.splits.repeats
    plain, averaged, stacked = (
        work_of("predict-targets", replace(screen, rows={**rows, **more}))
        for more in ({}, {"mean": mean}, {"stack": stack})
    )
    assert plain == averaged
    assert plain.amounts["folds of linear"] == repeats * 3 * 5
    assert (plain.shards, stacked.shards) == (repeats * 3, repeats * 5)
    more = stacked.amounts["folds of linear"] - plain.amounts["folds of linear"]
    assert more == repeats * 2 * 5 * 4 / 2
    assert stacked.made is not None
    assert plain.made is not None
    columns = screen.sizes.columns_of("targets")
    values = repeats * screen.sizes.treatments * columns
    assert stacked.made["predictions"] - plain.made["predictions"] == 2 * 4 * values
    other = work_of("predict-classification", replace(screen, rows={**rows, "stack": stack}))
    assert other == work_of("predict-classification", replace(screen, rows=rows))


def test_every_stage_of_every_screen_has_its_work(params: Params) -> None:
    for name in [*params.screens, FULL]:
        screen = screen_named(name, params)
        found = costs(screen, read_rates(), Workers(2))
        stages = stages_of(screen.name, screen.sizes.contents, screen.rows.values())
        assert [one.stage for one in found] == [stage.name for stage in stages]
        assert all(one.shards >= 1 for one in found)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["plan", *arguments])
        if result.exception is not None:
            raise result.exception
        return result.stdout

    return run


def test_the_command_prints_both_places(planned: Callable[..., str]) -> None:
    records = json.loads(planned("full", "--workers", "64", "--gpus", "2", "--format", "json"))
    curves = {r["workers"]: r for r in records if r["stage"] == "curves"}
    assert len(curves) == 2
    assert curves[64]["seconds"] < curves[min(curves)]["seconds"]
    assert {r["gpus"] for r in records} == {0, 2}
    text = planned("full", "--workers", "64", "--format", "md")
    assert "### full: expected cost" in text
    assert re.search(r"\| curves \| 50 \| \d+ min \| [\d.]+ GiB \| \d+ min \|", text)
    assert planned("full", "--format", "csv").startswith("screen,workers,gpus,stage,shards,")
    assert "comas: expected cost" in planned("comas")


def test_another_screen_is_refused(planned: Callable[..., str]) -> None:
    with pytest.raises(UserError, match=r"params\.yaml: no screen 'nowhere'; there are: "):
        planned("nowhere")


def test_figures_for_people() -> None:
    assert [duration(s) for s in (None, 4.4, 600, 7200 * 2)] == ["-", "4 s", "10 min", "4.0 h"]
    assert [gib(b) for b in (None, 2**29)] == ["-", "0.50 GiB"]


def test_a_run_far_from_its_rates_is_seen() -> None:
    """The check above can fail."""
    run = next(r for r in measured_runs() if r.stage == "curves" and (r.seconds or 0) > SMALL)
    assert not within_twice(replace(run, seconds=(run.seconds or 0) * 3), read_rates())
