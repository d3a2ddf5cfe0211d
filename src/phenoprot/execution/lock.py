"""One run at a time in a work folder."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def work_lock(work: Path, title: str) -> Iterator[None]:
    """Hold the lock of a work folder; wait for it while another process has it.

    The kernel releases the lock when its holder ends, by whatever signal. The file ``.lock`` stays:
    removing it would let two processes lock two files of one name.

    Parameters
    ----------
    work
        Work folder; made if it is not there.
    title
        What is being done, for those who wait.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / ".lock").open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"{title}: waiting for {_holder(work)} to leave {work}\n")
            sys.stderr.flush()
            fcntl.flock(stream, fcntl.LOCK_EX)
        stream.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "title": title}, stream)
        stream.flush()
        yield


def _holder(work: Path) -> str:
    """Who holds the lock, as far as it has said so."""
    try:
        holder = json.loads((work / ".lock").read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} ({holder['title']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
