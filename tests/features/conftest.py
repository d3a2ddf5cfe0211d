from __future__ import annotations

from pathlib import Path

import pytest
from tests.crops.scenes import Scene, usual
from tests.execution.computations import in_process

from phenoprot.execution.run import EXECUTORS


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are computed in this process."""
    monkeypatch.setitem(EXECUTORS, "local", in_process)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Two plates, three plate rows, five fields; one field has no cell, one only a cut one."""
    return usual(tmp_path)
