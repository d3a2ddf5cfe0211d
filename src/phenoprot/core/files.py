"""Files that appear whole or not at all, and the fingerprints that name their content."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.partial import claimed, remove_stale

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
    temporary, handle = claimed(path, path.suffix, folder=False)
    try:
        yield temporary
        # Private until it is whole; then as readable as any new file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
