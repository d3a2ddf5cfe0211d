"""Pages to look at: of a tiny phantom, and of the screens that this folder has results of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.wild.stages import inside

from phenoprot.core.paths import Paths

ROOT = Path(__file__).parents[2]
SHIPPED = ("phantom", "cpjump1", "comas")


@pytest.fixture(scope="session")
def tiny(whole_run: Path) -> Path:
    """Folder of a whole run on a tiny phantom, its page among the results."""
    return whole_run


@pytest.fixture(scope="session")
def pages(tiny: Path) -> dict[str, Path]:
    """Pages by name: of the tiny phantom, and of the shipped screens as the pipeline left them."""
    found = {"tiny": tiny / Paths("phantom").page}
    shipped = {name: ROOT / Paths(name).page for name in SHIPPED}
    return found | {name: page for name, page in shipped.items() if page.is_file()}


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the tiny run to change, as the working folder."""
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder, symlinks=True)
    with inside(folder):
        yield folder
