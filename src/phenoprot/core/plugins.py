"""Objects found by name: those of this package, and those of others by entry points.

Nothing is imported before it is asked for: an entry of this package is a string,
``"module:object"``, one of another package an entry point of a group.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Any

from phenoprot.core.errors import UserError, listed, quoted


@dataclass(frozen=True)
class Registry:
    """The objects of one kind."""

    kind: str
    """What they are, for messages, e.g. ``task``."""
    group: str
    """Group of the entry points, e.g. ``phenoprot.tasks``."""
    built_in: Mapping[str, str]
    """``"module:object"`` by name, in the order of listings."""
    patterns: tuple[str, ...] = ()
    """Names of other forms that the caller takes, for messages, e.g. ``timm:<model>``."""

    def names(self) -> list[str]:
        """All names: built-in ones in their order, then those of other packages, sorted.

        Raises
        ------
        UserError
            Two packages offer one name, or a package offers a built-in one.
        """
        return [*self.built_in, *self._others()]

    def load(self, name: str, where: str = "params.yaml") -> Any:
        """Import the object of a name.

        Parameters
        ----------
        name
            Its name.
        where
            Key or file that holds the name, for the message.

        Raises
        ------
        UserError
            There is none of this name; or the package that offers it cannot be imported.
        """
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return getattr(import_module(module), attribute)
        others = self._others()
        if name not in others:
            raise UserError(
                f"no {self.kind} {quoted(name)}; there are: "
                f"{', '.join([*self.names(), *self.patterns])}",
                where=where,
                remedy=f"Name one of these, or install the package that offers it (entry points "
                f"{self.group}).",
            )
        try:
            return others[name].load()
        except Exception as error:
            raise self.fault(
                name, f"cannot be imported: {type(error).__name__}: {error}"
            ) from error

    def fault(self, name: str, what: str) -> UserError:
        """The message for what is wrong with the entry of another package."""
        entry = self._others()[name]
        return UserError(
            f"entry point {quoted(name)} = {quoted(entry.value)} {what}",
            where=f"distribution {_distribution(entry)}, group {self.group}",
            remedy="Repair or uninstall this package.",
        )

    def _others(self) -> dict[str, EntryPoint]:
        """Entry points by name, sorted."""
        found: dict[str, list[EntryPoint]] = {}
        for entry in _entry_points(self.group, _installed()):
            found.setdefault(entry.name, []).append(entry)
        for name, entries in sorted(found.items()):
            owners = sorted({_distribution(entry) for entry in entries})
            ours, many = name in self.built_in, len(entries) > 1
            if ours or many:
                owner = "phenoprot has" if ours else f"{len(entries)} packages have"
                raise UserError(
                    f"entry point {quoted(name)} is taken: {owner} one of this name",
                    where=f"distribution {listed(owners)}, group {self.group}",
                    remedy="Uninstall the package, or rename the entry.",
                )
        return {name: found[name][0] for name in sorted(found)}


def _installed() -> tuple[tuple[str, int], ...]:
    """Folders that packages are looked for in, and when each got or lost one."""
    folders = (Path(entry) for entry in sys.path)
    return tuple((str(f), f.stat().st_mtime_ns) for f in folders if f.is_dir())


@lru_cache(maxsize=64)
def _entry_points(group: str, _where: tuple[tuple[str, int], ...]) -> EntryPoints:
    """Entry points of a group: asked for dozens of times, and each reads what is installed."""
    return entry_points(group=group)


def _distribution(entry: EntryPoint) -> str:
    return str(entry.dist.name) if entry.dist is not None else "(unknown)"
