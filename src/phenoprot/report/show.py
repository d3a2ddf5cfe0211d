"""Print the tables on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from phenoprot.errors import UserError
from phenoprot.report.tables import Table, build_tables, read_metrics, to_markdown


def print_tables(folder: Path, screen: str | None, markdown: bool) -> None:
    """Print every table of one screen, or of all screens that have metrics.

    Raises
    ------
    UserError
        No metrics under `folder`.
    """
    folders = (
        [folder / screen] if screen else sorted(p.parent for p in folder.glob("*/provenance.json"))
    )
    if not folders:
        raise UserError("no metrics here", where=str(folder), remedy="Run `make reproduce`.")
    console = Console()
    for one in folders:
        metrics = read_metrics(one)
        print_title(console, metrics.provenance["title"], metrics.provenance["caveats"])
        for table in build_tables(metrics):
            if markdown:
                console.print(to_markdown(table), markup=False, highlight=False, soft_wrap=True)
            else:
                _print_rich(console, table)


def print_title(console: Console, title: str, caveats: list[str]) -> None:
    """The screen's name and its caveats, before its tables."""
    console.print(f"\n[bold]{escape(title)}[/bold]")
    for caveat in caveats:
        console.print(f"  - {caveat}", markup=False, highlight=False)


def _print_rich(console: Console, table: Table) -> None:
    rich = RichTable(title=escape(table.title), title_justify="left", caption_justify="left")
    rich.caption = escape(" ".join(table.notes))
    for i, column in enumerate(table.columns):
        rich.add_column(escape(column), justify="left" if i == 0 else "right")
    for row in table.rows:
        rich.add_row(*(escape(cell) for cell in row))
    console.print(rich)
