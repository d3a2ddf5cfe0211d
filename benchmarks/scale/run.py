"""Time and memory of the tabular stages at the size of a large screen.

``python -m benchmarks.scale.run measure FOLDER --share 0.1`` simulates a screen with that share of
2,000 compounds (5 concentrations, 7,000 proteins, 4,459 features) and runs the stages up to the
labels on it, each in a process of its own. ``... predict FOLDER`` goes on in such a folder:
profiles, two rows of the linear model, and their evaluation. ``--proteins``, ``--features`` and
``--cores`` take fewer of these. Figures are kept in ``benchmarks/scale/results.json``; ``tables``
writes the tables of docs/scaling.md from it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
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
Idle = Annotated[bool, typer.Option(help="Nothing else ran: the times tell a rate.")]
Cores = Annotated[int | None, typer.Option(min=1, help="Cores to use; all that there are.")]


@app.command()
def step(name: str, screen: Path, sizes: str, rows: str) -> None:
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
        view.screen = ScreenParams.model_validate({"folder": screen, "rows": json.loads(rows)})
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
    proteins: Annotated[int, typer.Option(min=100, help="Proteins.")] = FULL["proteins"],
    features: Annotated[int, typer.Option(min=10, help="Features.")] = FULL["features"],
    cores: Cores = None,
    idle: Idle = True,
    keep: Annotated[bool, typer.Option(help="Keep the figures for the tables.")] = True,
) -> None:
    """Simulate a screen, run every stage on it, and print and keep the figures."""
    use(cores)
    compounds = round(share * FULL["compounds"])
    sizes = FULL | {"compounds": compounds, "proteins": proteins, "features": features}
    folder.mkdir(parents=True, exist_ok=False)
    steps = {name: run_step(folder, name, sizes) for name in STEPS}
    if keep:
        _keep(sizes, {"idle": idle, "steps": steps})


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(help="Folder that `measure` has filled.")],
    since: Annotated[str, typer.Option(help="First step; those before have run.")] = MODEL_STEPS[0],
    cores: Cores = None,
    idle: Idle = True,
    keep: Annotated[bool, typer.Option(help="Keep the figures for the tables.")] = True,
) -> None:
    """Make profiles, cross-validate two rows of the linear model and evaluate them."""
    use(cores)
    sizes = json.loads((folder / "screen/truth/settings.json").read_text())
    sizes = {name: sizes[name] for name in FULL}
    names = MODEL_STEPS[MODEL_STEPS.index(since) :]
    steps = {name: run_step(folder, name, sizes) for name in names}
    if keep:
        models = {"rows": ROWS, "columns": label_columns(folder), "steps": steps}
        _keep(sizes, {"idle": idle, "models": models})


def label_columns(folder: Path) -> dict[str, int]:
    """Label columns of each part that was predicted, by its name."""
    from phenoprot.core.paths import Paths
    from phenoprot.core.tables import parquet_columns

    parts = ("classification/up", "classification/down", "regression")
    tables = {part: folder / Paths("screen").predictions(part) / "labels.parquet" for part in parts}
    return {
        part: sum(not name.startswith("Metadata_") for name in parquet_columns(table))
        for part, table in tables.items()
    }


def use(cores: int | None) -> None:
    """Let this process and those that it starts have so many cores."""
    if cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _keep(sizes: dict[str, int], figures: dict[str, Any]) -> None:
    """Add figures to those of the same sizes and cores."""
    cores = len(os.sched_getaffinity(0))
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    named = ", ".join(f"{sizes[name]} {name}" for name in ("compounds", "proteins", "features"))
    key = f"{named}, {cores} cores"
    before = kept.get(key, {})
    if "models" in figures:
        earlier = before.get("models", {"steps": {}})["steps"]
        figures["models"]["steps"] = earlier | figures["models"]["steps"]
    kept[key] = before | sizes | {"cores": cores} | figures
    RESULTS.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def run_step(
    folder: Path, name: str, sizes: dict[str, Any], rows: dict[str, Any] = ROWS
) -> dict[str, float]:
    """Run one step in a process of its own; print and return its figures."""
    command = [sys.executable, "-m", "benchmarks.scale.run", "step", name, "screen"]
    with subprocess.Popen(
        [*command, json.dumps(sizes), json.dumps(rows)],
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


@dataclass(frozen=True)
class Table:
    """Figures of runs that differ in one size."""

    marker: str
    """Of its place in the page."""
    size: str
    """Key of what differs."""
    same: dict[str, int]
    """What all runs have in common."""
    part: str
    """Key of the steps in a record, `steps` or `models`."""
    rows: tuple[str, ...]
    total: str
    """Name of the row of sums; it leaves out simulating."""
    memory: tuple[str, ...]
    """Keys of a step's figures; the largest counts."""


OF_TABLES = {
    "steps": (STEPS, "validate to check_labels", ("peak_bytes", "worker_peak_bytes")),
    "models": (MODEL_STEPS, "profiles to evaluate", ("together_bytes",)),
}
TABLES = [
    Table(f"{part} by {size}", size, same, part, *OF_TABLES[part])
    for part in OF_TABLES
    for size, same in {
        "compounds": {"proteins": 7000, "features": 4459, "cores": 2},
        "proteins": {"compounds": 200, "features": 4459, "cores": 2},
        "features": {"compounds": 200, "proteins": 700, "cores": 2},
    }.items()
]


def lines(kept: dict[str, Any], table: Table) -> str:
    """A table of the kept figures in Markdown: a row per step, time and memory by size."""
    records = [
        record
        for record in kept.values()
        if table.part in record and all(record[key] == n for key, n in table.same.items())
    ]
    records.sort(key=lambda record: record[table.size])
    heads = [f"{record[table.size]:,} {table.size}" for record in records]
    columns = [_column(record, table) for record in records]
    rows = [["stage", *heads], ["---"] + ["---:"] * len(records)]
    rows += [
        [name, *cells] for name, *cells in zip((*table.rows, table.total), *columns, strict=True)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _column(record: dict[str, Any], table: Table) -> list[str]:
    """Cells of one run: its steps, and their sum. A step that has not run has a dash."""
    found = record["steps"] if table.part == "steps" else record["models"]["steps"]
    cells = [_cell([found[name]], record, table) if name in found else "-" for name in table.rows]
    counted = [name for name in table.rows if name != "simulate"]
    if not all(name in found for name in counted):
        return [*cells, "-"]
    return [*cells, _cell([found[name] for name in counted], record, table)]


def _cell(steps: list[dict[str, float]], record: dict[str, Any], table: Table) -> str:
    """Time of some steps, the processor time alone if other work ran, and their most memory."""
    seconds, cpu = (sum(step[key] for step in steps) for key in ("seconds", "cpu_seconds"))
    held = max(step[key] for step in steps for key in table.memory) / GIB
    time = f"{seconds:,.0f} s ({cpu:,.0f} of CPU)" if record["idle"] else f"{cpu:,.0f} s of CPU"
    return f"{time}, {held:.2f} GiB"


@app.command()
def tables() -> None:
    """Write the tables of docs/scaling.md from the kept figures."""
    text, kept = PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text())
    with errors_in_one_line("run"):
        PAGE.write_text(with_tables(text, kept), encoding="utf-8")


def with_tables(text: str, kept: dict[str, Any]) -> str:
    """The page with the tables of the kept figures between their markers.

    Raises
    ------
    UserError
        The markers of a table are missing.
    """
    for table in TABLES:
        start, end = f"<!-- {table.marker} -->", f"<!-- {table.marker}: end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise UserError(
                f"no lines {start} and {end}",
                where=str(PAGE),
                remedy="Put them where the table belongs.",
            )
        text = f"{before}{start}\n{lines(kept, table)}\n{end}{after}"
    return text


if __name__ == "__main__":
    app()
