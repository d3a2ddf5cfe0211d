"""Run a reader or a command in this process, and tell a refusal from a result from a fault."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

from phenoprot.core.errors import LONGEST_MESSAGE, UserError, as_user_error

LIMIT = 10
"""Seconds that a reader may take. A machine with other work gets more, see `seconds`."""


class Hang(BaseException):
    """No answer in time."""


@dataclass(frozen=True)
class Outcome:
    """How it ended."""

    value: Any = None
    error: UserError | None = None
    said: str = ""
    """What was printed."""

    @property
    def warned(self) -> bool:
        """Whether a line of warning was printed."""
        return any(line.startswith("warning: ") for line in self.said.splitlines())


def seconds() -> float:
    """The limit in wall time: `LIMIT`, more where more processes wait for the processors."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return LIMIT * max(1.0, waiting)


@contextlib.contextmanager
def with_memory(more: int = 6 * 2**30) -> Iterator[None]:
    """Let this process have so many bytes of addresses more than it has: a bomb ends early."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if statm.exists():
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@contextlib.contextmanager
def within(limit: float) -> Iterator[None]:
    """Stop what takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"no answer after {limit:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def observe(run: Callable[[], Any]) -> Outcome:
    """Call `run` as ``phenoprot.cli.main`` calls a command.

    Raises
    ------
    Exception
        What would be a traceback for the user; `Hang` after `LIMIT` seconds.
    """
    printed = io.StringIO()
    try:
        with (
            within(seconds()),
            with_memory(),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            value = run()
    except SystemExit as end:
        if end.code in (0, None):
            return Outcome(said=printed.getvalue())
        return Outcome(error=UserError(str(end.code)), said=printed.getvalue())
    except Exception as error:
        refused = as_user_error(error)
        if refused is None:
            raise
        return Outcome(error=refused, said=printed.getvalue())
    return Outcome(value=value, said=printed.getvalue())


def faults_of(error: UserError, names: tuple[str, ...], counted: str = "") -> list[str]:
    """What a refusal lacks: one bounded line with what, where, how many, and what to do.

    Parameters
    ----------
    error
        The refusal.
    names
        Names of the file; the message holds one of them. None given: there is nothing to name.
    counted
        How many, as the message must say.
    """
    text, faults = str(error), []
    if len(text) > LONGEST_MESSAGE:
        faults.append(f"{len(text)} characters")
    if len(text.splitlines()) != 1:
        faults.append(f"{len(text.splitlines())} lines")
    if not text.isprintable():
        faults.append("control characters")
    if names and not any(name in text for name in names):
        faults.append(f"names none of {', '.join(names)}")
    if counted and counted not in error.what:
        faults.append(f"does not count {counted}")
    if not error.remedy and ". " not in text:
        faults.append("does not say what to do")
    return faults


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal to the bit, NaN where NaN; the type of text does not count."""
    if isinstance(one, pd.DataFrame) and isinstance(other, pd.DataFrame):
        return same(dict(one.items()), dict(other.items()))
    if isinstance(one, pd.Series) and isinstance(other, pd.Series):
        return _same_column(one, other)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def _same_column(one: pd.Series, other: pd.Series) -> bool:
    kinds = {pd.api.types.is_numeric_dtype(values) for values in (one, other)}
    gone = one.isna().to_numpy(), other.isna().to_numpy()
    if len(kinds) > 1 or not np.array_equal(*gone):
        return False
    return bool(np.all(one.to_numpy()[~gone[0]] == other.to_numpy()[~gone[1]]))


def left_over(folder: Path) -> list[str]:
    """Temporary files below a folder."""
    return sorted(path.name for path in folder.rglob("*") if ".partial" in path.name)
