"""Messages are one bounded line; errors of the environment become such messages."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.errors import (
    LONGEST_MESSAGE,
    UserError,
    as_user_error,
    listed,
    quoted,
    shortened,
)


@given(st.text(), st.text(), st.text())
def test_a_message_is_one_printable_bounded_line(what: str, where: str, remedy: str) -> None:
    text = str(UserError(what * 50, where=where * 50, remedy=remedy * 50))
    assert len(text) <= LONGEST_MESSAGE
    assert text.isprintable()


def test_a_long_message_keeps_its_place_and_its_remedy() -> None:
    text = str(UserError("x" * 3_000_000, where="wells.csv", remedy="Fix it."))
    assert text.startswith("wells.csv: xxx")
    assert text.endswith("xxx. Fix it.")
    assert len(text) <= LONGEST_MESSAGE


def test_items_are_bounded_too() -> None:
    assert len(listed(["y" * 10_000] * 9)) < 1000
    assert listed(["y" * 10_000] * 9).endswith("and 4 more")
    assert quoted("a\nb") == "'a b'"
    assert quoted("\x1b[2J") == r"'\x1b[2J'"
    assert len(quoted("z" * 999)) < 100
    assert quoted(10**6000) == "a whole number of very many digits"
    assert shortened("abc") == "abc"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "full", "a.parquet"), "a.parquet: No space left on device. Free"),
        (PermissionError(errno.EACCES, "no", "a"), "a: Permission denied. Check the perm"),
        (OSError(errno.EROFS, "ro", "a"), "a: Read-only file system."),
        (OSError(errno.EMFILE, "many"), "Too many open files. Raise the limit"),
        (MemoryError(), "out of memory. Free memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left"),
        (OSError("Error writing bytes. Detail: [errno 28] No space left on device"), "No space"),
        (OSError(errno.EACCES, "no", "a", None, "b"), "b: Permission denied"),
    ],
)
def test_errors_of_the_environment(error: Exception, text: str) -> None:
    found = as_user_error(error)
    assert found is not None
    assert str(found).startswith(text)


def test_a_bug_is_no_user_error() -> None:
    for bug in (ValueError("x"), RuntimeError("x"), KeyError("x"), OSError("x")):
        assert as_user_error(bug) is None
    mistake = UserError("x")
    assert as_user_error(mistake) is mistake


def test_the_real_errors_are_known(tmp_path: Path) -> None:
    with pytest.raises(MemoryError) as memory:
        np.ones(2**48)
    assert as_user_error(memory.value) is not None
    with pytest.raises(FileNotFoundError) as missing:
        (tmp_path / "a").read_bytes()
    assert str(tmp_path / "a") in str(as_user_error(missing.value))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(OSError, match="Too many") as many:
            os.dup(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "ulimit" in str(as_user_error(many.value))
