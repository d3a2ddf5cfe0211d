"""Time and memory of the tabular stages at the size of a large screen.

``python -m benchmarks.scale.run measure FOLDER --share 0.1`` simulates a screen with that share of
2,000 compounds (5 concentrations, 7,000 proteins, 4,459 features) and runs the stages on it, each
in a process of its own. Figures are kept in ``benchmarks/scale/results.json``, from which ``table``
writes the table of docs/scaling.md.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import typer  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs/scaling.md"
START, END = "<!-- measured -->", "<!-- measured: end -->"
FULL = {"compounds": 2000, "proteins": 7000, "features": 4459, "concentrations": 5}
STAGES = ("validate", "curves", "labels", "splits", "check_labels")
STEPS = ("simulate", *STAGES)
GIB = 2**30


@app.command()
def step(name: str, screen: Path, sizes: str) -> None:
    """Run one step on a screen in the working folder, and print its figures as JSON."""
    from phenoprot.pipeline.params import load_params
    from phenoprot.pipeline.stage import Job

    start = time.perf_counter()
    if name == "simulate":
        from phenoprot.phantom.full import FullSettings, simulate_full

        simulate_full(FullSettings(**json.loads(sizes)), screen)
    else:
        import importlib

        params = load_params(ROOT / "params.yaml")
        blocks = ("validation", "profiles", "curves", "labels", "tasks")
        view = SimpleNamespace(**{block: getattr(params, block) for block in blocks})
        view.screen = SimpleNamespace(folds_like=None)
        job = Job(screen.name, screen.absolute(), view, params.execution)
        getattr(importlib.import_module(f"stages.{name}"), name)(job)
    own = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": sum(u.ru_utime + u.ru_stime for u in (own, workers)),
        "peak_bytes": own.ru_maxrss * 1024,
        "worker_peak_bytes": workers.ru_maxrss * 1024,
    }
    print(json.dumps(figures))


@app.command()
def measure(
    folder: Annotated[Path, typer.Argument(help="New folder for the screen and what is made.")],
    share: Annotated[float, typer.Option(min=0.03, max=1, help="Share of the compounds.")] = 0.1,
    keep: Annotated[bool, typer.Option(help="Keep the figures for the table.")] = True,
) -> None:
    """Simulate a screen, run every stage on it, and print and keep the figures."""
    sizes = FULL | {"compounds": round(share * FULL["compounds"])}
    folder.mkdir(parents=True, exist_ok=False)
    record: dict[str, Any] = {**sizes, "cores": len(os.sched_getaffinity(0)), "steps": {}}
    for name in STEPS:
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale.run", "step", name, "screen",
             json.dumps(sizes)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )  # fmt: skip
        figures = json.loads(run.stdout.strip().splitlines()[-1])
        record["steps"][name] = {key: round(value, 1) for key, value in figures.items()}
        print(f"{name:13s} {figures['seconds']:9.1f} s  {figures['cpu_seconds']:9.1f} s of CPU  "
              f"{figures['peak_bytes']:,} bytes, largest worker "
              f"{figures['worker_peak_bytes']:,} bytes", flush=True)  # fmt: skip
    if keep:
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        kept[f"{share:g}"] = record
        RESULTS.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def lines(kept: dict[str, Any]) -> str:
    """The table of the kept figures, in Markdown: a row per step, seconds and memory by size."""
    sizes = sorted(kept, key=float)
    head = [f"{kept[size]['compounds']:,} compounds, {kept[size]['cores']} cores" for size in sizes]
    rows = [["stage", *head], ["---"] + ["---:"] * len(sizes)]
    for name in STEPS:
        cells = []
        for size in sizes:
            step_ = kept[size]["steps"][name]
            most = max(step_["peak_bytes"], step_["worker_peak_bytes"])
            cells.append(
                f"{step_['seconds']:,.0f} s ({step_['cpu_seconds']:,.0f} of CPU), "
                f"{most / GIB:.2f} GiB"
            )
        rows.append([name, *cells])
    totals = []
    for size in sizes:
        stages = [kept[size]["steps"][name] for name in STAGES]
        seconds, cpu = (sum(s[key] for s in stages) for key in ("seconds", "cpu_seconds"))
        totals.append(f"{seconds:,.0f} s ({cpu:,.0f} of CPU)")
    rows.append(["validate to check_labels", *totals])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@app.command()
def table() -> None:
    """Write the table of docs/scaling.md from the kept figures."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    new = lines(json.loads(RESULTS.read_text()))
    PAGE.write_text(f"{before}{START}\n{new}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    app()
