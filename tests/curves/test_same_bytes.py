"""The same bytes, whatever ran before: cold and warm caches, threads, other compilers' choices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from phenoprot.core import runtime

DRIVER = Path(__file__).with_name("same_bytes.py")
SOURCES = Path(runtime.__file__).parents[1]


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The driver in an environment that nothing has pinned."""
    free: Mapping[str, str] = {
        name: value
        for name, value in os.environ.items()
        if name not in runtime.PINNED and not name.startswith("NUMBA_")
    }
    return subprocess.Popen(
        [sys.executable, str(DRIVER), *arguments],
        env={**free, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(run: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = run.communicate(timeout=600)
    assert run.returncode == 0, err
    return dict(json.loads(out), stderr=err)


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_cache_threads_and_the_compilers_choices_change_no_byte(tmp_path: Path) -> None:
    before = files(SOURCES)
    # Filled by a process that is not pinned, and by one that is, but optimises less.
    unpinned = start("0", "numba", NUMBA_CACHE_DIR=str(tmp_path))
    simple = answer(start("1", NUMBA_CACHE_DIR=str(tmp_path), NUMBA_OPT="1"))
    foreign = answer(unpinned)
    assert foreign["target"] != ["haswell", ""]
    assert foreign["stderr"].startswith("warning: numpy, numba imported before phenoprot")
    assert foreign["stderr"].count("\n") == 1
    filled = files(tmp_path)
    cold = answer(start("2", NUMBA_CACHE_DIR=str(tmp_path)))
    kept = files(tmp_path)
    assert {name: kept[name] for name in filled} == filled  # nothing of theirs is used or changed
    assert sum(name.endswith(".nbc") for name in kept.keys() - filled.keys()) == 5
    warm = answer(start("1", NUMBA_CACHE_DIR=str(tmp_path)))
    assert files(tmp_path) == kept
    for run in (simple, cold, warm):
        assert run["stderr"] == ""
        assert run["target"] == ["haswell", ""]
        assert run["variants"] == [1, 1, 1, 1, 1]
        assert run["bytes"] == warm["bytes"]
    new = files(SOURCES).keys() - before.keys()
    assert not [name for name in new if name.endswith((".nbi", ".nbc"))]
