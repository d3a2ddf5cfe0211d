"""``phenoprot report``: the page of a screen, by hand."""

from __future__ import annotations

from typing import Annotated

import typer


def report(
    screens: Annotated[
        list[str] | None, typer.Argument(metavar="[SCREEN]...", help="Default: all with metrics.")
    ] = None,
) -> None:
    """Build the page of a screen from data/ and metrics/, and print its path."""
    from phenoprot.core.paths import Paths
    from phenoprot.page.build import write_page
    from phenoprot.pipeline.params import load_params
    from phenoprot.pipeline.tables import folders_with_metrics

    params = load_params()
    for folder in folders_with_metrics(screens or []):
        paths = Paths(folder.name)
        write_page(paths, params.screen(folder.name).folder)
        typer.echo(f"{paths.page}: {paths.page.stat().st_size / 2**20:.1f} MiB")
