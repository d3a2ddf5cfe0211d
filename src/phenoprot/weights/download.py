"""Fetch published weights: resumed after an interruption, hashed before the file gets its name."""

from __future__ import annotations

import re
import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from phenoprot.core.errors import REMEDIES, UserError, as_user_error, quoted
from phenoprot.core.files import file_sha256, kind_of
from phenoprot.core.progress import Progress
from phenoprot.execution.lock import work_lock
from phenoprot.weights.manifest import published
from phenoprot.weights.store import expected_sha256, weights_folder

BLOCK = 1 << 20
"""Bytes read at a time."""
STEPS = 20
"""Lines of progress for a whole file."""
TIMEOUT = 60.0
"""Longest silence of the server (s)."""
RANGE_NOT_SATISFIABLE = 416
PARTIAL_CONTENT = 206


def fetch(
    name: str, folder: Path | None = None, sha256: str | None = None, url: str | None = None
) -> Path:
    """Fetch one file of published weights into the weights folder.

    Partial downloads are resumed: what an interrupted run has fetched lies in ``<file>.partial``.

    Parameters
    ----------
    name
        Name in the manifest.
    folder
        Weights folder; None: see `weights_folder`.
    sha256
        Hash of the file, where the manifest has none.
    url
        Address of the file, where the manifest has none, or a mirror.

    Returns
    -------
    pathlib.Path
        The file; its hash is the expected one.

    Raises
    ------
    UserError
        No address or no hash is known, the server does not give the file, the connection broke,
        or the hash is another one.
    """
    entry = published(name)
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise UserError(
            f"{quoted(sha256)} is no SHA-256", where="--sha256", remedy="Give 64 digits 0-9, a-f."
        )
    address, expected = url or entry.url, expected_sha256(name, entry, sha256)
    target = weights_folder(folder) / entry.file
    if address is None:
        raise UserError(
            f"no address of the weights '{name}' is known",
            remedy=f"Get the file from {entry.page} and place it at {target}, or give --url.",
        )
    if expected is None:
        raise UserError(
            f"no hash of the weights '{name}' is known, so that any file would pass",
            remedy=f"Give --sha256: look it up at {entry.page}, or beside the file on its server.",
        )
    _require_web(address)
    partial = target.with_name(f"{target.name}.partial")
    for path in (target, partial):
        if path.exists() and not path.is_file():
            raise UserError(
                f"is {kind_of(path)}, a file is to be written there",
                where=str(path),
                remedy="Move it away.",
            )
    with work_lock(target.parent, f"weights {name}"):
        if target.is_file():
            if file_sha256(target) == expected:
                return target
            raise UserError(
                "is there already, with another SHA-256 than expected",
                where=str(target),
                remedy="Remove it, and fetch again.",
            )
        _download(address, partial, name)
        found = file_sha256(partial)
        if found != expected:
            partial.unlink()
            raise UserError(
                f"the file has SHA-256 {found}, expected {expected}; it was not kept",
                where=address,
                remedy="Fetch again; if it happens twice, the file on the server is another one.",
            )
        partial.replace(target)
    return target


def _download(address: str, partial: Path, name: str) -> None:
    """Append to `partial` what it lacks."""
    have = partial.stat().st_size if partial.exists() else 0
    try:
        with _request(address, have) as response:
            if response.status != PARTIAL_CONTENT:
                have = 0
            _receive(response, partial, have, name)
    except HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE and have:
            return  # nothing is lacking: the hash will tell
        raise UserError(
            f"the server answered {error.code} {error.reason}",
            where=address,
            remedy="Check the address, or give another one with --url.",
        ) from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        # Of the disk, not of the connection. What came is kept.
        if not isinstance(error, URLError) and getattr(error, "errno", None) in REMEDIES:
            plain = as_user_error(error)
            assert plain is not None
            raise UserError(
                plain.what, where=plain.where or str(partial), remedy=plain.remedy
            ) from None
        kept = partial.stat().st_size if partial.exists() else 0
        reason = error.reason if isinstance(error, URLError) else error
        raise UserError(
            f"the download broke off: {reason or type(error).__name__}",
            where=address,
            remedy=f"Run the same command again: it goes on after the {kept} bytes that are there.",
        ) from None


def _request(address: str, have: int) -> HTTPResponse:
    request = Request(address, headers={"User-Agent": "phenoprot"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    response: HTTPResponse = _web().open(request, timeout=TIMEOUT)
    return response


def _require_web(address: str) -> None:
    try:
        parts = urlsplit(address)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and address.isascii()
        _ = parts.port  # a ValueError if it is no number
    except ValueError:
        sound = False
    if not sound or not address.isprintable() or " " in address:
        raise UserError(
            f"{quoted(address)} is no http address",
            where="--url",
            remedy="Give the address of the file: https://...",
        )


def _web() -> OpenerDirector:
    """An opener that knows the web alone: no local files and no ftp, by a redirect neither."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler,
        HTTPHandler,
        HTTPSHandler,
        HTTPDefaultErrorHandler,
        HTTPRedirectHandler,
        HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _receive(response: HTTPResponse, partial: Path, have: int, name: str) -> None:
    if response.headers.get_content_type() == "text/html":
        raise UserError(
            "the server sent a web page, no weights",
            where=response.url,
            remedy="Give the address of the file itself with --url.",
        )
    total = None if response.length is None else have + response.length
    written, begin, started = have, have, time.monotonic()
    piece = max((total or 0) // STEPS, BLOCK)
    pieces = -(-total // piece) if total else 1
    with (
        Progress(f"weights {name}", pieces, have // piece) as progress,
        partial.open("ab" if have else "wb") as stream,
    ):
        while block := response.read(BLOCK):
            stream.write(block)
            written += len(block)
            while written // piece > begin // piece and total:
                begin += piece
                progress.step(f"{written >> 20} MiB", time.monotonic() - started)
                started = time.monotonic()
    if total is not None and written < total:
        raise HTTPException(f"{written} of {total} bytes came")
