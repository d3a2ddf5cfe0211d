"""Files of a git revision, read from git's store: nothing is checked out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from phenoprot.core.errors import UserError, listed, quoted


@dataclass(frozen=True)
class Revision:
    """A commit and its files below the working folder."""

    name: str
    """As the user wrote it."""
    commit: str
    """Full hash."""
    blobs: dict[str, str]
    """Hash of each file's content, by its path from the working folder."""

    @classmethod
    def open(cls, name: str) -> Revision:
        """Look a revision up.

        Raises
        ------
        UserError
            No git, no repository, or no such revision in it.
        """
        if not name or name.startswith("-"):
            raise UserError(f"{quoted(name)} is no revision", remedy="Name a commit or a branch.")
        _git("rev-parse", "--git-dir", fault="the working folder is in no git repository")
        commit = _git(
            *("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"),
            fault=f"no revision {quoted(name)} in this repository",
            remedy="Check the name; of a shallow clone, fetch it first (`git fetch --unshallow`).",
        )
        tree = _git("ls-tree", "-r", "-z", commit.decode().strip()).decode("utf-8", "replace")
        blobs = {}
        for line in filter(None, tree.split("\0")):
            about, path = line.split("\t", 1)
            _, kind, content = about.split()
            if kind == "blob":
                blobs[path] = content
        return cls(name, commit.decode().strip(), blobs)

    @property
    def short(self) -> str:
        """The name with the commit, unless it is one."""
        start = self.commit[:8]
        named = len(self.name) >= 4 and self.commit.startswith(self.name.lower())
        return start if named else f"{self.name} ({start})"

    def below(self, folder: str) -> list[str]:
        """Paths of the files in a folder, sorted; of a file its own."""
        return sorted(p for p in self.blobs if p == folder or p.startswith(f"{folder}/"))

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Contents of several files, by one process of git.

        Raises
        ------
        UserError
            A file is not in the revision.
        """
        wanted = sorted(set(paths))
        if lacking := [path for path in wanted if path not in self.blobs]:
            raise UserError(
                f"is not in revision {self.name}",
                where=lacking[0],
                remedy="Compare revisions that hold results (a commit after `dvc repro`).",
            )
        asked = "".join(f"{self.blobs[path]}\n" for path in wanted)
        stream = _git("cat-file", "--batch", given=asked.encode())
        found, at = {}, 0
        for path in wanted:
            end = stream.index(b"\n", at)
            size = int(stream[at:end].split()[2])
            found[path] = stream[end + 1 : end + 1 + size]
            at = end + size + 2
        return found


def uncommitted(*paths: str) -> list[str]:
    """Files of some paths of the working folder that differ from the last commit."""
    # Without optional locks git writes nothing, not even what it found out.
    said = _git("--no-optional-locks", "status", "--porcelain", "-z", "--", *paths)
    return [entry[3:] for entry in said.decode("utf-8", "replace").split("\0") if entry]


def _git(*arguments: str, fault: str = "", remedy: str = "", given: bytes = b"") -> bytes:
    """Output of a git command."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False, input=given)
    except FileNotFoundError:
        raise UserError("git is not installed", remedy="Install git.") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise UserError(fault or f"git {listed(arguments)} failed: {said}", remedy=remedy)
    return done.stdout
