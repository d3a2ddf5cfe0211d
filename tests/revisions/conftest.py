from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.revisions.tiny import Repository

from phenoprot.revisions.compare import Comparison, compare
from phenoprot.revisions.git import Revision
from phenoprot.revisions.state import State


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.chdir(tmp_path)
    return Repository()


@pytest.fixture
def against(repository: Repository) -> Callable[[str], Comparison]:
    """Commit the repository as it is, and compare it with an earlier revision."""

    def found(old: str) -> Comparison:
        repository.commit()
        return compare(*(State.read(Revision.open(name)) for name in (old, "HEAD")))

    return found
