"""Why a shard has no result. Imports nothing heavy: a worker that cannot import says so by it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from phenoprot.core.errors import as_user_error


@dataclass(frozen=True)
class Failure:
    """Why a shard has no result. Plain strings: they cross process borders whole."""

    what: str
    """The user's mistake, the traceback, or how the worker ended."""
    where: str = ""
    """Of a user's mistake."""
    remedy: str = ""
    """Of a user's mistake, or of a worker's end."""
    bug: bool = False
    """True: `what` is the traceback of an error that is neither the user's nor the machine's."""


def as_failure(error: BaseException) -> Failure:
    """The failure behind an exception that is being handled."""
    known = as_user_error(error)
    if known is None:
        return Failure("".join(traceback.format_exception(error)), bug=True)
    return Failure(known.what, known.where, known.remedy)
