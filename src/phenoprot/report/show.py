"""Print the tables on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table as RichTable

from phenoprot.core.errors import UserError
from phenoprot.report.guide import guide
from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics
from phenoprot.report.table import Table, to_markdown
from phenoprot.report.tables import build_tables


def print_tables(folder: Path, screen: str | None, markdown: bool) -> None:
    """Print every table of one screen, or of all screens that have metrics.

    Raises
    ------
    UserError
        No metrics under `folder`.
    """
    found = sorted(path.parent for path in folder.glob("*/provenance.json"))
    folders = [folder / screen] if screen else found
    if not folders:
        raise UserError("no metrics here", where=str(folder), remedy="Run `make reproduce`.")
    console = _console()
    for one in folders:
        results = read_metrics(one)
        _print_heading(console, results)
        for table in build_tables(results):
            print_table(table, markdown, console)
        console.print(guide(results), markup=False)


def print_table(table: Table, markdown: bool, console: Console | None = None) -> None:
    """Print one table, as Markdown or for a terminal."""
    console = console or _console()
    if markdown:
        console.print(to_markdown(table), markup=False)
    else:
        _print_rich(console, table)


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)


def _print_heading(console: Console, results: ScreenResults) -> None:
    """The screen's name and its caveats, before its tables."""
    console.print(f"\n[bold]{escape(results.provenance.title)}[/bold]")
    for caveat in results.provenance.caveats:
        console.print(f"  - {caveat}", markup=False)
    console.print()


def _print_rich(console: Console, table: Table) -> None:
    rich = RichTable(box=SIMPLE_HEAD)
    for i, column in enumerate(table.columns):
        rich.add_column(escape(column), justify="left" if i == 0 else "right", no_wrap=True)
    for row in table.rows:
        rich.add_row(*(escape(cell) for cell in row))
    # Cells are never cut: on a narrow terminal whole lines wrap.
    needed = Measurement.get(console, console.options.update(width=1000), rich).maximum
    console.print(f"[bold]{escape(table.title)}[/bold]")
    Console(width=max(needed, console.width)).print(rich)
    for note in table.notes:
        console.print(f"  {note}", markup=False)
    console.print()
