"""Without a browser the tests of the pages say so; where one is required they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.page.chromium import REQUIRED, VARIABLE, chromium

ROOT = Path(__file__).parents[2]


def browser_tests(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of the browser where PATH has none."""
    kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "tests/page/test_browser.py", *arguments],
        cwd=ROOT,
        env={**kept, "PATH": str(Path(sys.executable).parent), **variables},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip


def test_a_missing_browser_is_named_in_the_last_lines() -> None:
    done = browser_tests()
    assert done.returncode == 0, done.stdout
    last = "\n".join(done.stdout.splitlines()[-3:])
    assert "no Chromium here" in last
    assert "apt-get install chromium" in last


def test_tests_that_did_not_run_fail_where_a_browser_is_required() -> None:
    done = browser_tests("-k", "no_such_test", **{VARIABLE: REQUIRED})
    assert done.returncode == 1
    assert "a browser is required" in done.stdout


def test_a_browser_is_found_by_name_or_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/opt/mine")
    assert chromium() == "/opt/mine"
    monkeypatch.setenv(VARIABLE, REQUIRED)
    monkeypatch.setenv("PATH", "/nowhere")
    assert chromium() is None
