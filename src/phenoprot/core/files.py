"""Files that appear whole or not at all, and the fingerprints that name their content.

What is being written has a temporary name, ``.<name>.<random>.partial``, and holds a lock. What a
killed process left has such a name and no lock: the next one that writes there removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.errors import UserError, listed

PARTIAL = ".partial"
"""End of the temporary name of what is being written."""
MARKER = ".phenoprot-output.json"
"""File of an output folder that names the others: what a command wrote, and may replace."""
LARGEST_TEXT = 64 * 2**20
"""Bytes of a settings file, far above any real one."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` if the block succeeds.

    A block that raises leaves `path` as it was and no temporary file behind.

    Raises
    ------
    UserError
        `path` is a folder, or something else than a file.
    """
    if path.exists() and not path.is_file():
        raise UserError(
            f"is {kind_of(path)}, a file is to be written there",
            where=str(path),
            remedy="Name a file.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path)
    temporary, handle = _claimed(path, path.suffix, folder=False)
    try:
        yield temporary
        # Private until it is whole; then as readable as any new file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _temporary(path: Path, suffix: str = "") -> Path:
    # Names of files end at 255 bytes; suffix last, for writers that go by it.
    name = path.name if len(os.fsencode(path.name)) < 150 else fingerprint(path.name)[:32]
    return path.with_name(f".{name}.{secrets.token_hex(6)}{PARTIAL}{suffix}")


def remove_stale(path: Path) -> None:
    """Remove what killed processes left beside `path` under temporary names of it."""
    start = _temporary(path).name.rsplit(".", 2)[0]
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


def _claimed(place: Path, suffix: str, *, folder: bool) -> tuple[Path, int]:
    """Make a temporary file or folder and lock it until its handle, the second, is closed."""
    while True:
        temporary = _temporary(place, suffix)
        if folder:
            temporary.mkdir()
        else:
            temporary.touch(0o600, exist_ok=False)
        try:
            handle = os.open(temporary, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if _lock(handle, temporary):
            return temporary, handle
        # Another process took it for abandoned, just before it was locked.
        os.close(handle)


def _lock(handle: int, path: Path) -> bool:
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
    temporary, handle = _claimed(place, "", folder=True)
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
    aside = _temporary(folder)
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # another process has just replaced it
        return
    try:
        _lock(handle, folder)
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


def kind_of(path: Path) -> str:
    """What stands at a path, for messages: ``a folder``, ``a named pipe`` and so on."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "missing"
    names = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return names.get(stat.S_IFMT(mode), "a file")


def resolved(path: Path) -> Path:
    """A path without links; what it leads to need not be there.

    Raises
    ------
    UserError
        A link in it leads back to itself.
    """
    try:
        return path.resolve()
    except RuntimeError:
        raise UserError(
            "is a link that leads back to itself", where=str(path), remedy="Remove the link."
        ) from None


def require_file(path: Path, remedy: str = "Check the path.") -> None:
    """Stop unless `path` is a file: opening a pipe would wait for ever, a device never end.

    Raises
    ------
    UserError
        There is nothing, or something else.
    """
    if not path.exists():
        raise UserError("no such file", where=str(path), remedy=remedy)
    if not path.is_file():
        raise UserError(
            f"is {kind_of(path)}, expected a file", where=str(path), remedy="Name a file."
        )


def decode_text(content: bytes, where: str) -> str:
    """Decode UTF-8, with or without a byte-order mark.

    Raises
    ------
    UserError
        Another encoding, or no text at all; names the first bad line and counts them.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4096]:
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise UserError(
            "is UTF-16 text, expected UTF-8" if wide else "holds NUL bytes: it is no text file",
            where=where,
            remedy="Save it as UTF-8 text (Excel: 'CSV UTF-8').",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lines = [n for n, line in enumerate(content.splitlines(), 1) if not _is_utf8(line)]
        raise UserError(
            f"{max(len(lines), 1)} line(s) are not UTF-8 text: line {listed(lines)} "
            f"(byte 0x{content[error.start]:02x})",
            where=where,
            remedy="Save the file as UTF-8 text.",
        ) from None


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read_text(path: Path, limit: int = LARGEST_TEXT) -> str:
    """Read a small UTF-8 text file, such as settings.

    Raises
    ------
    UserError
        No such file, not a file, larger than `limit` bytes, or not UTF-8.
    """
    require_file(path)
    size = path.stat().st_size
    if size > limit:
        raise UserError(
            f"has {size} bytes, at most {limit} are read",
            where=str(path),
            remedy="This is no such file: check the path.",
        )
    return decode_text(path.read_bytes(), str(path))


def read_json(path: Path, remedy: str = "Make it again.") -> Any:
    """Read a JSON file that the project wrote.

    Raises
    ------
    UserError
        Missing, cut, empty or otherwise damaged.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"is damaged: {error}", where=str(path), remedy=remedy) from None


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys. NaN is a ValueError: leave it out."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write `table` without its index. Equal tables give identical bytes."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """Hex SHA-256 over JSON-serialisable `parts`; equal values give equal fingerprints."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
