"""The code that a result depends on: all modules that its module imports, and what these import.

The sources are parsed, not imported, so asking costs little and runs nothing. An import counts
wherever it stands, in a function too, but not below ``if TYPE_CHECKING`` (nothing runs there) nor
below ``if __name__ == "__main__"`` (what starts a script computes nothing). Two kinds of text count
like imports: the name of a module (``"phenoprot.curves.kernel"``, as in ``python -m``), and
``"module:name"`` as registries have it. So does the name of a data file beside the module.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from phenoprot.core import runtime
from phenoprot.core.files import file_sha256, fingerprint

PACKAGE = __name__.partition(".")[0]
INERT = frozenset(
    f"{PACKAGE}.core.{name}" for name in ("closure", "errors", "notices", "progress", "version")
)
"""Modules that decide what is printed or how a key is made, never what is written. They do not
count in the keys of shards, so that a better message does not train a network again."""
_LAZY = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.\w+)+)(?::\w+)?")
_NOT_FOLLOWED = {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}
_DATA_FILE = re.compile(r"[\w-]+\.(?:css|csv|html|js|json|toml|txt|yaml)")


@dataclass(frozen=True)
class Closure:
    """What a module depends on."""

    modules: dict[str, Path]
    """Source files by dotted name, sorted; a script and data files stand under their paths."""
    libraries: frozenset[str]
    """Import names of the packages of others, e.g. ``numpy``."""

    @property
    def files(self) -> list[Path]:
        """All files, sorted."""
        return sorted(self.modules.values())


@dataclass(frozen=True)
class _Source:
    """What one file names."""

    modules: frozenset[str]
    libraries: frozenset[str]
    data: frozenset[Path]


def import_closure(*starts: str | Path) -> Closure:
    """Find all code that modules or scripts depend on.

    Parameters
    ----------
    starts
        Dotted names of modules, or paths of scripts. Code of their top-level packages and of this
        one is followed; of other packages only the name is kept.

    Raises
    ------
    ModuleNotFoundError
        There is no such module.
    """
    own = {PACKAGE} | {start.partition(".")[0] for start in starts if isinstance(start, str)}
    found: dict[str, Path] = {}
    libraries: set[str] = set()
    waiting: list[tuple[str, Path]] = []
    for start in starts:
        if isinstance(start, Path):
            waiting.append((start.as_posix(), start))
            continue
        if _file_of(start) is None:
            raise ModuleNotFoundError(f"no module {start} in a package", name=start)
        waiting += _with_parents(start)
    while waiting:
        name, path = waiting.pop()
        if name in found:
            continue
        found[name] = path
        source = _parsed(name, path, frozenset(own))
        libraries |= source.libraries
        found |= {data.as_posix(): data for data in source.data}
        for module in source.modules:
            waiting += _with_parents(module)
    return Closure(dict(sorted(found.items())), frozenset(libraries))


@lru_cache(maxsize=256)
def code_fingerprint(*modules: str) -> str:
    """Hash of the code that decides a result: a changed line is another fingerprint.

    Parameters
    ----------
    modules
        Modules whose functions compute the result, by their dotted names.

    Returns
    -------
    str
        Hex SHA-256 over the sources of the import closure (`INERT` modules aside), the versions of
        the packages of others that are imported there, and the pinned environment.

    Raises
    ------
    ModuleNotFoundError
        There is no such module.
    """
    closure = import_closure(*modules)
    sources = {
        name if path.suffix == ".py" else path.name: file_sha256(path)
        for name, path in closure.modules.items()
        if name not in INERT
    }
    return fingerprint(sources, library_versions(closure.libraries), runtime.PINNED)


def library_versions(libraries: frozenset[str]) -> dict[str, str]:
    """Versions of the distributions that provide the imported `libraries`; "" if not installed."""
    providers = _providers()
    distributions = {name for library in libraries for name in providers.get(library, [library])}
    return {name: _version(name) for name in sorted(distributions)}


@lru_cache(maxsize=1)
def _providers() -> dict[str, list[str]]:
    return {library: sorted(set(names)) for library, names in packages_distributions().items()}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # an optional extra
        return ""


def _with_parents(module: str) -> list[tuple[str, Path]]:
    """A module and the packages it lies in, whose ``__init__`` run first."""
    parts = module.split(".")
    names = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return [(name, path) for name in names if (path := _file_of(name)) is not None]


@lru_cache(maxsize=4096)
def _file_of(module: str) -> Path | None:
    """Source file of a module; None if there is none."""
    top, *rest = module.split(".")
    root = _root_of(top)
    if root is None or root.is_file():
        return None if rest else root
    path = root.joinpath(*rest)
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    path = path.with_suffix(".py")
    return path if rest and path.is_file() else None


@lru_cache(maxsize=64)
def _root_of(package: str) -> Path | None:
    """Folder of a package, or the file of a module that lies in none."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


@lru_cache(maxsize=1024)
def _parsed(name: str, path: Path, own: frozenset[str]) -> _Source:
    """Modules of the packages `own`, libraries and data files that a source file names."""
    if path.suffix != ".py":
        return _Source(frozenset(), frozenset(), frozenset())
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    modules: set[str] = set()
    libraries: set[str] = set()
    data: set[Path] = set()
    for node in _run_nodes(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        for target in _imported(node, package):
            top = target.partition(".")[0]
            if top not in own:
                libraries.add(top)
            elif (module := _nearest(target)) is not None:
                modules.add(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            lazy = _LAZY.fullmatch(node.value)
            if lazy and lazy["module"].partition(".")[0] in own and _file_of(lazy["module"]):
                modules.add(lazy["module"])
            if _DATA_FILE.fullmatch(node.value) and path.with_name(node.value).is_file():
                data.add(path.with_name(node.value))
    libraries -= set(sys.stdlib_module_names)
    return _Source(frozenset(modules - {name}), frozenset(libraries), frozenset(data))


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker sees, and those that start a script."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in _NOT_FOLLOWED:
            waiting += node.orelse
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def _imported(node: ast.AST, package: str) -> list[str]:
    """Dotted names that an import statement may bind to modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, *([base] if base else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def _nearest(name: str) -> str | None:
    """The module that `name` is, or is defined in."""
    while name:
        if _file_of(name) is not None:
            return name
        name = name.rpartition(".")[0]
    return None
