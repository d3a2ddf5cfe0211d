"""Settings of the profiles."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phenoprot.core.settings import Name, Seed, Settings


class ProfileSettings(Settings):
    """From wells to treatments."""

    normalisation: Literal["standardise", "robust"]
    """Per plate, to the negative controls: mean and sd (poster), or median and MAD."""


class ActivitySettings(Settings):
    """Which treatments change the cells, by the likeness of their replicate wells."""

    features: Name | None = None
    """Feature table that is asked. null: the first of the screen's first row."""
    position_correction: Literal["none", "controls"] = "controls"
    """``controls``: the effect of the position, as the negative controls show it, is first removed
    from every feature."""
    permutations: int = Field(default=20_000, ge=100, le=1_000_000)
    """Sets of wells, and rankings, behind a p; all of them if there are no more than this."""
    false_discovery_rate: float = Field(default=0.05, gt=0, lt=1)
    """Treatments with an adjusted p (Benjamini-Hochberg) at or below this are active."""
    seed: Seed = 0
    """Seed of the permutations."""
