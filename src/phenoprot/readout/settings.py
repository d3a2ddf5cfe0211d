"""Settings of the labels."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phenoprot.core.settings import Settings


class SingleDoseSettings(Settings):
    """When a protein counts as regulated by a compound that was tested at one dose."""

    alpha: float = Field(gt=0, lt=1)
    """False discovery rate (Benjamini-Hochberg over the compounds of one protein) of up and down,
    and the unadjusted p above which a protein can count as not regulated."""
    min_effect: float = Field(ge=0)
    """Smallest effect of up and down, in standard deviations of the plate's negative controls.
    At or above it nothing counts as not regulated."""


class LabelSettings(Settings):
    """How readouts become labels."""

    position_correction: Literal["none", "controls"]
    """``controls``: first subtract the effect of the well's position (edges, gradients) from the
    readout, as the negative controls show it."""
    single_dose: SingleDoseSettings
    """Rule for screens with one dose per compound."""
