"""Tests run under the settings of the pipeline: the package is imported before numpy."""

from pathlib import Path

import pytest

import phenoprot  # noqa: F401


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole run of the pipeline on a tiny phantom; copy it before you change it."""
    from tests.whole import run_whole

    folder = tmp_path_factory.mktemp("whole")
    run_whole(folder)
    return folder
