"""``phenoprot weights``: list, fetch and verify the published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phenoprot.core.errors import UserError

weights_app = typer.Typer(no_args_is_help=True, help="Trained weights of published networks.")

Folder = Annotated[
    Path | None,
    typer.Option(help="Default: $PHENOPROT_WEIGHTS, else ~/.cache/phenoprot/weights."),
]


@weights_app.command("list")
def list_weights(folder: Folder = None) -> None:
    """Print what each file is, its terms, and whether it is there."""
    from phenoprot.weights.manifest import manifest
    from phenoprot.weights.store import weights_folder

    where = weights_folder(folder)
    for name, entry in manifest().items():
        path = where / entry.file
        typer.echo(f"{name}\n  {entry.content}")
        typer.echo(f"  file:     {path} ({'there' if path.is_file() else 'absent'})")
        typer.echo(f"  address:  {entry.url or f'by hand, from {entry.page}'}")
        typer.echo(f"  sha256:   {entry.sha256 or 'not known: state it in your settings'}")
        typer.echo(f"  licence:  {entry.licence}\n  cite:     {entry.citation}")


@weights_app.command("fetch")
def fetch_weights(
    name: Annotated[str, typer.Argument(help="A name of `phenoprot weights list`.")],
    folder: Folder = None,
    sha256: Annotated[
        str | None, typer.Option(help="Hash of the file, where the list has none.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of the file, where the list has none; or a mirror.")
    ] = None,
) -> None:
    """Download a file; go on where an interrupted download ended; keep it if its hash is right."""
    from phenoprot.weights.download import fetch

    typer.echo(str(fetch(name, folder, sha256, url)))


@weights_app.command("verify")
def verify_weights(folder: Folder = None) -> None:
    """Hash the files that are there; exit with 1 if one is not what the list says."""
    from phenoprot.weights.store import verify

    states = verify(folder)
    for status in states:
        found = f" {status.found}" if status.state in ("mismatch", "unpinned") else ""
        typer.echo(f"{status.name}: {status.state}{found}")
    wrong = [status for status in states if status.state == "mismatch"]
    if wrong:
        raise UserError(
            f"{len(wrong)} file(s) with another SHA-256 than listed",
            where=", ".join(str(status.path) for status in wrong),
            remedy="Remove and fetch again.",
        )
