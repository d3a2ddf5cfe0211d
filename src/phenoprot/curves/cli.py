"""``phenoprot curves``: fit and plot dose-response curves from CurveCurator's own files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Fit and plot dose-response curves.", no_args_is_help=True)


class EngineName(StrEnum):
    """Engines of ``curves fit``."""

    batched = "batched"
    curvecurator = "curvecurator"


Parameters = Annotated[Path, typer.Argument(help="CurveCurator TOML file.", metavar="PARAMS.toml")]
SumDuplicates = Annotated[
    bool, typer.Option("--sum-duplicates", help="Add up the rows of a name, as CurveCurator does.")
]


@app.command()
def fit(
    parameters: Parameters,
    engine: Annotated[
        EngineName, typer.Option(help="This package, or the reference.")
    ] = EngineName.batched,
    output: Annotated[Path | None, typer.Option(help="Default: curves_file of the TOML.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads, or processes.")] = 1,
    device: Annotated[
        str | None, typer.Option(help="Torch device of the batched engine, e.g. cuda.")
    ] = None,
    min_valid_doses: Annotated[
        int, typer.Option(min=4, help="Curves with fewer stay unclassified.")
    ] = 5,
    sum_duplicates: SumDuplicates = False,
) -> None:
    """Fit the curves of PARAMS.toml and write them with CurveCurator's columns.

    Input and output are tab-separated text, or parquet where a file's name ends in .parquet.
    """
    from phenoprot.core.errors import UserError, listed
    from phenoprot.curves.curvecurator import REGULATION, fit_table, leave_few_doses
    from phenoprot.curves.lines import write_curves
    from phenoprot.curves.readers import read_curvecurator
    from phenoprot.curves.reference import fit_reference

    job = read_curvecurator(parameters, sum_duplicates=sum_duplicates, output=output)
    if engine is EngineName.batched:
        curves = fit_table(job.table, job.design, job.settings, threads, device)
    else:
        curves = fit_reference([(job.table, job.design)], job.settings, threads)[0]
    if curves.empty:
        raise UserError(
            f"none of {len(job.table)} curves passes the filters",
            where=str(parameters),
            remedy="Check the controls and max_missing",
        )
    few = leave_few_doses(curves, job.design, min_valid_doses)
    write_curves(job.curves_file, curves)
    calls = curves[REGULATION].value_counts()
    counts = ", ".join(f"{int(calls.get(name, 0))} {name}" for name in ("up", "down", "not"))
    if job.empty:
        typer.echo(f"left out, without a value: {listed(job.empty)}")
    typer.echo(
        f"{len(curves)} of {len(job.table)} curves fitted: {counts}, "
        f"{int(curves[REGULATION].isna().sum())} unclassified "
        f"({few} with fewer than {min_valid_doses} valid doses)"
    )
    typer.echo(str(job.curves_file))


@app.command()
def plot(
    parameters: Parameters,
    curves: Annotated[Path, typer.Argument(help="curves.txt of that fit.")],
    names: Annotated[list[str] | None, typer.Argument(help="Curves. Default: the top 6.")] = None,
    output: Annotated[Path, typer.Option(help="Picture (png, svg, pdf).")] = Path("curves.png"),
) -> None:
    """Draw points and fits with pEC50, fold change, relevance and call."""
    from phenoprot.curves.plot import plot_file

    typer.echo(str(plot_file(parameters, curves, names or [], output)))
