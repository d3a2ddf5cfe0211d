"""Tests run under the settings of the pipeline: the package is imported before numpy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from tests.page.chromium import chromium, required

import phenoprot  # noqa: F401

BROWSER = "tests/page/test_browser.py"


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole run of the pipeline on a tiny phantom; copy it before you change it."""
    from tests.whole import run_whole

    folder = tmp_path_factory.mktemp("whole")
    run_whole(folder)
    return folder


def of_browser(config: pytest.Config, outcome: str) -> bool:
    """Whether a test in the browser has this outcome."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get(outcome, []) if reporter else []
    return any(getattr(report, "nodeid", "").startswith(BROWSER) for report in reports)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where the browser is required and no test ran in it."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    if required() and not of_browser(session.config, "passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # after pytest's own summary
def pytest_terminal_summary(
    terminalreporter: TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    """Say in the last lines that the pages were not opened, where they were not."""
    yield
    if required() and not of_browser(config, "passed"):
        terminalreporter.write_line(f"{BROWSER}: no test passed, and a browser is required")
    elif chromium() is None and of_browser(config, "skipped"):
        terminalreporter.write_line(
            f"{BROWSER}: not run, no Chromium here. Debian, Ubuntu: apt-get install chromium"
        )
