"""Files that others published: named by repository, commit and checksum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phenoprot.errors import UserError
from phenoprot.files import file_sha256


@dataclass(frozen=True)
class UpstreamFile:
    """One file, named so that anyone can fetch the very same bytes."""

    name: str
    repository: str
    commit: str
    sha256: str


def find_upstream(folder: Path, file: UpstreamFile) -> Path:
    """Find `file` anywhere under `folder` and check its SHA-256.

    Raises
    ------
    UserError
        Not there, or other bytes than the named commit holds.
    """
    origin = f"github.com/{file.repository} at commit {file.commit}"
    found = sorted(folder.rglob(file.name))
    if not found:
        raise UserError(
            f"'{file.name}' is not there", where=str(folder), remedy=f"Fetch it from {origin}."
        )
    if file_sha256(found[0]) != file.sha256:
        raise UserError(
            f"SHA-256 is not {file.sha256}",
            where=str(found[0]),
            remedy=f"Fetch it again from {origin}.",
        )
    return found[0]
