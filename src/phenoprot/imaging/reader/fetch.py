"""Bytes of a file here, or behind a URL. Nothing of what a file or a server says is repeated."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phenoprot.core.errors import UserError, as_user_error
from phenoprot.core.files import kind_of
from phenoprot.screens.places import PLACES, place_fault, protocol_of

NO_ANSWER, NO_CONNECTION = "no answer in time", "no connection to the server"
LARGEST_FILE = 2**30
"""Bytes of a file of one image: twice those of the largest image, uncompressed."""
CONNECT_SECONDS, ANSWER_SECONDS, TOTAL_SECONDS = 5, 20, 300
"""How long a server may take to take a call, to send the next bytes, and for a whole file."""
SILENT_SECONDS = 60
"""How long a server that did not answer is not asked again: a table names thousands of files."""
_silent: dict[str, float] = {}
"""When each server was last found not to answer."""
_OF_THIS_MACHINE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Errors that say nothing about the file."""


class ImageError(UserError):
    """A file that is not what the images table says.

    Parameters
    ----------
    what, where, remedy
        See :class:`phenoprot.core.errors.UserError`.
    kind
        ``missing``, ``unreadable``, ``not_grey``, ``not_counts`` or ``illumination``.
    """

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", kind: str = "unreadable"
    ) -> None:
        self.kind = kind
        super().__init__(what, where=where, remedy=remedy)


def storage_options(protocol: str) -> dict[str, Any]:
    """Options of the file system of a protocol: no wait without end, no search for credentials."""
    if protocol in {"http", "https"}:
        import aiohttp

        timeout = aiohttp.ClientTimeout(
            total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
        )
        return {"client_kwargs": {"timeout": timeout}}
    if protocol == "s3":  # public buckets need no credentials
        waits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS}
        return {"anon": True, "config_kwargs": {**waits, "retries": {"max_attempts": 1}}}
    return {}


def read_bytes(place: str) -> bytes:
    """Content of a file here, or behind a URL of a protocol that is read.

    Parameters
    ----------
    place
        Path or URL; see :mod:`phenoprot.screens.places`.

    Raises
    ------
    ImageError
        It cannot be had; the message says why, in fixed words.
    UserError
        This machine is out of memory or of file handles.
    """
    if fault := place_fault(place):
        raise ImageError(f"is not read: it {fault}", where=place, remedy=PLACES)
    protocol = protocol_of(place)
    try:
        if protocol is None:
            return _read_file(place)
        return _fetch(place, protocol)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(
            "no such file", where=place, remedy="Check the images table.", kind="missing"
        ) from None
    # Every file system has errors of its own (aiohttp's, botocore's, OSError).
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in _OF_THIS_MACHINE:
            raise as_user_error(error) or error from None
        raise ImageError(
            f"cannot be read: {reason_of(error)}", where=place, remedy="Check the place and access."
        ) from None


def _fetch(place: str, protocol: str) -> bytes:
    """Content of a file behind a URL."""
    import fsspec  # type: ignore[import-untyped]

    server = f"{protocol}://{urlsplit(place).netloc}"
    if time.monotonic() - _silent.get(server, -SILENT_SECONDS) < SILENT_SECONDS:
        raise TimeoutError
    system = fsspec.filesystem(protocol, **storage_options(protocol))
    try:
        return bytes(system.cat_file(system._strip_protocol(place)))
    except Exception as error:
        if reason_of(error) in {NO_ANSWER, NO_CONNECTION}:
            _silent[server] = time.monotonic()
        raise


def _read_file(place: str) -> bytes:
    """Content of a regular file; opening a pipe would wait for ever, a device never end."""
    status = Path(place).stat()
    if stat.S_ISREG(status.st_mode):
        # It may have become something else meanwhile.
        handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE:
                return stream.read(LARGEST_FILE)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(
            f"cannot be read: it is {kind_of(Path(place))}, expected a file",
            where=place,
            remedy="Name a file.",
        )
    raise ImageError(
        f"has {status.st_size} bytes, more than an image can have ({LARGEST_FILE})",
        where=place,
        remedy="Name the file of one image.",
    )


def reason_of(error: Exception) -> str:
    """Why a file could not be had, in words of ours: servers and decoders quote what they read."""
    name = type(error).__name__
    status, number = getattr(error, "status", None), getattr(error, "errno", None)
    if isinstance(error, ImportError):  # fsspec's own words: which package it wants
        return str(error)
    reasons = {
        "permission denied": isinstance(error, PermissionError),
        NO_ANSWER: isinstance(error, TimeoutError) or "Timeout" in name,
        f"the server answers with status {status}": isinstance(status, int),
        "no valid credentials": "Credential" in name,
        "the URL is not valid": isinstance(error, ValueError) or "Validation" in name,
        NO_CONNECTION: isinstance(error, ConnectionError)
        or any(part in name for part in ("Connect", "Endpoint", "Disconnected")),
    }
    if reason := next((reason for reason, holds in reasons.items() if holds), None):
        return reason
    return os.strerror(number) if isinstance(number, int) and number > 0 else name
