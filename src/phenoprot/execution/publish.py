"""From finished shards to an output folder, which is replaced as a whole if it is ours."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.files import resolved
from phenoprot.core.folders import MARKER, replaced_folder, require_replaceable
from phenoprot.core.names import inside

NO_SECOND_NAME = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
"""What the system says where it cannot give a file a second name, and a copy does as well."""


def require_output(
    output: Path, made_by: str, work: Path, plates: Iterable[str], files: Iterable[str] = ()
) -> None:
    """Stop before any work if its result could not be published.

    Parameters
    ----------
    output
        The output folder.
    made_by
        The command or stage, as of :func:`phenoprot.core.files.replaced_folder`.
    work
        Work folder of the shards.
    plates
        Names of the plates, each of which gets a folder in `output`.
    files
        Names of the files beside these folders.

    Raises
    ------
    UserError
        `output` holds what `made_by` did not write, or the work folder; or a plate has the name of
        a file.
    """
    require_replaceable(output, made_by)
    if resolved(work).is_relative_to(resolved(output)):
        raise UserError(
            f"is to be replaced, and holds the work folder {quoted(str(work))}",
            where=str(output),
            remedy="Name another folder, for the output or for the work.",
        )
    taken = sorted({*plates} & {MARKER, *files})
    if taken:
        raise UserError(
            f"{len(taken)} plate(s) have the name of a file beside them: {listed(taken)}",
            where=str(output),
            remedy="Rename these plates.",
        )


@contextmanager
def published(
    output: Path, made_by: str, files: Mapping[str, Path] | None = None
) -> Iterator[Path]:
    """Yield a folder with the files of shards; if the block succeeds, it becomes `output`.

    Called while the lock of the work folder is held (`finish` of
    :func:`phenoprot.execution.run.run_shards`).

    Parameters
    ----------
    output
        The output folder, see :func:`phenoprot.core.files.replaced_folder`.
    made_by
        The command or stage.
    files
        Files by their path in `output`, ``<plate>/<row><ending>``. They get a second name there,
        or are copied where the file system has no such thing.

    Raises
    ------
    UserError
        `output` holds what `made_by` did not write; a path would lead out of it.
    """
    with replaced_folder(output, made_by) as folder:
        for name, source in (files or {}).items():
            target = inside(folder, *name.split("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(source, target)
        yield folder


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_SECOND_NAME:
            raise
        shutil.copyfile(source, target)
