"""Progress of long work: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """Count finished pieces of work on stderr.

    Parameters
    ----------
    title
        What is being done.
    total, done
        Pieces in all, and those an earlier run had finished.
    """

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total, self.done = title, total, done
        self._start = time.monotonic()
        self._bar: RichProgress | None = None
        if sys.stderr.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(title, total=total, completed=done)

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        elif self.done:
            self._line(f"{self.done} of {self.total} done earlier")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, what: str, seconds: float) -> None:
        """Report one finished piece and the time it took."""
        self.done += 1
        if self._bar:
            self._bar.update(self._task, completed=self.done, description=f"{self.title}: {what}")
        else:
            elapsed = time.monotonic() - self._start
            self._line(f"{self.done}/{self.total} {what} ({seconds:.1f} s; {elapsed:.0f} s in all)")

    def _line(self, text: str) -> None:
        sys.stderr.write(f"{self.title}: {text}\n")
        sys.stderr.flush()
