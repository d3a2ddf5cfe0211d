"""Files that others published: named by repository, commit and checksum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phenoprot.core.errors import UserError
from phenoprot.core.files import file_sha256, kind_of


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
        Not there, or only with other bytes than the named commit holds.
    """
    origin = f"github.com/{file.repository} at commit {file.commit}"
    remedy = f"Fetch it from {origin}."
    if not folder.is_dir():
        what = f"is {kind_of(folder)}, expected a folder" if folder.exists() else "no such folder"
        raise UserError(what, where=str(folder), remedy=f"Name the folder of {file.name}.")
    # A folder may have the name; a link may lead nowhere, or to itself.
    found = [path for path in sorted(folder.rglob(file.name)) if path.is_file()]
    if not found:
        raise UserError(f"'{file.name}' is not there", where=str(folder), remedy=remedy)
    for path in found:
        if file_sha256(path) == file.sha256:
            return path
    others = f" (nor is that of {len(found) - 1} more of the name)" if len(found) > 1 else ""
    raise UserError(
        f"SHA-256 is not {file.sha256}{others}",
        where=str(found[0]),
        remedy=f"Fetch it again from {origin}.",
    )
