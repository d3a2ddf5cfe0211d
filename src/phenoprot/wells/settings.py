"""Settings of the profiles."""

from __future__ import annotations

from typing import Literal

from phenoprot.core.settings import Settings


class ProfileSettings(Settings):
    """From wells to treatments."""

    normalisation: Literal["standardise", "robust"]
    """Per plate, to the negative controls: mean and sd (poster), or median and MAD."""
