"""Output folders that appear whole or not at all, and replace nothing that a user put there."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import kind_of, resolved, write_json
from phenoprot.core.partial import claimed, locked, partial_name, remove_stale

MARKER = ".phenoprot-output.json"
"""File of an output folder that names the others: what a command wrote, and may replace."""


@contextmanager
def replaced_folder(folder: Path, made_by: str) -> Iterator[Path]:
    """Yield an empty folder; if the block succeeds it takes the place of `folder`.

    Only an empty folder, or one that holds nothing but what an earlier such block wrote (its
    :data:`MARKER` says so), is replaced. Readers find the old folder or the new one, whole; of
    several processes that publish at once the last wins.

    Parameters
    ----------
    folder
        The output folder.
    made_by
        The command or stage, for the marker.

    Raises
    ------
    UserError
        As of :func:`require_replaceable`.
    """
    require_replaceable(folder, made_by)
    folder = resolved(folder)
    with temporary_folder(folder) as temporary:
        yield temporary
        write_json(temporary / MARKER, {"made_by": made_by, "files": _sizes(temporary)})
        with _publishing_in(folder.parent):
            require_replaceable(folder, made_by)
            if folder.exists():
                _set_aside(folder)
            temporary.rename(folder)


@contextmanager
def _publishing_in(parent: Path) -> Iterator[None]:
    """Let no other process publish a folder in `parent` meanwhile."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # no locks on this file system
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def temporary_folder(place: Path) -> Iterator[Path]:
    """Yield an empty folder beside `place`, on the same file system; removed after the block.

    What killed processes left under such names is removed first.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(place)
    temporary, handle = claimed(place, "", folder=True)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(handle)


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """Yield an empty folder of this user among the system's temporary files.

    Removed after the block; what killed processes left for the same purpose is removed first.
    """
    place = Path(tempfile.gettempdir()) / f"phenoprot-{purpose}-{os.getuid()}"
    with temporary_folder(place) as folder:
        folder.chmod(0o700)
        yield folder


def _set_aside(folder: Path) -> None:
    """Rename a folder that may be replaced, then delete it."""
    aside = partial_name(folder)
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # another process has just replaced it
        return
    try:
        locked(handle, folder)
        with suppress(FileNotFoundError):
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
    finally:
        os.close(handle)


def require_replaceable(folder: Path, made_by: str | None = None) -> None:
    """Stop unless a command may put its output in the place of `folder`.

    Parameters
    ----------
    folder
        The output folder.
    made_by
        The command or stage: output of another one is not replaced. None: of any.

    Raises
    ------
    UserError
        It is a file, the working folder or a folder above it, or holds what the command did not
        write.
    """
    place = resolved(folder)
    kind = kind_of(place)
    if kind == "missing":
        return
    if kind != "a folder":
        raise UserError(
            f"is {kind}, a folder is to be written there",
            where=str(folder),
            remedy="Name another folder.",
        )
    if Path.cwd().is_relative_to(place):
        raise UserError(
            "is the working folder, or holds it: it cannot be replaced",
            where=str(folder),
            remedy="Name a folder of its own.",
        )
    if os.path.ismount(place):
        raise UserError(
            "is where a disk or volume is mounted: it cannot be replaced",
            where=str(folder),
            remedy="Name a folder in it.",
        )
    # Looked at again if another process has replaced it meanwhile.
    while True:
        before = _identity(place)
        with suppress(FileNotFoundError):
            strange = _not_ours(place, made_by)
            if not strange or before == _identity(place):
                break
    if strange:
        raise UserError(
            f"holds {len(strange)} file(s) that this command did not write: {listed(strange)}",
            where=str(folder),
            remedy="Name a new or an empty folder, or move these files away yourself.",
        )


def _identity(folder: Path) -> tuple[int, int] | None:
    """Tells a folder from another of its name."""
    try:
        found = folder.stat()
        return found.st_ino, found.st_ctime_ns
    except FileNotFoundError:
        return None


def _not_ours(folder: Path, made_by: str | None) -> list[str]:
    """What a folder holds besides the files of its marker, unchanged in size."""
    sizes = _sizes(folder)
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError, AttributeError, TypeError, KeyError, RecursionError):
        marker = json.loads((folder / MARKER).read_bytes())
        if made_by in (None, marker["made_by"]):
            known = dict(marker["files"])
            known[MARKER] = sizes[MARKER]
    return [name for name, size in sizes.items() if known.get(name) != size]


def _sizes(folder: Path) -> dict[str, int]:
    """Size of every file in a folder, links and the like included, by its path there; sorted.

    An empty folder inside counts as a file of size -1.
    """
    sizes: dict[str, int] = {}
    for place, folders, files in os.walk(folder):
        base = Path(place).relative_to(folder)
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        if not folders and not files and Path(place) != folder:
            sizes[f"{base.as_posix()}/"] = -1
        for name in [*files, *links]:
            with suppress(FileNotFoundError):  # another process is just removing the folder
                sizes[(base / name).as_posix()] = (Path(place) / name).lstat().st_size
    return dict(sorted(sizes.items()))
