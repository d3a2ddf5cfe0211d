"""Processes that end with the one that started them, by kill -9 of it too.

Imports nothing but the standard library: what guards a process must be there before long imports.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that a process gets when its parent ends."""
OF_DVC, OF_TORCHRUN = "DVC_STAGE", "TORCHELASTIC_RUN_ID"
"""Variables that the two set for what they start."""
EVERY = 0.25
"""Seconds between two looks at those who started this process."""
GRACE = 5.0
"""Seconds to end in order, by SIGTERM, before SIGKILL."""

Link = tuple[int, int]
"""A process and its parent."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the one with the id `parent` ends."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(EVERY)
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def end_with_starter() -> None:
    """Have this process end when what runs it does: dvc, torchrun, a script, whatever is between.

    dvc runs a stage by a shell, which may stay in between or not; so all are watched, from the
    parent up to dvc. A process that was started by hand keeps to the usual rules: with ``nohup``,
    ``setsid`` or ``&``, or as a job of a terminal, it does not depend on its shell.
    """
    links = _links()
    if links is None:
        sys.stderr.write(f"{Path(sys.argv[0]).stem}: what started it has ended: stopped\n")
        sys.exit(1)
    if links:
        threading.Thread(target=_watch, args=(links,), daemon=True).start()


def _watch(links: list[Link]) -> None:
    while all(_parent(child) == parent for child, parent in links):
        time.sleep(EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def _links() -> list[Link] | None:
    """Who started whom, from this process up to the one that it depends on.

    None: it has ended already. Empty: there is none.
    """
    me, parent = os.getpid(), os.getppid()
    if OF_DVC in os.environ:
        links = [(me, parent)]
        # What dvc starts has the variable from its start, dvc itself has not.
        while links[-1][1] > 1 and _has_variable(links[-1][1], OF_DVC):
            links.append((links[-1][1], _parent(links[-1][1])))
        return None if _is_orphan() and OF_TORCHRUN not in os.environ else links
    if OF_TORCHRUN in os.environ:
        return [(me, parent)]
    if os.getpgrp() == me or _ignores(me, signal.SIGHUP):  # a shell's job or a session; nohup
        return []
    links = []
    child = me
    while parent > 0 and _group(parent) == os.getpgrp():
        if _ignores(child, signal.SIGINT) and not _ignores(parent, signal.SIGINT):  # & in a script
            break
        links.append((child, parent))
        child, parent = parent, _parent(parent)
    return None if _is_orphan() and not _ignores(me, signal.SIGINT) else links


def _is_orphan() -> bool:
    """Whether init has taken this process over: init has a session of its own."""
    parent = os.getppid()
    adopts = parent == 1 or _read(parent, "comm").strip() == b"systemd"
    try:
        return adopts and os.getsid(parent) != os.getsid(0)
    except OSError:
        return False


def _parent(pid: int) -> int:
    """Parent of a process; 0 if there is no such process, or none can be known."""
    if pid == os.getpid():
        return os.getppid()
    after_name = _read(pid, "stat").rpartition(b")")[2].split()
    return int(after_name[1]) if len(after_name) > 1 and after_name[0] != b"Z" else 0


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process ignores a signal. By the kernel's word, where it gives it."""
    for line in _read(pid, "status").splitlines():
        if line.startswith(b"SigIgn:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return pid == os.getpid() and signal.getsignal(number) == signal.SIG_IGN


def _has_variable(pid: int, name: str) -> bool:
    variables = _read(pid, "environ").split(b"\0")
    return any(variable.startswith(f"{name}=".encode()) for variable in variables)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
