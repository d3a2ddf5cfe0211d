"""Settings of the image checks."""

from __future__ import annotations

from pydantic import Field

from phenoprot.core.settings import Settings


class ImageSettings(Settings):
    """What an image may be like."""

    max_saturated_share: float = Field(default=0.01, gt=0, le=1)
    """Largest share of an image's pixels that may have its highest count (CellProfiler's
    PercentMaximal / 100). More is a clipped camera or gain: what lies above is lost."""
    outlier_z: float = Field(default=5.0, gt=0, le=1000)
    """A field whose focus, background, share saturated, cells or sizes differ from the plate's
    median by more (robust standard deviations) is named as an outlier; nothing is left out."""
