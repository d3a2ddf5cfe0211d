"""Settings of single-cell crops."""

from __future__ import annotations

from pydantic import Field

from phenoprot.core.settings import Settings


class CropSettings(Settings):
    """How cells are cut out of fields of view."""

    size: int = Field(default=64, ge=8, le=4096)
    """Side of a crop (px of the field). What of a larger cell reaches beyond it is cut off, and
    counted; the space around a smaller one is 0."""
