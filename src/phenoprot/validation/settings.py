"""Thresholds of the input checks."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from phenoprot.core.settings import Settings


class ValidationSettings(Settings):
    """Where a screen stops being fit for the benchmark. Shares lie between 0 and 1.

    Every share has the same two steps: above it the check fails, between 0 and it the check warns.
    """

    min_negative_controls: int = Field(default=8, ge=2)
    """Negative-control wells per plate. A standard deviation from 8 wells is known to 25 %."""
    max_control_shift: float = Field(default=1.0, gt=0)
    """Largest |mean| of a feature or protein over a plate's negative controls after
    normalisation, in their standard deviations (cpjump1: 0.62, from the tails of robust z)."""
    max_typical_control_shift: float = Field(default=0.3, gt=0)
    """The same, for the median feature of a plate. cpjump1: up to 0.19 normalised to DMSO, from
    0.42 if it had been normalised to all wells of the plate."""
    min_control_spread: float = Field(default=0.5, gt=0)
    """Smallest standard deviation of a plate's negative controls (median feature) in profiles that
    are said to be normalised; 1 is ideal."""
    max_control_spread: float = Field(default=2.0, gt=0)
    """Largest standard deviation of the same (cpjump1: 1.0 to 1.6)."""
    max_feature: float = Field(default=1000.0, gt=0)
    """Largest |value| of a normalised feature. Real robust-MAD profiles reach 570; a division by a
    spread of nearly nothing gives 1e6 and more."""
    max_constant_features: float = Field(default=0.05, ge=0, le=1)
    """Share of a table's features that may be constant over all wells."""
    max_missing_values: float = Field(default=0.5, ge=0, le=1)
    """Share of its readout values that a protein may lack before it counts as sparse."""
    max_sparse_proteins: float = Field(default=0.2, ge=0, le=1)
    """Share of the proteins that may be sparse. Mass spectrometry always has some; immunoassays
    have none."""
    max_readout: float = Field(default=1e4, gt=0)
    """Largest distance of a readout value from the plate's negative controls of its protein, in
    their standard deviations (cpjump1: 45, phantom: 150). A value written in another unit, or a
    placeholder such as 1e6, lies beyond; above a tenth of it the check warns."""
    max_missing_wells: float = Field(default=0.1, ge=0, le=1)
    """Share of a plate's wells that may lack a profile or a readout, and share of the plates of a
    table that may be missing as a whole."""
    max_unmatched_treatments: float = Field(default=0.2, ge=0, le=1)
    """Share of treatments (compound and concentration) that may be in the profiles without a
    readout; the same for the reverse."""
    max_unknown_target_compounds: float = Field(default=0.05, ge=0, le=1)
    """Share of the compounds of the targets table that may be in no well."""
    min_compounds: int = Field(default=50, ge=2)
    """Compounds with both a profile and a readout: five folds of ten."""
    min_replicates: int = Field(default=2, ge=1)
    """Readout wells per treatment below which a warning is given."""
    min_doses: int = Field(default=5, ge=5)
    """Concentrations per compound of a dose-response readout. The curve fit's F test has 2.3
    degrees of freedom at 5 doses and next to none below."""
    min_top_dose_um: float = Field(default=1e-3, gt=0)
    """The screen's highest concentration in uM is at least this; below, values are in another unit
    than screen.yaml says (molar values under the unit uM end near 1e-5)."""
    max_top_dose_um: float = Field(default=1e4, gt=0)
    """And below this: 10 mM is the usual stock solution, and 10 uM, the commonest top dose, written
    in nM."""
    min_proteins: int = Field(default=1, ge=1)
    """Proteins per direction with enough positives and negatives to enter a task."""
    min_scored_folds: int = Field(default=3, ge=2)
    """Folds that must hold both a positive and a negative of a protein for its mean over folds to
    deserve the name."""
    max_thin_proteins: float = Field(default=0.1, ge=0, le=1)
    """Share of the proteins of a task that may have fewer such folds."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            ("min_control_spread", "max_control_spread"),
            ("min_top_dose_um", "max_top_dose_um"),
            ("max_typical_control_shift", "max_control_shift"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is above {high}")
        return self
