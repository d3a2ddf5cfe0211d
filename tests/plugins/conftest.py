"""The package ``toy``, installed for a test: its folder and its metadata on the path."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phenoprot.report.parts import table_parts

PLUGINS = Path(__file__).parent
Install = Callable[[str, dict[str, dict[str, str]]], None]


def _entry_points(groups: dict[str, dict[str, str]]) -> str:
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    return "\n".join(lines) + "\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write the metadata that an installer would write: name, and entry points by group."""
    site = tmp_path / "site-packages"

    def write(name: str, groups: dict[str, dict[str, str]]) -> None:
        info = site / f"{name}-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(_entry_points(groups))
        monkeypatch.syspath_prepend(site)

    return write


@pytest.fixture
def toy(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install ``toy`` as its pyproject.toml has it."""
    project = tomllib.loads((PLUGINS / "toy" / "pyproject.toml").read_text())["project"]
    install(project["name"], project["entry-points"])
    monkeypatch.syspath_prepend(PLUGINS)
    table_parts.cache_clear()  # a process asks once which packages there are
    yield
    table_parts.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]
