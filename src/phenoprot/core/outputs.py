"""Checks of output files, before any long work starts."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from phenoprot.core.errors import REMEDIES, UserError
from phenoprot.core.files import kind_of


def require_output(output: Path, inputs: Mapping[str, Path]) -> None:
    """Stop unless `output` can be written and is none of the inputs.

    Parameters
    ----------
    output
        File to write.
    inputs
        Files that are read, by what they are, e.g. ``{"input_file": path}``.

    Raises
    ------
    UserError
        It is an input (also by a link or another spelling of the path), not a file, or lies where
        nothing can be written.
    """
    for what, path in inputs.items():
        if _same(output, path):
            raise UserError(
                f"the output would replace the {what} ({path})",
                where=str(output),
                remedy="Name another file as output.",
            )
    if output.exists() and not output.is_file():
        raise UserError(
            f"is {kind_of(output)}: no file can be written there",
            where=str(output),
            remedy="Name a file as output.",
        )
    folder = output.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(
            f"{folder} is {kind_of(folder)}, not a folder",
            where=str(output),
            remedy=REMEDIES[errno.ENOTDIR],
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(
            f"nothing can be written in {folder}",
            where=str(output),
            remedy=REMEDIES[errno.EACCES],
        )


def _same(left: Path, right: Path) -> bool:
    try:
        return left.samefile(right)
    except OSError:  # one of them does not exist
        return os.path.realpath(left) == os.path.realpath(right)
