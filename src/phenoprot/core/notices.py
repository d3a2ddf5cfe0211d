"""What users see of errors and warnings: one line each, and nothing meant for programmers."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from phenoprot.core.errors import as_user_error, shortened

INTERRUPTED, BROKEN_PIPE = 130, 1
"""Exit codes of a process that was stopped by Ctrl-C, or whose reader has gone."""
LONGEST_WARNING = 1000
"""Characters."""


def warn(what: str, where: str = "") -> None:
    """Print one line on stderr: what is suspicious, where, and what to do if it is wrong.

    Nothing stops. Results go to stdout or to files, so a script can tell them from warnings.
    """
    start = f"{where}: " if where else ""
    sys.stderr.write(f"warning: {shortened(start + what, LONGEST_WARNING)}\n")


def quiet_libraries() -> None:
    """Show no warnings of Python, in this process: users get lines that say what to do.

    Whoever asks for them by ``-W`` or ``PYTHONWARNINGS`` gets them.
    """
    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        warnings.simplefilter("ignore")


@contextmanager
def errors_in_one_line(title: str) -> Iterator[None]:
    """End the process with one line and exit code 1 if the block meets what a user can fix.

    That is a :class:`phenoprot.core.errors.UserError`, or a fault of the machine: a full disk,
    missing rights, too little memory. Ctrl-C and a reader that has gone (``| head``) end it
    without a word. All else is a bug, and keeps its traceback.

    Parameters
    ----------
    title
        The command, at the start of the line.
    """
    quiet_libraries()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here and not at the end of Python, which would complain
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # What is left in the buffers has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except Exception as error:
        known = as_user_error(error)
        if known is None:
            raise
        sys.exit(f"{title}: {known}")
