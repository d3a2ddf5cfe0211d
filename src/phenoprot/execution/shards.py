"""Shards: the pieces that long work is cut into, and how a finished one is told from a broken one.

The result of a shard is a folder that appears whole. It is written under a temporary name, gets a
``shard.json`` with the size and SHA-256 of each file, is flushed to disk and renamed. It lies at
``<work>/<start of the fingerprint>/<name>``: results of several parameter settings live side by
side, and going back to an earlier setting finds its shards.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phenoprot.core.files import file_sha256, fingerprint, write_json
from phenoprot.core.folders import temporary_folder
from phenoprot.core.partial import PARTIAL, remove_abandoned
from phenoprot.core.settings import Settings

MANIFEST = "shard.json"
"""File of a shard's folder that names the others."""

Compute = Callable[[Any, Path], None]
"""Computes a payload and writes files into the folder; a top-level function, or a partial of one,
that a worker process can import."""


@dataclass(frozen=True)
class Shard:
    """A piece of work."""

    name: str
    """For people, e.g. ``BR00117010/C``; unique among the shards of one fingerprint."""
    fingerprint: str
    """Hash of everything the result depends on besides the name: inputs, parameters, code."""
    payload: Any
    """What the computation needs to know: small, picklable."""


class FileRecord(Settings):
    """A file of a finished shard."""

    sha256: str
    """Hex SHA-256 of its bytes."""
    size: int
    """Bytes."""


class Manifest(Settings):
    """The content of ``shard.json``."""

    name: str
    """Name of the shard."""
    fingerprint: str
    """Fingerprint of the shard."""
    files: dict[str, FileRecord]
    """Every file of the folder by its path in there."""


def shard_folder(work: Path, shard: Shard) -> Path:
    """Where the result of `shard` lies, or will."""
    return work / safe_name(shard.fingerprint[:16]) / safe_name(shard.name)


def safe_name(name: str) -> str:
    """A file name for any text; different texts get different names. ``P1/C`` is ``P1~C``."""
    escapes = {"/": "~", " ": "+"}
    text = re.sub(
        r"^\.|[^A-Za-z0-9._-]", lambda m: escapes.get(m[0], "=" + m[0].encode().hex()), name
    )
    # Names of files end at 255 bytes, and temporary ones are longer.
    return text if 0 < len(text) <= 150 else f"{text[:100]}={fingerprint(name)[:32]}"


def fault(folder: Path, expected: str) -> str | None:
    """What is wrong with a shard's folder.

    Parameters
    ----------
    folder
        Folder of a finished shard.
    expected
        Fingerprint that the shard should have.

    Returns
    -------
    str or None
        None: the folder is whole, byte by byte. Else the first fault found.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except NotADirectoryError:
        return "it is not a folder"
    except ValidationError:
        return f"{MANIFEST} is damaged"
    if manifest.fingerprint != expected:
        return f"its fingerprint is {manifest.fingerprint[:12]}, not {expected[:12]}"
    for name, record in manifest.files.items():
        if reason := _file_fault(folder / name, record):
            return f"{name} {reason}"
    strange = sorted(_files(folder) - manifest.files.keys() - {MANIFEST})
    return f"{strange[0]} does not belong to it" if strange else None


def _file_fault(path: Path, record: FileRecord) -> str | None:
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != record.size:
        return f"has {size} bytes, not {record.size}"
    return None if file_sha256(path) == record.sha256 else "is corrupt: its SHA-256 has changed"


def complete(folder: Path, expected: str) -> bool:
    """Whether `folder` holds the whole result of a shard with fingerprint `expected`."""
    return fault(folder, expected) is None


def produce(compute: Compute, shard: Shard, folder: Path) -> None:
    """Compute a shard into `folder`, which appears whole or not at all.

    Raises
    ------
    RuntimeError
        The computation wrote no file.
    """
    with temporary_folder(folder) as temporary:
        compute(shard.payload, temporary)
        _seal(temporary, shard)
        try:
            temporary.rename(folder)
        except OSError:
            # A worker that outlived its killed parent for a moment may have come first.
            if not complete(folder, shard.fingerprint):
                raise
        _flush(folder.parent)


def remove(path: Path) -> None:
    """Remove a folder, or what stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_partial(work: Path) -> None:
    """Remove what killed workers left. Only for the one who holds the lock of `work`."""
    for path in work.glob(f"*/.*{PARTIAL}"):
        if path.is_dir():
            remove_abandoned(path)


def _files(folder: Path) -> set[str]:
    """Files of a folder, hidden ones (of file systems and browsers) aside."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def _seal(folder: Path, shard: Shard) -> None:
    """Write the manifest and flush all to disk: after a power cut a name means a whole file."""
    names = sorted(_files(folder))
    if not names:
        raise RuntimeError(f"the computation of shard {shard.name} wrote no file")
    files = {
        name: FileRecord(sha256=file_sha256(folder / name), size=(folder / name).stat().st_size)
        for name in names
    }
    manifest = Manifest(name=shard.name, fingerprint=shard.fingerprint, files=files)
    write_json(folder / MANIFEST, manifest.model_dump())
    for path in [*folder.rglob("*"), folder]:
        _flush(path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
