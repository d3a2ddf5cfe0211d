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
    """``controls``: before anything is made of the readout, subtract the effect of the well's
    position (edges, gradients) as the plate's negative controls show it; from log2 intensities in
    dose-response screens. The surface is the one that predicts controls best which it was not
    fitted to."""
    levels: Literal["log2", "ratio"] = "log2"
    """Levels of dose-response screens: log2 of the ratio to the negative controls, in which up and
    down weigh alike, or the ratio itself. Single-dose levels are standard deviations."""
    single_dose: SingleDoseSettings
    """Rule for screens with one dose per compound."""
