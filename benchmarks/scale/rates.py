"""The rates that ``phenoprot plan`` goes by, from measured runs.

``python -m benchmarks.scale.rates keep .phenoprot/stages.log`` writes down a default run of
``python -m benchmarks.stages`` and the work that its stages had, in
``benchmarks/scale/default_run.json``, beside the stages that were kept before; run it in the folder
of that run. ``... fit`` makes ``src/phenoprot/costs/rates.json`` from it and from ``results.json``,
the runs of ``benchmarks.scale.run``; ``... check`` prints what the rates expect beside what was
measured, and ``... page`` writes to docs/scaling.md what the smaller runs expect of the largest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402
import typer  # noqa: E402
from benchmarks.stages import BEFORE, LOG, Stage, read_log, times  # noqa: E402
from scipy.optimize import nnls  # noqa: E402

from phenoprot.core.errors import UserError  # noqa: E402
from phenoprot.core.files import write_json  # noqa: E402
from phenoprot.core.notices import errors_in_one_line  # noqa: E402
from phenoprot.core.paths import Paths  # noqa: E402
from phenoprot.costs.plan import Workers, cost, rated, screen_named, two_rows  # noqa: E402
from phenoprot.costs.rates import RATES, Line, Rates, StageRates, counted  # noqa: E402
from phenoprot.costs.sizes import full_sizes  # noqa: E402
from phenoprot.costs.work import Screen, Work, work_of  # noqa: E402
from phenoprot.execution.settings import cores  # noqa: E402
from phenoprot.phantom.full import METHOD, FullSettings  # noqa: E402
from phenoprot.pipeline.params import Params, load_params  # noqa: E402
from phenoprot.pipeline.stages import stages_of  # noqa: E402
from phenoprot.tasks.settings import RowSettings  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
DEFAULT_RUN = Path(__file__).with_name("default_run.json")
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs/scaling.md"
HELD_OUT, HELD_OUT_END = "<!-- held out -->", "<!-- held out: end -->"
NOTHING = "splits"
"""Stage that computes next to nothing in the shipped screens: its time is that of any start."""
SHARDED = (
    *("simulate", "images", "segment", "crops", "features", "predict", "evaluate"),
    "contributions",
)
"""Stages whose work is all in shards but for reading and joining."""
IN_SHARDS = 0.9
"""Share of the work in shards of such a stage, where no run has measured the processor time."""
ON_GPU = {
    "mae": (
        Line(per={"crops": 672.0}),
        "docs/notes/mae.md: 64 crops in 43 ms on an NVIDIA H100 that five processes shared",
    ),
}
"""Rates on one GPU, of runs that are told of elsewhere."""
TOLD: dict[str, tuple[float | None, dict[str, int]]] = {
    "mae-phantom": (290.0, {}),
    "features-phantom": (
        None,
        {
            "phantom dino-untrained": 72,
            "phantom mae-untrained": 69,
            "phantom mae": 63,
            "phantom cloome-untrained": 38,
            "phantom cellprofiler": 29,
        },
    ),
}
"""Seconds of stages that the log of a default run may lack, as :data:`TOLD_IN` tells them: of a
stage, and of its parts."""
TOLD_IN = "docs/notes/time.md: an earlier run"
SMALLEST = 1.0
"""Seconds, MiB: below, an error counts as if the figure were so large."""


@dataclass(frozen=True)
class Measured:
    """One stage of one run."""

    run: str
    stage: str
    work: Work
    cores: int
    seconds: float | None
    """Wall time, the start aside."""
    cpu_seconds: float | None
    peak_bytes: float | None
    disk_bytes: float | None


@app.command()
def keep(
    log: Annotated[Path, typer.Argument(help="Log of python -m benchmarks.stages.")] = LOG,
    machine: Annotated[str, typer.Option(help="Processor, in words.")] = "2 cores of an AMD EPYC",
) -> None:
    """Write down the times of a default run, and the work of each stage.

    Stages that are kept and that the run left out stay.
    """
    with errors_in_one_line("rates"):
        params = load_params()
        record: dict[str, Any] = {"machine": machine, "cores": cores(), "stages": {}}
        if DEFAULT_RUN.is_file():
            kept = json.loads(DEFAULT_RUN.read_text(encoding="utf-8"))
            if (kept["machine"], kept["cores"]) != (machine, cores()):
                raise UserError(
                    f"its stages ran on {kept['machine']} ({kept['cores']} cores), this run on "
                    f"{machine} ({cores()})",
                    where=str(DEFAULT_RUN),
                    remedy="Remove it first.",
                )
            record = kept
        stages = merged(record["stages"], times(read_log(log)), params)
        write_json(DEFAULT_RUN, {**record, "stages": stages})
        print(f"{DEFAULT_RUN.name}: {len(stages)} stages")


def merged(kept: Mapping[str, Any], log: Iterable[Stage], params: Params) -> dict[str, Any]:
    """Kept stages, those of a log in place of their like, and :data:`TOLD` where there is none."""
    stages, screens = dict(kept), {name: screen_named(name, params) for name in params.screens}
    for one in log:
        name, _, screen = one.name.rpartition("-")
        if one.name == BEFORE or screen not in screens:
            continue
        stages[one.name] = _work(name, screens[screen]) | {
            "seconds": round(one.seconds, 1),
            "cpu_seconds": one.cpu_seconds,
            "peak_bytes": one.peak_bytes,
            "disk_bytes": _made(name, screens[screen]),
            "parts": one.parts if name == "features" else {},
        }
    for key, (seconds, parts) in TOLD.items():
        name, _, screen = key.rpartition("-")
        if "source" in stages.get(key, {"source": TOLD_IN}):
            unknown = dict.fromkeys(("cpu_seconds", "peak_bytes", "disk_bytes"))
            told = {"seconds": seconds, "parts": parts, "source": TOLD_IN, **unknown}
            stages[key] = _work(name, screens[screen]) | told
    return stages


def _work(name: str, screen: Screen) -> dict[str, Any]:
    """Work of a stage of a screen, as it is kept."""
    work = work_of(name, screen)
    return {
        "amounts": _whole(work.amounts),
        "held": _whole(work.memory),
        "made": _whole(work.disk),
        "shards": work.shards,
    }


def _whole(amounts: Mapping[str, float]) -> dict[str, int]:
    return {unit: round(amount) for unit, amount in amounts.items() if amount}


def _made(name: str, screen: Screen) -> int | None:
    """Bytes of what a stage makes, as far as it is there."""
    stages = stages_of(screen.name, screen.sizes.contents, screen.rows.values())
    stage = next((stage for stage in stages if stage.name == name), None)
    places = stage.makes(Paths(screen.name)) if stage else ()
    files = [f for place in places for f in ([place] if place.is_file() else place.rglob("*"))]
    return sum(f.stat().st_size for f in files if f.is_file()) or None


def start_seconds(stages: Mapping[str, Any], kind: str = "seconds") -> float:
    """Seconds of a stage that computes nothing; `kind` ``cpu_seconds``: without those of DVC."""
    known = [s[kind] for name, s in stages.items() if name.startswith(NOTHING)]
    return median(second for second in known if second is not None) if any(known) else 0.0


def of_default_run(record: Mapping[str, Any]) -> Iterator[Measured]:
    """The stages of the default run."""
    start, cpu_start = (start_seconds(record["stages"], k) for k in ("seconds", "cpu_seconds"))
    for key, one in record["stages"].items():
        name, _, screen = key.rpartition("-")
        whole = Measured(
            run=f"{one.get('source', 'default run')}, {screen}",
            stage=name,
            work=Work(one["amounts"], one["shards"], one["held"], one["made"]),
            cores=record["cores"],
            seconds=one["seconds"] and max(0.1, one["seconds"] - start),
            cpu_seconds=one["cpu_seconds"] and max(0.1, one["cpu_seconds"] - cpu_start),
            peak_bytes=one["peak_bytes"],
            disk_bytes=one["disk_bytes"],
        )
        yield from _by_method(whole, one["parts"]) if one["parts"] else [whole]


def _by_method(whole: Measured, parts: Mapping[str, int]) -> Iterator[Measured]:
    """The features of each method, which tell their own time; memory and files are of all."""
    yield replace(whole, seconds=None, cpu_seconds=None)
    total = sum(parts.values())
    for part, seconds in parts.items():
        unit = f"pixels of {part.rpartition(' ')[2]}"
        work = replace(whole.work, amounts={unit: whole.work.amounts[unit]})
        cpu = whole.cpu_seconds and whole.cpu_seconds * seconds / total
        yield replace(
            whole, work=work, seconds=seconds, cpu_seconds=cpu, peak_bytes=None, disk_bytes=None
        )


def of_scale(results: Mapping[str, Any], params: Params) -> Iterator[Measured]:
    """The stages of the runs on screens of tables; simulating them is no stage."""
    for run, record in results.items():
        sizes = {name: record[name] for name in FullSettings.model_fields if name in record}
        models = record.get("models", {"rows": {}, "columns": {}, "steps": {}})
        rows = {
            name: RowSettings.model_validate(row) for name, row in models["rows"].items()
        } or two_rows(METHOD)
        of_screen = full_sizes(FullSettings(**sizes))
        of_screen = of_screen.model_copy(update={"label_columns": models["columns"]})
        screen = Screen("full", of_screen, rows, (), params)
        known = {stage.name for stage in stages_of("full", screen.sizes.contents, rows.values())}
        for name, step in {**record.get("steps", {}), **models["steps"]}.items():
            if name in known:
                yield Measured(
                    run=f"benchmarks.scale.run, {run}",
                    stage=name,
                    work=work_of(name, screen),
                    cores=record["cores"],
                    # Beside other work the processor time tells, the wall time does not.
                    seconds=step["seconds"] if record["idle"] else None,
                    cpu_seconds=step["cpu_seconds"],
                    peak_bytes=max(step["peak_bytes"], step["worker_peak_bytes"]),
                    disk_bytes=step.get("disk_bytes"),
                )


def measured_runs() -> list[Measured]:
    """All that was measured."""
    found: list[Measured] = []
    if DEFAULT_RUN.is_file():
        found += of_default_run(json.loads(DEFAULT_RUN.read_text(encoding="utf-8")))
    found += of_scale(
        json.loads(RESULTS.read_text(encoding="utf-8")), load_params(ROOT / "params.yaml")
    )
    return found


def parallel_share(stage: str, runs: Sequence[Measured]) -> float:
    """Share of a stage's processor time that its workers divide, from wall and processor time."""
    known = [
        (r.cpu_seconds, r.seconds, r.cores)
        for r in runs
        if r.cpu_seconds and r.seconds and r.work.shards > 1 and r.cores > 1
    ]
    total = sum(cpu for cpu, _, _ in known)
    if total < SMALLEST:
        return IN_SHARDS if stage in SHARDED else 0.0
    saved = sum((cpu - wall) * cores / (cores - 1) for cpu, wall, cores in known)
    return min(1.0, max(0.0, saved / total))


def core_seconds(run: Measured, share: float) -> float | None:
    """Processor seconds of a stage, from its wall time if they were not measured."""
    if run.cpu_seconds is not None or run.seconds is None:
        return run.cpu_seconds
    busy = min(run.cores, run.work.shards)
    return run.seconds / (1 - share + share / busy)


def fitted_line(
    amounts: Sequence[Mapping[str, float]],
    values: Sequence[float],
    spare: int = 2,
    *,
    constant: bool = False,
) -> Line:
    """Rates of the units, none below 0, of least squared relative error.

    There is a constant with as many runs more than units as `spare`, or always if `constant`: the
    memory of a process is that of its libraries first of all. With too few runs for that, the rate
    of units that differ least between them, for their size, is 0.
    """
    known = sorted({unit for one in amounts for unit, amount in one.items() if amount})
    units = known
    if constant and len(values) < len(known) + 1:
        units = sorted(sorted(known, key=lambda unit: -_spread(unit, amounts))[: len(values) - 1])
    x = np.array([[counted(unit, one.get(unit, 0.0)) for unit in units] for one in amounts])
    if constant or len(values) >= len(units) + spare or not units:
        x = np.hstack([x.reshape(len(values), -1), np.ones((len(values), 1))])
    y = np.array(values)
    scale = 1 / np.maximum(y, SMALLEST)
    found = nnls(x * scale[:, None], y * scale)[0]
    base = float(found[len(units)]) if len(found) > len(units) else 0.0
    return Line(
        base=_short(base),
        per=dict.fromkeys(known, 0.0) | {u: _short(v) for u, v in zip(units, found, strict=False)},
        most={unit: max(one.get(unit, 0.0) for one in amounts) for unit in known},
    )


def _spread(unit: str, amounts: Sequence[Mapping[str, float]]) -> float:
    """Standard deviation of the amounts of a unit, in their mean."""
    own = np.array([one.get(unit, 0.0) for one in amounts])
    return float(own.std() / own.mean())


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def fitted(runs: Sequence[Measured], machine: str, start: float) -> Rates:
    """The rates of all stages that were measured."""
    by_stage: dict[str, list[Measured]] = {}
    for run in runs:
        by_stage.setdefault(rated(run.stage), []).append(run)
    stages = {name: _of_stage(name, own) for name, own in by_stage.items()}
    return Rates(machine=machine, start=round(start, 1), stages=stages)


def _of_stage(name: str, runs: Sequence[Measured]) -> StageRates:
    share = parallel_share(name, runs)
    lines = {}
    for kind, of in (("peak_bytes", "memory"), ("disk_bytes", "disk")):
        of_choice = kind == "disk_bytes" and name == "predict"  # one small table, no predictions
        known = [
            run
            for run in runs
            if getattr(run, kind) is not None and not (of_choice and run.stage == "choose")
        ]
        mib = [getattr(run, kind) / 2**20 for run in known]
        held, constant = [getattr(run.work, of) for run in known], of == "memory"
        line = fitted_line(held, mib, 1, constant=constant) if known else None
        lines[kind] = line and Line(
            base=round(line.base * 2**20),
            per={u: round(v * 2**20) for u, v in line.per.items()},
            most=line.most,
        )
    timed = [(run.work.amounts, seconds) for run in runs if (seconds := core_seconds(run, share))]
    on_gpu, source = ON_GPU.get(name, (None, ""))
    return StageRates(
        seconds=fitted_line([amounts for amounts, _ in timed], [value for _, value in timed]),
        parallel=round(share, 3),
        memory=lines["peak_bytes"],
        disk=lines["disk_bytes"],
        gpu_seconds=on_gpu,
        sources=[*sorted({run.run for run in runs}), *([source] if source else [])],
    )


@app.command()
def fit() -> None:
    """Make the table of rates from the measured runs."""
    with errors_in_one_line("rates"):
        if not DEFAULT_RUN.is_file():
            raise UserError("no default run is kept", where=str(DEFAULT_RUN),
                            remedy="Run `python -m benchmarks.scale.rates keep LOG`.")  # fmt: skip
        record = json.loads(DEFAULT_RUN.read_text(encoding="utf-8"))
        rates = fitted(measured_runs(), record["machine"], start_seconds(record["stages"]))
        write_json(RATES, rates.model_dump())
        print(f"{RATES.name}: {len(rates.stages)} stages")


def expected(run: Measured, rates: Rates) -> tuple[float | None, float | None]:
    """Seconds, the start aside, and bytes of its largest process that the rates expect of a run.

    However much more work it has than was measured.
    """
    found = cost(run.stage, run.work, rates, Workers(run.cores))
    own = rates.stages.get(rated(run.stage))
    return (
        None if found.seconds is None else found.seconds - rates.start,
        own.memory.of(run.work.memory) if own and own.memory else None,
    )


def held_out(runs: Sequence[Measured]) -> list[tuple[Measured, float, float]]:
    """The largest screen of tables, and what all other runs expect of it.

    Returns
    -------
    list of (Measured, float, float)
        Its stages but the start alone; seconds; bytes of the largest process.
    """
    of_scale = [run for run in runs if run.run.startswith("benchmarks.scale.run")]
    largest = max(of_scale, key=lambda run: run.work.amounts.get("curves", 0)).run
    rates = fitted([run for run in runs if run.run != largest], "", 0.0)
    found = []
    for run in of_scale:
        seconds, peak = expected(run, rates)
        if run.run == largest and run.stage != NOTHING and seconds and peak:
            found.append((run, seconds, peak))
    return found


def held_out_lines(runs: Sequence[Measured]) -> str:
    """What was expected of the largest screen of tables, beside what was measured, in Markdown."""
    rows = [
        ["stage", "time expected", "measured", "memory expected", "measured"],
        ["---", *["---:"] * 4],
    ]
    for run, seconds, peak in held_out(runs):
        rows.append([
            run.stage,
            f"{seconds:,.0f} s",
            f"{run.seconds:,.0f} s",
            f"{peak / 2**30:.2f} GiB",
            "-" if run.peak_bytes is None else f"{run.peak_bytes / 2**30:.2f} GiB",
        ])  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@app.command()
def page() -> None:
    """Write to docs/scaling.md what the smaller screens of tables expect of the largest."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(HELD_OUT)
    after = rest.split(HELD_OUT_END)[1]
    new = f"{before}{HELD_OUT}\n{held_out_lines(measured_runs())}\n{HELD_OUT_END}{after}"
    PAGE.write_text(new, encoding="utf-8")


@app.command()
def check() -> None:
    """Print what the rates expect beside what was measured."""
    rates = Rates.model_validate_json(RATES.read_text(encoding="utf-8"))
    for run in measured_runs():
        if run.seconds is None:
            continue
        seconds, peak = expected(run, rates)
        peaks = "" if run.peak_bytes is None or peak is None else (
            f"{run.peak_bytes / 2**30:7.2f} GiB, expected {peak / 2**30:6.2f}"
        )  # fmt: skip
        print(f"{run.run:36} {run.stage:24} {run.seconds:8.1f} s, expected "
              f"{-1 if seconds is None else seconds:8.1f} {peaks}")  # fmt: skip


if __name__ == "__main__":
    app()
