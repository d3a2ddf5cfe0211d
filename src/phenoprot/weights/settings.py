"""How a method names the weights it runs with."""

from __future__ import annotations

from pydantic import Field

from phenoprot.core.settings import Settings
from phenoprot.weights.manifest import Sha256


class WeightsSettings(Settings):
    """The weights of a method. It runs with this very file or not at all."""

    file: str = Field(min_length=1, max_length=4096)
    """Name of published weights, as ``phenoprot weights list`` prints them, or path of a file."""
    sha256: Sha256 | None = None
    """Hash of the file. Needed where the list has none, and for files of your own."""
