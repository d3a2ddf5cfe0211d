"""Speed and parity of the batched engine against CurveCurator.

``speed`` (the default): curves/s of both, and a run on a million. ``files``: the command
``phenoprot curves fit`` on one core, from file to file. ``parity``: 20,000 curves,
every other call listed. ``null``: calls among curves without an effect.

Both engines get the same number of cores and one BLAS thread per process.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

# Works as a module and as a file.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


from phenoprot.core import runtime

runtime.pin()  # before numpy is loaded

import numpy as np  # noqa: E402 - the pinned settings come first
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import typer  # noqa: E402
from benchmarks.curves.simulate import make_design, make_table  # noqa: E402

from phenoprot.curves.cli import EngineName  # noqa: E402
from phenoprot.curves.cli import fit as fit_command  # noqa: E402
from phenoprot.curves.curvecurator import fit_table, ratio  # noqa: E402
from phenoprot.curves.design import DoseDesign  # noqa: E402
from phenoprot.curves.lines import write_delimited  # noqa: E402
from phenoprot.curves.reference import fit_reference  # noqa: E402
from phenoprot.curves.settings import FitSettings  # noqa: E402
from phenoprot.curves.stream import fit_parquet  # noqa: E402

app = typer.Typer(help=__doc__)
CORES = os.cpu_count() or 1
FULL_SIZE = 14_000_000
SIZES = {5: 3334, 6: 3334, 7: 3333, 8: 3333, 9: 3333, 10: 3333}
NULL_PART = 5_000
# Numerical slack of a residual sum: relative, and absolute in squared ratios.
SLACK = (1e-6, 1e-12)

Cores = Annotated[int, typer.Option(help="Cores of either engine.")]
Cache = Annotated[
    Path | None, typer.Option(help="Folder that keeps CurveCurator's answers between runs.")
]


def timed_batched(table: pd.DataFrame, design: DoseDesign, cores: int) -> float:
    """Seconds of the fastest of three fits, machine code already compiled."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        fit_table(table, design, FitSettings(), cores)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Run `speed` unless a command is named."""
    if context.invoked_subcommand is None:
        context.invoke(speed)


@app.command()
def speed(
    cores: Cores = CORES,
    doses: Annotated[int, typer.Option(help="Doses of a curve.")] = 5,
    reference_curves: Annotated[int, typer.Option(help="Curves for CurveCurator.")] = 2_000,
    batched_curves: Annotated[int, typer.Option(help="Curves in memory.")] = 200_000,
    streamed_curves: Annotated[int, typer.Option(help="Curves from parquet.")] = 1_000_000,
) -> None:
    """Print curves per second of both engines, their ratio, and a streamed run."""
    design = make_design(doses)
    fit_table(make_table(design, 100, seed=0), design, FitSettings(), 1)
    table = make_table(design, batched_curves, seed=1, most_missing=0)
    ours = batched_curves / timed_batched(table, design, cores)
    print(f"batched       {ours:12,.0f} curves/s  {doses} doses, {cores} core(s)")
    del table
    stream(design, streamed_curves, cores)
    small = make_table(design, cores, seed=1, most_missing=0)
    large = make_table(design, reference_curves, seed=1, most_missing=0)
    start = time.perf_counter()
    fit_reference([(small, design)], FitSettings(), cores)
    start_up = time.perf_counter() - start
    start = time.perf_counter()
    fit_reference([(large, design)], FitSettings(), cores)
    seconds = time.perf_counter() - start - start_up
    theirs = (reference_curves - cores) / seconds
    print(
        f"curvecurator  {theirs:12,.0f} curves/s  {doses} doses, {cores} core(s), "
        f"less {start_up:.1f} s of start-up"
    )
    print(f"ratio         {ours / theirs:12,.0f}")


TOML = """
['Experiment']
experiments = {experiments}
doses = {doses}
dose_scale = '1e-6'
dose_unit = 'M'
control_experiment = {controls}
['Paths']
input_file = '{source}'
['F Statistic']
alpha = 0.05
fc_lim = 0.45
"""


def command_seconds(folder: Path, design: DoseDesign, table: pd.DataFrame, ending: str) -> float:
    """CPU seconds of one ``phenoprot curves fit`` in this process, best of three."""
    source, output = folder / f"in{ending}", folder / f"curves{ending}"
    if ending == ".parquet":
        table.to_parquet(source, index=False)
    else:
        write_delimited(source, table)
    parameters = folder / "parameters.toml"
    described = {"experiments": design.experiments, "doses": design.doses}
    described |= {"controls": design.controls}
    lists = {name: list(values) for name, values in described.items()}
    parameters.write_text(TOML.format(source=source.name, **lists), encoding="utf-8")
    seconds = []
    for _ in range(3):
        start = time.process_time()
        fit_command(parameters, EngineName.batched, output, 1, None, 5, False)
        seconds.append(time.process_time() - start)
    return min(seconds)


@app.command()
def files(
    curves: Annotated[int, typer.Option(help="Curves for the command.")] = 200_000,
    reference_curves: Annotated[int, typer.Option(help="Curves for CurveCurator.")] = 1_000,
) -> None:
    """Print curves per CPU second of the command on one core, text and parquet, and the ratio.

    CurveCurator is timed without its files, and without its start-up.
    """
    design = make_design(5)
    small = make_table(design, 8, seed=0, most_missing=0)
    fit_table(small, design, FitSettings(), 1)
    large = make_table(design, reference_curves, seed=1, most_missing=0)
    times = []
    for given in (small, small, large):  # the first may compile
        start = cpu_seconds()
        fit_reference([(given, design)], FitSettings(), 1)
        times.append(cpu_seconds() - start)
    theirs = (reference_curves - len(small)) / (times[2] - times[1])
    table = make_table(design, curves, seed=1, most_missing=0)
    with tempfile.TemporaryDirectory() as name:
        rates = {
            ending: curves / command_seconds(Path(name), design, table, ending)
            for ending in (".txt", ".parquet")
        }
    print(f"curvecurator  {theirs:12,.1f} curves/s  5 doses, 1 core")
    for ending, rate in rates.items():
        times = f"{rate / theirs:,.0f} times CurveCurator's rate"
        print(f"{ending[1:]:13s} {rate:12,.0f} curves/s  {curves:,} curves, {times}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"peak memory   {peak:12,} bytes (whole process)")


def cpu_seconds() -> float:
    """CPU time of this process and of those that it waited for."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                                       resource.RUSAGE_CHILDREN))  # fmt: skip
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def stream(design: DoseDesign, curves: int, cores: int) -> None:
    """Print the speed and peak memory of a run from parquet to parquet."""
    with tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "raw.parquet", Path(name) / "curves.parquet"
        writer: pq.ParquetWriter | None = None
        part = 100_000
        for first in range(0, curves, part):
            rows = make_table(design, min(part, curves - first), seed=first + 2)
            batch = pa.Table.from_pandas(rows, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(source, batch.schema)
            writer.write_table(batch)
        if writer is not None:
            writer.close()
        start = time.perf_counter()
        fitted = fit_parquet(source, output, design, FitSettings(), threads=cores)
        seconds = time.perf_counter() - start
        size = output.stat().st_size
    rate = fitted / seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"streamed      {rate:12,.0f} curves/s  {fitted:,} curves, parquet to parquet "
        f"({size / 2**20:.0f} MiB), up to 2 missing doses"
    )
    print(f"peak memory   {peak:12.2f} GiB (whole process)")
    print(f"14 million    {FULL_SIZE / rate / 60:12.1f} min at the streamed rate")


def answer(
    table: pd.DataFrame, design: DoseDesign, cores: int, cache: Path | None, name: str
) -> pd.DataFrame:
    """CurveCurator's curves, from the cache if they are there."""
    kept = None if cache is None else cache / f"{name}.parquet"
    if kept is not None and kept.exists():
        return pd.read_parquet(kept)
    curves = fit_reference([(table, design)], FitSettings(), cores)[0]
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        curves.to_parquet(kept, index=False)
    return curves


def residual_sums(curves: pd.DataFrame, design: DoseDesign) -> np.ndarray:
    """Residual sum of each fit over data and control, shape (N,)."""
    points = curves[ratio(design.treated)].notna().sum(axis=1) + 1
    return np.asarray(curves["Curve RMSE"] ** 2 * points)


@app.command()
def parity(cores: Cores = CORES, cache: Cache = None) -> None:
    """Fit 20,000 simulated curves with both engines and list every difference."""
    total = agree = higher = 0
    deviations: dict[str, list[np.ndarray]] = {
        "pEC50": [], "Curve Fold Change": [], "Curve Log P_Value": [], "Curve Relevance Score": []
    }  # fmt: skip
    gained: list[np.ndarray] = []
    for doses, curves in SIZES.items():
        design = make_design(doses)
        table = make_table(design, curves, seed=doses)
        theirs = answer(table, design, cores, cache, f"sim{doses}")
        ours = fit_table(table, design, FitSettings(), cores)
        left, right = (x["Curve Regulation"].fillna("unclassified") for x in (ours, theirs))
        mine, their = residual_sums(ours, design), residual_sums(theirs, design)
        fitted = np.isfinite(their)
        higher += int((mine > their * (1 + SLACK[0]) + SLACK[1])[fitted].sum())
        gained.append((their / np.maximum(mine, SLACK[1]))[fitted])
        total, agree = total + curves, agree + int((left == right).sum())
        for i in np.flatnonzero(left != right):
            print(
                f"{doses} doses, {ours['Name'][i]}: batched {left[i]}, curvecurator {right[i]}; "
                f"residual sums {mine[i]:.6g} and {their[i]:.6g}"
            )
        both = (left == right) & left.isin(["up", "down"])
        for column, parts in deviations.items():
            parts.append((ours[column] - theirs[column])[both].abs().to_numpy())
    better = np.concatenate(gained)
    print(f"same regulation     {agree} of {total} ({agree / total:.3%})")
    print(f"residual sum higher {higher} (by more than {SLACK[0]:g} relative)")
    print(f"residual sum lower  {int((better > 1 + SLACK[0]).sum())}", end="")
    print(f", by 1 % or more {int((better > 1.01).sum())}")
    for column, parts in deviations.items():
        values = np.concatenate(parts)
        quantiles = np.nanquantile(values, [0.5, 0.95, 0.99, 1])
        print(f"|{column}| where both call up or down: median, 95 %, 99 %, largest", end=" ")
        print(", ".join(f"{q:.2g}" for q in quantiles))


@app.command()
def null(
    curves: Annotated[int, typer.Option(help="Curves without an effect.")] = 100_000,
    cores: Cores = CORES,
    cache: Cache = None,
) -> None:
    """Count up and down calls of both engines among curves without an effect."""
    design = make_design(5)
    counts = {"batched": 0, "curvecurator": 0, "both": 0}
    for part in range(curves // NULL_PART):
        table = make_table(design, NULL_PART, seed=1000 + part, null=True, most_missing=0)
        theirs = answer(table, design, cores, cache, f"null{part}")
        ours = fit_table(table, design, FitSettings(), cores)
        left, right = (x["Curve Regulation"].isin(["up", "down"]) for x in (ours, theirs))
        counts["batched"] += int(left.sum())
        counts["curvecurator"] += int(right.sum())
        counts["both"] += int((left & right).sum())
    for engine, count in counts.items():
        print(f"{engine:13s} {count:6d} of {curves} called up or down ({count / curves:.4%})")


if __name__ == "__main__":
    app()
