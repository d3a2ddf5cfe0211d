from __future__ import annotations

from pathlib import Path

import pytest

from phenoprot.execution.run import EXECUTORS

from .computations import in_process


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """Folder that tells how often each shard was begun."""
    return tmp_path / "counts"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are computed in this process."""
    monkeypatch.setitem(EXECUTORS, "local", in_process)
