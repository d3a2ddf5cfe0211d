"""The folder of weights: find a file, and prove that it is the one that was meant."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.files import file_sha256, kind_of
from phenoprot.weights.manifest import Published, manifest
from phenoprot.weights.settings import WeightsSettings

FOLDER_VARIABLE = "PHENOPROT_WEIGHTS"


def weights_folder(folder: Path | None = None) -> Path:
    """Where weights lie: `folder`, else ``$PHENOPROT_WEIGHTS``, else a folder of the user's cache.

    It is outside the repository: gigabytes of others' weights are shared by all checkouts.
    """
    if folder is not None:
        return folder
    named = os.environ.get(FOLDER_VARIABLE)
    return _expanded(named or "~/.cache/phenoprot/weights")


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no home, or ~ and the name of nobody
        raise UserError(
            "stands below a home folder that is not known",
            where=quoted(path),
            remedy=f"Write the whole path, or set {FOLDER_VARIABLE}.",
        ) from None


def locate(weights: WeightsSettings, folder: Path | None = None) -> Path:
    """Find a file of weights and check its hash.

    Parameters
    ----------
    weights
        Name of published weights, or path of a file, and its hash.
    folder
        Folder of published weights; None: see `weights_folder`.

    Returns
    -------
    pathlib.Path
        An existing file whose SHA-256 is the expected one.

    Raises
    ------
    UserError
        The file is not there, its hash is another one, or nobody has said what it must be.
    """
    entry = manifest().get(weights.file)
    path = weights_folder(folder) / entry.file if entry else _expanded(weights.file)
    _require_no_other(path)
    if not path.is_file():
        raise _absent(weights.file, entry, path)
    expected = expected_sha256(weights.file, entry, weights.sha256)
    found = file_sha256(path)
    if expected is None:
        raise _unpinned(str(path), f"; it has {found}")
    if found != expected:
        raise UserError(
            f"its SHA-256 is {found}, expected {expected}",
            where=str(path),
            remedy="It is damaged or another file: remove it and fetch the right one.",
        )
    return path


def _require_no_other(path: Path) -> None:
    """Stop at what is neither a file nor absent, e.g. a folder or a named pipe."""
    if path.exists() and not path.is_file():
        raise UserError(
            f"is {kind_of(path)}, expected a file of weights",
            where=str(path),
            remedy="Name the file itself, or move this away.",
        )


def pinned_sha256(weights: WeightsSettings) -> str:
    """The hash that a file of weights must have, without reading it.

    Raises
    ------
    UserError
        Neither the manifest nor the user says it, or they contradict each other.
    """
    expected = expected_sha256(weights.file, manifest().get(weights.file), weights.sha256)
    if expected is None:
        raise _unpinned(weights.file, " (`sha256sum` prints what it has)")
    return expected


def _unpinned(where: str, found: str) -> UserError:
    return UserError(
        f"nothing says which SHA-256 this file must have{found}",
        where=where,
        remedy="If you trust the file, name its hash as sha256 beside it, so that every later "
        "run is one with the same weights.",
    )


def expected_sha256(name: str, entry: Published | None, stated: str | None) -> str | None:
    """The hash that a file must have: the manifest's or the user's.

    Raises
    ------
    UserError
        They contradict each other.
    """
    known = entry.sha256 if entry else None
    if known and stated and known != stated:
        raise UserError(
            f"sha256 is {stated}, but the published file has {known}",
            where=name,
            remedy="Leave sha256 out, or give the path of your own file.",
        )
    return known or stated


def _absent(name: str, entry: Published | None, path: Path) -> UserError:
    if entry is None:
        names = ", ".join(manifest())
        return UserError(
            "no such file of weights",
            where=str(path),
            remedy=f"Check the path, or name published weights ({names}).",
        )
    if entry.url:
        how = f"Run `phenoprot weights fetch {name}`"
    else:
        how = f"Get the file from {entry.page} and place it there"
    return UserError(
        f"the weights '{name}' are not there",
        where=str(path),
        remedy=f"{how}; without them the method does not run (its '-untrained' form does).",
    )


@dataclass(frozen=True)
class Status:
    """What is known of one published file in the folder."""

    name: str
    path: Path
    state: Literal["absent", "verified", "mismatch", "unpinned"]
    """``unpinned``: there, but the manifest has no hash to hold it against."""
    found: str | None
    """SHA-256 of the file, if it is there."""


def verify(folder: Path | None = None) -> list[Status]:
    """Hash every published file in the folder and hold it against the manifest."""
    return [_status(name, entry, weights_folder(folder)) for name, entry in manifest().items()]


def _status(name: str, entry: Published, folder: Path) -> Status:
    path = folder / entry.file
    _require_no_other(path)
    if not path.is_file():
        return Status(name, path, "absent", None)
    found = file_sha256(path)
    if entry.sha256 is None:
        return Status(name, path, "unpinned", found)
    return Status(name, path, "verified" if found == entry.sha256 else "mismatch", found)
