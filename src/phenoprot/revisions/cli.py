"""The command ``phenoprot compare``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How a comparison is printed."""

    TEXT = "text"
    MD = "md"
    JSON = "json"


def compare(
    old: Annotated[str, typer.Argument(help="A revision: a commit, branch or tag.")],
    new: Annotated[str, typer.Argument(help="The revision to set beside it.")] = "HEAD",
    form: Annotated[
        Format, typer.Option("--format", help="md: a comment that forges take, 64,000 characters.")
    ] = Format.TEXT,
    everything: Annotated[
        bool, typer.Option("--all", help="Text: all rows, files and values that differ.")
    ] = False,
) -> None:
    """Compare the metrics of two revisions: what changed, and why it may.

    Nothing is checked out, and what is not committed does not count.
    """
    import json
    import shutil

    from phenoprot.core.notices import warn
    from phenoprot.revisions.compare import compare as compared
    from phenoprot.revisions.git import Revision, uncommitted
    from phenoprot.revisions.render import as_markdown, as_text
    from phenoprot.revisions.state import LOCK, METRICS, State

    found = compared(*(State.read(Revision.open(name)) for name in (old, new)))
    if new == "HEAD" and (files := uncommitted(METRICS, LOCK)):
        warn(f"{len(files)} file(s) of {METRICS}/ and {LOCK} are not committed: they do not count")
    if form is Format.JSON:
        typer.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    elif form is Format.MD:
        typer.echo(as_markdown(found), nl=False)
    else:
        typer.echo(as_text(found, shutil.get_terminal_size().columns, everything), nl=False)
