"""Errors of the machine in one line, quiet ends, no warnings for programmers."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from phenoprot.core.errors import UserError, as_user_error
from phenoprot.core.files import atomic_path, write_json, write_parquet, write_text
from phenoprot.core.notices import errors_in_one_line

TOO_LARGE = os.strerror(errno.EFBIG)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b: No space left.*Free"),
        (OSError("Error writing bytes. Detail: [errno 28] No space left on device"), "No space"),
        (OSError("100000 requested and 12484 written"), "No space left"),
        (ValueError("IO Error: Could not write file x: No space left on device"), "No space left"),
        (RuntimeError("I/O error: File too large (os error 27)"), "File too large"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a: Permission.*permissions"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "Read-only.*another folder"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files.*ulimit"),
        (ImportError("libx.so: cannot open: Too many open files"), "Too many open files"),
        (MemoryError(), "out of memory"),
        (RuntimeError("can't start new thread"), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (UserError("3 wells occur twice"), "3 wells occur twice"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_faults_of_the_machine_are_one_line(error: Exception, said: str) -> None:
    with pytest.raises(SystemExit) as end, errors_in_one_line("phenoprot"):
        raise error
    text = str(end.value.code)
    assert text.startswith("phenoprot: ")
    assert "\n" not in text

    assert re.search(said, text)


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(KeyError), errors_in_one_line("phenoprot"):
        raise KeyError("a bug")
    assert as_user_error(ZeroDivisionError()) is None
    # What was handled before a bug says nothing about it.
    bug = KeyError("a bug")
    bug.__context__ = FileNotFoundError(errno.ENOENT, "No such file", "x")
    assert as_user_error(bug) is None


def test_a_full_disk_behind_another_error_is_found() -> None:
    later = ValueError("Can't close the ZIP file")
    later.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert "No space left" in str(as_user_error(later))


@pytest.fixture
def small_files() -> Callable[[Callable[[], object]], None]:
    """Calls a function in a process that can write 100 kB to a file; it exits by its error."""

    def call(function: Callable[[], object]) -> None:
        child = os.fork()
        if child == 0:
            code = 3
            try:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
                function()
            except Exception as error:
                known = as_user_error(error)
                full = known is not None and known.what in {TOO_LARGE, os.strerror(errno.ENOSPC)}
                code = 0 if full else 4
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    return call


def write_zip(path: Path) -> None:
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
        archive.open("a", "w") as stream,
    ):
        stream.write(os.urandom(300_000))


def write_safetensors(path: Path) -> None:
    with atomic_path(path) as temporary:
        save_file({"a": torch.zeros(100_000)}, temporary)


def write_npy(path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.zeros(100_000))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "x" * 300_000),
        lambda path: write_json(path, ["x" * 300_000]),
        lambda path: write_parquet(
            path, pd.DataFrame({"a": np.random.default_rng(0).random(100_000)})
        ),
        write_zip,
        write_safetensors,
        write_npy,
    ],
    ids=["text", "json", "parquet", "zip", "safetensors", "npy"],
)
def test_a_write_that_does_not_fit_is_the_machines_and_leaves_nothing(
    tmp_path: Path,
    write: Callable[[Path], None],
    small_files: Callable[[Callable[[], object]], None],
) -> None:
    (tmp_path / "a").write_text("old")
    small_files(lambda: write(tmp_path / "a"))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def run(code: str, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_a_reader_that_has_gone_is_no_error() -> None:
    code = (
        "import sys\n"
        "from phenoprot.core.notices import errors_in_one_line\n"
        "with errors_in_one_line('x'):\n"
        "    print('y' * 100)\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_ctrl_c_is_no_traceback() -> None:
    code = (
        "import os, signal\n"
        "from phenoprot.core.notices import errors_in_one_line\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with errors_in_one_line('x'):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    import time; time.sleep(5)\n"
    )
    done = run(code)
    assert (done.returncode, done.stderr) == (130, "")


def test_out_of_memory_is_one_line() -> None:
    code = (
        "import resource\n"
        "from phenoprot.core.notices import errors_in_one_line\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "with errors_in_one_line('x'):\n"
        "    bytearray(2**31)\n"
    )
    done = run(code)
    assert done.returncode == 1
    assert done.stderr.startswith("x: out of memory. ")
    assert done.stderr.count("\n") == 1


def test_warnings_for_programmers_stay_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import warnings\n"
        "from phenoprot.core.notices import errors_in_one_line\n"
        "with errors_in_one_line('x'):\n"
        "    warnings.warn('to be removed', FutureWarning)\n"
    )
    assert run(code).stderr == ""
    # Who asks for them gets them.
    assert "to be removed" in run(code, env={**os.environ, "PYTHONWARNINGS": "default"}).stderr
    with warnings.catch_warnings():
        monkeypatch.setattr(sys, "warnoptions", [])
        monkeypatch.delenv("PYTHONWARNINGS", raising=False)
        with errors_in_one_line("x"):
            assert warnings.filters[0][0] == "ignore"


def test_python_m_phenoprot() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phenoprot", "tables", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("phenoprot: ")
    assert done.stderr.count("\n") == 1
