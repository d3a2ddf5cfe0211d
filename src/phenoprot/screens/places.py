"""Which places of files are read: paths on this machine, and URLs of a few kinds.

A table of images comes from elsewhere, so what it names is checked before anything is opened: no
other protocol, and no chain of them (``zip::...``), however many fsspec knows.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from phenoprot.core.errors import quoted

REMOTE = ("http", "https", "s3", "gs", "az", "abfs", "abfss")
"""Protocols of URLs that are read, besides ``file:``."""
PLACES = f"Files are read from paths, file:, and {'://, '.join(REMOTE)}://."
"""For messages."""
_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_CHAIN = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*::|::[A-Za-z][A-Za-z0-9+.-]*://")


def protocol_of(place: str) -> str | None:
    """Protocol of a URL, in lower case; None: it is a path."""
    match = _PROTOCOL.match(place)
    return match[1].lower() if match else None


def is_remote(place: str) -> bool:
    """Whether a place is a URL, not a path."""
    return protocol_of(place) is not None


def place_fault(place: str) -> str | None:
    """Why a place is not read; None: it may be.

    Parameters
    ----------
    place
        Path or URL, as a table names it.
    """
    if _CHAIN.search(place):
        return "is a chain of protocols"
    if "\0" in place:
        return "holds a NUL character"
    protocol = protocol_of(place)
    try:
        host = urlsplit(place).netloc
    except ValueError:  # brackets that hold no IPv6 address
        return "is no valid URL" if protocol else None
    if place.lower().startswith("file:"):
        fault = f"names the host {quoted(host)}" if host not in {"", "localhost"} else None
    elif protocol is not None and protocol not in REMOTE:
        fault = f"has the protocol {quoted(protocol)}"
    else:
        fault = "names no host or bucket" if protocol and not host else None
    return fault


def absolute_place(place: str, folder: Path) -> str:
    """A URL as it is; a path, or a ``file:`` URL, as an absolute path.

    Parameters
    ----------
    place
        Path or URL without a fault (see :func:`place_fault`).
    folder
        Where relative paths start.
    """
    if place.lower().startswith("file:"):
        # CellProfiler writes file:/a%20b, others file:///a%20b
        place = unquote(urlsplit(place).path)
    elif is_remote(place):
        protocol, _, rest = place.partition("://")
        return f"{protocol.lower()}://{rest}"
    return str(folder / place)
