"""The published weights that the benchmark knows, as listed in ``manifest.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from phenoprot.core.errors import UserError, quoted
from phenoprot.core.names import LONGEST_NAME
from phenoprot.core.settings import Settings, parse_settings, read_yaml
from phenoprot.weights.settings import Sha256

MANIFEST = Path(__file__).with_name("manifest.yaml")


class Published(Settings):
    """One file of published weights."""

    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=LONGEST_NAME)
    """Name of the file in the weights folder."""
    content: str
    """What it is, in one line."""
    page: str
    """Where its authors offer or describe it."""
    url: str | None = Field(default=None, pattern=r"^https://")
    """Address of the file itself; none: it is to be fetched from the page by hand."""
    sha256: Sha256 | None = None
    """Hash of the file; none: no reliable source states it, and the user must."""
    size: int | None = Field(default=None, ge=1)
    """Length (bytes), if known."""
    licence: str
    """SPDX identifier, or what is known of the terms."""
    citation: str
    """Publication to cite, with its DOI."""


@cache
def manifest(path: Path = MANIFEST) -> dict[str, Published]:
    """Published weights by name, in the order of the file."""
    return {
        name: parse_settings(Published, content, f"{path}: {quoted(name)}")
        for name, content in read_yaml(path).items()
    }


def published(name: str) -> Published:
    """The entry of one name.

    Raises
    ------
    UserError
        The manifest has no such name.
    """
    entries = manifest()
    if name not in entries:
        raise UserError(
            f"no published weights {quoted(name)}", remedy=f"There are: {', '.join(entries)}."
        )
    return entries[name]
