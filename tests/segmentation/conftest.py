from __future__ import annotations

import pytest
from tests.execution.computations import in_process

from phenoprot.execution.run import EXECUTORS


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are computed in this process."""
    monkeypatch.setitem(EXECUTORS, "local", in_process)
