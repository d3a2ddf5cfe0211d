from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .inputs import KITS
from .mutations import copy_kit
from .readers import Reader
from .stages import inside

Kit = Callable[[str], Path]
Good = Callable[[Reader], Any]


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Folder of a good input, built once."""
    built: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in built:
            built[name] = tmp_path_factory.mktemp(name)
            KITS[name](built[name])
        return built[name]

    return folder


@pytest.fixture(scope="session")
def good(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Good:
    """What a reader gives on its good input, read once."""
    values: dict[str, Any] = {}

    def value(reader: Reader) -> Any:
        if reader.name not in values:
            folder = copy_kit(kit(reader.kit), tmp_path_factory.mktemp("good") / "copy")
            with inside(folder):
                values[reader.name] = reader.read()
                if reader.gate is not None:
                    reader.gate()
        return values[reader.name]

    return value
