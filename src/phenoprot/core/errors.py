"""Errors that the user can fix: said in one bounded line, without a traceback."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence

LONGEST_MESSAGE = 2000
"""Characters of a whole message. Longer ones lose their middle."""
LONGEST_ITEM = 80
"""Characters of one name or value from the data in a message."""

REMEDIES = {
    errno.ENOSPC: "Free space on the disk and run again; finished work is kept.",
    errno.EDQUOT: "Free space in your quota and run again; finished work is kept.",
    errno.EROFS: "The file system is read-only: write to another folder.",
    errno.EACCES: "Check the permissions of the file and its folders.",
    errno.EPERM: "Check the permissions of the file and its folders.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), or use fewer workers.",
    errno.ENFILE: "The machine is out of file handles: close other programs and run again.",
    errno.ENOMEM: "Free memory, or use fewer workers (execution.workers in params.yaml).",
    errno.ENAMETOOLONG: "Use shorter names.",
    errno.ENOENT: "Check the path.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOTDIR: "A part of the path is a file, not a folder: check the path.",
    errno.EIO: "The disk or the network drive failed: check it and run again.",
    errno.ESTALE: "The network drive lost the file: run again.",
}
"""What helps against an error of the operating system."""
_OS_ERROR = re.compile(r"\((?:os error|errno) (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)
_SHORT_WRITE = re.compile(r"^\d+ requested and \d+ written$")
"""What numpy says of a full disk."""
_BY_WORDS = (*(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM),)
"""Errors that libraries pass on by the words of the operating system alone."""
_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't start new thread|can't allocate memory|cannot allocate memory|bad_alloc|"
    r"malloc of size|unable to allocate",
    re.IGNORECASE,
)


class UserError(Exception):
    """Something wrong with an input, a parameter or the environment.

    The command line prints the message and exits with 1. The message says what is wrong, where
    (file, column, row, key), how many, and what to do about it. It is one line of at most
    :data:`LONGEST_MESSAGE` characters, whatever the data hold.

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
        end = f". {remedy}" if remedy else ""
        start = f"{where}: " if where else ""
        room = max(LONGEST_MESSAGE - len(start) - len(end), LONGEST_MESSAGE // 2)
        super().__init__(shortened(start + shortened(what.rstrip("."), room) + end))


def shortened(text: str, limit: int = LONGEST_MESSAGE) -> str:
    """`text` in one line of at most `limit` characters; a longer one loses its middle."""
    if len(text) > 4 * limit:  # spare the work on what is not shown
        text = text[: 2 * limit] + text[-2 * limit :]
    text = "".join(c if c.isprintable() else _visible(c) for c in text)
    if len(text) <= limit:
        return text
    head = (limit - 5) * 2 // 3
    return f"{text[:head]} ... {text[len(text) - (limit - 5 - head) :]}"


def _visible(character: str) -> str:
    return " " if character in "\n\r\t\v\f" else repr(character)[1:-1]


def quoted(value: object, limit: int = LONGEST_ITEM) -> str:
    """A value from the data as a message shows it: quoted, in one line, not too long."""
    if isinstance(value, str):
        return f"'{shortened(value, limit)}'"
    if isinstance(value, int) and value.bit_length() > 4 * limit:
        return "a whole number of very many digits"
    return shortened(repr(value), limit)


def listed(items: Sequence[object], limit: int = 5) -> str:
    """Name the first few items of a fault: ``"A01, A02, A03 and 12 more"``."""
    shown = ", ".join(shortened(str(item), 2 * LONGEST_ITEM) for item in items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


def as_user_error(error: BaseException) -> UserError | None:
    """The one line for an error of the environment; None for what is a bug.

    A full disk, missing permissions, too few file handles and too little memory reach Python as
    errors of many types, raised by whichever library met them first, and sometimes as the cause of
    another error.
    """
    if isinstance(error, UserError):
        return error
    known = _of_the_machine(error)
    cause, seen = error.__cause__ or error.__context__, {id(error)}
    while known is None and cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if getattr(cause, "errno", None) in _BY_WORDS or isinstance(cause, MemoryError):
            known = _of_the_machine(cause)
        cause = cause.__cause__ or cause.__context__
    return known


def _of_the_machine(error: BaseException) -> UserError | None:
    text = str(error)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(text)
    ):
        return UserError("out of memory", remedy=REMEDIES[errno.ENOMEM])
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (match := _OS_ERROR.search(text)):
        number = int(match[1] or match[2])
    if number is None and isinstance(error, OSError) and _SHORT_WRITE.match(text):
        number = errno.ENOSPC
    if number is None and isinstance(error, Exception):
        number = next((each for each in _BY_WORDS if os.strerror(each) in text), None)
    if number is None:
        return None
    place = getattr(error, "filename2", None) or getattr(error, "filename", None)
    where = os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else ""
    return UserError(
        os.strerror(number),
        where=where,
        remedy=REMEDIES.get(number, "Check the file and its disk."),
    )
