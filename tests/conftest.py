"""Tests run under the settings of the pipeline: the package is imported before numpy."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter
from tests.page.chromium import chromium, required

import phenoprot  # noqa: F401

BROWSER = "tests/page/test_browser.py"


MadeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def made_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Give a folder by its name, filled by the first worker that asks; copy it to change it."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        base = base.parent  # that of all workers of this run

    def folder_of(name: str, fill: Callable[[Path], object]) -> Path:
        folder, finished = base / name, base / f"{name}.made"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not finished.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                finished.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def whole_run(made_once: MadeOnce) -> Path:
    """Folder of a whole run of the pipeline on a tiny phantom; copy it before you change it."""
    from tests.whole import run_whole

    return made_once("whole", run_whole)


@pytest.fixture(scope="session", autouse=True)
def judged() -> Iterator[dict[bytes, Any]]:
    """Failed rows by rule, of batches that Great Expectations has judged in this process.

    Equal ones are judged once: they take most of a validation, and a fault changes few of them.
    """
    from phenoprot.validation import suites

    known: dict[bytes, Any] = {}
    judge = suites._run_suite

    def remembered(source: Any, name: str, batch: Any, rules: Any, limits: Any) -> Any:
        content = name, [*batch.dtypes.items()], batch.to_dict("list"), rules, {**limits}
        key = hashlib.sha256(repr(content).encode(errors="surrogatepass")).digest()
        if key not in known:
            known[key] = judge(source, name, batch, rules, limits)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suites, "_run_suite", remembered)
        yield known


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
