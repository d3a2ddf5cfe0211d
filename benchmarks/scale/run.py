"""Time and memory of the tabular stages at the size of a large screen.

``python -m benchmarks.scale.run measure FOLDER --share 0.1`` simulates a screen with that share of
2,000 compounds (5 concentrations, 7,000 proteins, 4,459 features) and runs the stages up to the
labels on it, each in a process of its own. ``... predict FOLDER`` goes on in such a folder:
profiles, two rows of the linear model, and their evaluation. Figures are kept in
``benchmarks/scale/results.json``, from which ``table`` writes the tables of docs/scaling.md.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from phenoprot.core import runtime  # noqa: E402

runtime.pin()  # before numpy is loaded

import typer  # noqa: E402

from phenoprot.core.errors import UserError  # noqa: E402
from phenoprot.core.notices import errors_in_one_line  # noqa: E402

app = typer.Typer(help=__doc__, no_args_is_help=True)
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs/scaling.md"
START, END = "<!-- measured -->", "<!-- measured: end -->"
MODELS_START, MODELS_END = "<!-- models -->", "<!-- models: end -->"
FULL = {"compounds": 2000, "proteins": 7000, "features": 4459, "concentrations": 5}
STAGES = ("validate", "curves", "labels", "splits", "check_labels")
STEPS = ("simulate", *STAGES)
MODEL_STEPS = ("profiles", "predict-classification", "predict-regression", "choose", "evaluate")
ROWS = {
    f"{features}_linear": {
        "features": [features],
        "model": "linear",
        "tasks": ["classification", "regression"],
    }
    for features in ("simulated", "plate_position")
}
"""Rows of the models: two, so that one is compared with the other."""
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

        from phenoprot.pipeline.params import ScreenParams

        params = load_params(ROOT / "params.yaml")
        blocks = ("validation", "profiles", "curves", "labels", "tasks", "evaluation")
        view = SimpleNamespace(**{block: getattr(params, block) for block in blocks})
        view.screen = ScreenParams.model_validate({"folder": screen, "rows": ROWS})
        job = Job(screen.name, screen.absolute(), view, params.execution)
        script, _, task = name.partition("-")
        stage = getattr(importlib.import_module(f"stages.{script}"), script)
        stage(job, task) if task else stage(job)
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
        record["steps"][name] = run_step(folder, name, sizes)
    if keep:
        _keep(f"{share:g}", record)


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(help="Folder that `measure` has filled.")],
    keep: Annotated[bool, typer.Option(help="Keep the figures for the table.")] = True,
) -> None:
    """Make profiles, cross-validate two rows of the linear model and evaluate them."""
    sizes = json.loads((folder / "screen/truth/settings.json").read_text())
    sizes = {name: sizes[name] for name in FULL}
    record: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "rows": ROWS, "steps": {}}
    for name in MODEL_STEPS:
        record["steps"][name] = run_step(folder, name, sizes)
    if keep:
        share = f"{round(sizes['compounds'] / FULL['compounds'], 3):g}"
        _keep(share, {**sizes, "models": record})


def _keep(share: str, figures: dict[str, Any]) -> None:
    """Add figures to those of the same size."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[share] = kept.get(share, {}) | figures
    RESULTS.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def run_step(folder: Path, name: str, sizes: dict[str, Any]) -> dict[str, float]:
    """Run one step in a process of its own; print and return its figures."""
    command = [sys.executable, "-m", "benchmarks.scale.run", "step", name, "screen"]
    with subprocess.Popen(
        [*command, json.dumps(sizes)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watch = _Watch(process.pid)
        watch.start()
        output, _ = process.communicate()
        watch.ended.set()
        watch.join()
    if process.returncode:
        raise typer.Exit(process.returncode)
    figures = json.loads(output.strip().splitlines()[-1]) | {"together_bytes": watch.peak}
    print(f"{name:23s} {figures['seconds']:9.1f} s  {figures['cpu_seconds']:9.1f} s of CPU  "
          f"{figures['peak_bytes']:,} bytes, largest worker "
          f"{figures['worker_peak_bytes']:,} bytes, all together {watch.peak:,} bytes",
          flush=True)  # fmt: skip
    return {key: round(value, 1) for key, value in figures.items()}


class _Watch(threading.Thread):
    """Looks twice a second at the memory of a process and of all that it has started.

    Pages that several of them share count once for each.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.ended, self.peak = threading.Event(), 0
        self._pid = pid

    def run(self) -> None:
        """Until the process has ended."""
        while not self.ended.wait(0.5):
            self.peak = max(self.peak, sum(map(_resident, _family(self._pid))))


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        text = " ".join(p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:  # it has just ended
        return []
    return [pid, *(each for child in text.split() for each in _family(int(child)))]


def _resident(pid: int) -> int:
    """Bytes of a process in memory; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def lines(kept: dict[str, Any]) -> str:
    """The table of the kept figures, in Markdown: a row per step, seconds and memory by size."""
    sizes = sorted((size for size in kept if "steps" in kept[size]), key=float)
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


def model_lines(kept: dict[str, Any]) -> str:
    """The table of the models' figures, in Markdown: a row per step, time and memory by size."""
    sizes = sorted((size for size in kept if "models" in kept[size]), key=float)
    records = [kept[size]["models"] for size in sizes]
    head = [
        f"{kept[size]['compounds']:,} compounds, {record['cores']} cores"
        for size, record in zip(sizes, records, strict=True)
    ]
    rows = [["stage", *head], ["---"] + ["---:"] * len(sizes)]
    for name in MODEL_STEPS:
        steps = [record["steps"][name] for record in records]
        rows.append([name, *(
            f"{own['seconds']:,.0f} s ({own['cpu_seconds']:,.0f} of CPU), "
            f"{own['together_bytes'] / GIB:.2f} GiB"
            for own in steps
        )])  # fmt: skip
    totals = []
    for record in records:
        steps = record["steps"].values()
        seconds, cpu = (sum(own[key] for own in steps) for key in ("seconds", "cpu_seconds"))
        most = max(own["together_bytes"] for own in steps) / GIB
        totals.append(f"{seconds:,.0f} s ({cpu:,.0f} of CPU), {most:.2f} GiB")
    rows.append(["profiles to evaluate", *totals])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@app.command()
def table() -> None:
    """Write the tables of docs/scaling.md from the kept figures."""
    text, kept = PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text())
    with errors_in_one_line("run"):
        PAGE.write_text(with_tables(text, kept), encoding="utf-8")


def with_tables(text: str, kept: dict[str, Any]) -> str:
    """The page with the tables of the kept figures between their markers.

    Raises
    ------
    UserError
        The markers of figures that are kept are missing.
    """
    tables = [(START, END, lines(kept))]
    if any("models" in record for record in kept.values()):
        tables.append((MODELS_START, MODELS_END, model_lines(kept)))
    for start, end, new in tables:
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise UserError(
                f"no lines {start} and {end}",
                where=str(PAGE),
                remedy="Put them where the table belongs.",
            )
        text = f"{before}{start}\n{new}\n{end}{after}"
    return text


if __name__ == "__main__":
    app()
