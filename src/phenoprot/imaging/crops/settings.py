"""Settings of single-cell crops."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phenoprot.core.settings import Settings, Share

SMALLEST = 8
"""Least side of a crop (px)."""


class CropSettings(Settings):
    """How cells are cut out of fields of view."""

    size: Annotated[int, Field(ge=SMALLEST, le=4096)] | Literal["auto"] = "auto"
    """Side of a crop (px of the field). What of a larger cell reaches beyond it is cut off, and
    counted; the space around a smaller one is 0. ``auto``: measured on the negative controls."""
    multiple: int = Field(default=16, ge=2, le=256, multiple_of=2)
    """The size ``auto`` is a multiple of it (px, even): networks cut crops into patches, DINO of
    16 px, the masked autoencoder of ``mae.model.patch_size``."""
    held: Share = 0.95
    """The size ``auto`` holds at least this share of the negative controls' cells whole."""
