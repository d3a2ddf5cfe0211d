"""Lines for the user that stop nothing."""

from __future__ import annotations

import sys

from phenoprot.errors import shortened

LONGEST_WARNING = 1000
"""Characters."""


def warn(what: str, where: str = "") -> None:
    """Print one line on stderr: what is suspicious, where, and what to do if it is wrong."""
    start = f"{where}: " if where else ""
    sys.stderr.write(f"warning: {shortened(start + what, LONGEST_WARNING)}\n")
