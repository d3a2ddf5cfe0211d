"""Metrics of a made-up screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from phenoprot.report.results import ScreenResults
from phenoprot.report.store import read_metrics

from .toy import FILES, write


@pytest.fixture
def metrics(tmp_path: Path) -> ScreenResults:
    return read_metrics(write(tmp_path / "toy", FILES))
