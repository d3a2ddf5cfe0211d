"""Temporary names of what is being written, ``.<name>.<random>.partial``, each with a lock.

What a killed process left has such a name and no lock: the next one that writes there removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path

PARTIAL = ".partial"
"""End of the temporary name of what is being written."""


def partial_name(path: Path, suffix: str = "") -> Path:
    """A new temporary name beside `path`."""
    # Names of files end at 255 bytes; suffix last, for writers that go by it.
    name = path.name
    if len(os.fsencode(name)) >= 150:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return path.with_name(f".{name}.{secrets.token_hex(6)}{PARTIAL}{suffix}")


def remove_stale(path: Path) -> None:
    """Remove what killed processes left beside `path` under temporary names of it."""
    start = partial_name(path).name.rsplit(".", 2)[0]
    stale = re.compile(rf"{re.escape(start)}\.[0-9a-f]{{12}}{re.escape(PARTIAL)}")
    with suppress(OSError):
        for found in path.parent.iterdir():
            if stale.match(found.name):
                remove_abandoned(found)


def remove_abandoned(path: Path) -> None:
    """Remove a temporary file or folder unless the process that writes it still lives."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:  # somebody writes it, or the file system has no locks: leave it
        return
    finally:
        os.close(handle)


def claimed(place: Path, suffix: str, *, folder: bool) -> tuple[Path, int]:
    """Make a temporary file or folder and lock it until its handle, the second, is closed."""
    while True:
        temporary = partial_name(place, suffix)
        if folder:
            temporary.mkdir()
        else:
            temporary.touch(0o600, exist_ok=False)
        try:
            handle = os.open(temporary, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if locked(handle, temporary):
            return temporary, handle
        # Another process took it for abandoned, just before it was locked.
        os.close(handle)


def locked(handle: int, path: Path) -> bool:
    """Lock what an open handle refers to; False if another process is about to remove it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system: then nobody removes it, either
        return True
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
