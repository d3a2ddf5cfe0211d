"""Errors that are the user's to mend: said in one line, without a traceback."""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """Something wrong with an input, a parameter or the environment.

    The command line prints the message and exits with 1. The message says what is wrong, where
    (file, column, row, key), how many, and what to do about it.

    Parameters
    ----------
    what
        What is wrong, e.g. ``"12 of 384 wells occur twice"``.
    where
        File, table, column or key that holds the fault.
    remedy
        What the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(
            (f"{where}: " if where else "") + what.rstrip(".") + (f". {remedy}" if remedy else "")
        )


def listed(items: Sequence[object], limit: int = 5) -> str:
    """Name the first few items of a fault: ``"A01, A02, A03 and 12 more"``."""
    shown = ", ".join(str(item) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
