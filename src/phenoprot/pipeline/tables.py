"""``phenoprot tables``: the committed metrics, one screen of lines for each screen."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenoprot.core.errors import UserError

if TYPE_CHECKING:
    from phenoprot.report.results import ScreenResults

METRICS = Path("metrics")
WIDTH = 100
"""Characters of a line where the output is no terminal and COLUMNS is not set."""
PROMPT = 2
"""Lines of the terminal that are left for what follows."""


class Format(StrEnum):
    """How tables are printed."""

    TEXT = "text"
    MD = "md"
    CSV = "csv"
    JSON = "json"


def tables(
    screens: Annotated[
        list[str] | None, typer.Argument(metavar="[SCREEN]...", help="Default: all with metrics.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every row, and the tables behind Table 3.")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="text fits the terminal; csv and json are exact.")
    ] = Format.TEXT,
) -> None:
    """Print Tables 1 to 3 from the committed metrics: the rows that matter, on one screen."""
    from phenoprot.report.store import read_metrics

    folders = folders_with_metrics(screens or [])
    results = [read_metrics(folder) for folder in folders]
    if form in (Format.CSV, Format.JSON):
        _print_records(results, every, form)
    elif every:
        from phenoprot.report.show import print_tables

        for folder in folders:
            print_tables(METRICS, folder.name, form is Format.MD)
    elif form is Format.MD:
        _print_markdown(results)
    else:
        _print_screens(results)


def folders_with_metrics(screens: list[str]) -> list[Path]:
    """Folders with metrics.

    Raises
    ------
    UserError
        There are none; there is no such screen; its pipeline has not run.
    """
    found = sorted(path.parent for path in METRICS.glob("*/provenance.json"))
    if not screens and not found:
        raise UserError("no metrics here", where=str(METRICS), remedy="Run `make reproduce`.")
    for name in screens:
        if METRICS / name not in found and Path("params.yaml").is_file():
            from phenoprot.pipeline.params import load_params

            load_params().screen(name)
            raise UserError(
                "no metrics yet",
                where=str(METRICS / name),
                remedy=f"Run `dvc repro report-{name}`, or `make reproduce` for all screens.",
            )
    return [METRICS / name for name in dict.fromkeys(screens)] or found


def _print_records(results: list[ScreenResults], every: bool, form: Format) -> None:
    from phenoprot.report.records import records, to_csv, to_json

    found = [record for one in results for record in records(one, every)]
    typer.echo(to_json(found) if form is Format.JSON else to_csv(found).rstrip("\n"))


def _print_markdown(results: list[ScreenResults]) -> None:
    from phenoprot.report.screenful import absent, groups_of, table_of
    from phenoprot.report.table import to_markdown

    for one in results:
        typer.echo(f"## {one.provenance.title}\n")
        for group in groups_of(one):
            typer.echo(to_markdown(table_of(one, group)))
        for line in absent(one):
            typer.echo(f"{line}\n")


def _print_screens(results: list[ScreenResults]) -> None:
    from rich.console import Console

    from phenoprot.core.paths import Paths
    from phenoprot.report.screenful import screenful

    size = shutil.get_terminal_size((WIDTH, 0))
    height = max(size.lines - PROMPT, 1) if size.lines else None
    console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)
    for one in results:
        page = str(Paths(one.provenance.screen).report)
        for line in screenful(one, page, size.columns, height):
            console.print(line.text, style="bold" if line.bold else None)
        console.print()
