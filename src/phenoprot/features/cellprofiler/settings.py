"""Settings of the CellProfiler measurements; the defaults are those of JUMP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from phenoprot.core.settings import Settings
from phenoprot.screens.contract import STAINS

Pixels = Annotated[int, Field(ge=1, le=1000)]


class CellProfilerSettings(Settings):
    """What is measured in each cell, and at which scale."""

    stains: tuple[str, ...] = Field(default=STAINS, min_length=1)
    """Names of the channels, in the order of the field's first axis."""
    texture_scales: tuple[Pixels, ...] = (3, 5, 10)
    """Distances of the pixel pairs whose grey levels are compared, in pixels."""
    texture_levels: int = Field(default=256, ge=2, le=256)
    """Grey levels that intensities are rounded to before pixel pairs are counted."""
    granularity_length: int = Field(default=16, ge=1, le=1000)
    """Steps of the granularity spectrum: the opening grows by one subsampled pixel a step."""
    granularity_subsample: float = Field(default=0.25, gt=0, le=1)
    """Size of the image that granularity is measured in, relative to the field."""
    granularity_background_subsample: float = Field(default=0.25, gt=0, le=1)
    """Size of the image that the background is taken from, relative to the subsampled image."""
    granularity_radius: Pixels = 10
    """Radius of the opening that leaves the background, in pixels of the background image."""
    radial_bins: int = Field(default=4, ge=1, le=16)
    """Rings from a cell's centre to its edge."""
    zernike_degree: int = Field(default=9, ge=0, le=12)
    """Highest degree of the Zernike polynomials, of shapes and of intensities."""
    colocalisation_threshold: float = Field(default=15.0, ge=0, lt=100)
    """Manders, overlap and rank-weighted coefficients look at pixels of at least this percentage
    of the cell's maximum."""
    nuclei_neighbour_distance: Pixels = 1
    """Nuclei are neighbours if they touch after growing by this many pixels."""
    cells_neighbour_distance: Pixels = 5
    """Cells are neighbours if they touch after growing by this many pixels."""

    @field_validator("stains", "texture_scales")
    @classmethod
    def _each_once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(values)) < len(values):
            raise ValueError("each one may stand there once, or features have one name")
        return values
