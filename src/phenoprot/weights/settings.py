"""How a method names the weights it runs with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from phenoprot.core.settings import Settings

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""64 lower-case hexadecimal digits."""


class WeightsSettings(Settings):
    """The weights of a method. It runs with this very file or not at all."""

    file: str = Field(min_length=1, max_length=4096)
    """Name of published weights, as ``phenoprot weights list`` prints them, or path of a file."""
    sha256: Sha256 | None = None
    """Hash of the file. Needed where the list has none, and for files of your own."""
