"""Settings of the simulated screen: sizes, noise and what is planted."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from phenoprot.screens.phantom.catalogue import CATALOGUE
from phenoprot.settings import Settings

WELLS_PER_PLATE = 384

Share = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(ge=0, le=5)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class PhantomSettings(Settings):
    """The ``phantom`` block of params.yaml."""

    seed: int = Field(default=20240801, ge=0)
    """Seed of all random numbers. Equal settings give equal bytes."""

    n_compounds: int = Field(default=60, ge=10, le=5000)
    """Compounds, controls aside (count)."""
    concentrations: tuple[Positive, ...] = Field(
        default=(0.001, 0.01, 0.1, 1.0, 10.0), min_length=5
    )
    """Doses of every compound, ascending (uM). Fewer than 5 leave CurveCurator no curve to call."""
    n_replicates: int = Field(default=3, ge=1, le=20)
    """Replicates of each compound and dose, each on a plate of its own (count)."""
    n_negative_controls: int = Field(default=24, ge=4, le=WELLS_PER_PLATE - 5)
    """DMSO wells on each plate of 384 (count)."""

    programmes: tuple[str, ...] = tuple(CATALOGUE)
    """Latent programmes that take part, names of the catalogue."""
    null_compound_share: Share = 0.2
    """Share of the compounds that drive no programme."""
    second_programme_share: Share = 0.5
    """Share of the active compounds that drive a second programme, less and at higher doses."""
    weak_potency_share: Share = 0.1
    """Share of the active compounds whose pEC50 lies up to one decade above the highest dose."""
    efficacy_range: tuple[Share, Share] = (0.6, 1.0)
    """Activity of the main programme at infinite dose (0..1), uniform."""
    slope_range: tuple[Positive, Positive] = (0.8, 2.5)
    """Slope of the activity curve (per decade of concentration), log-uniform."""
    n_null_targets: int = Field(default=4, ge=0)
    """Target genes given to random compounds, whatever these drive (count): no model can predict
    them."""

    n_proteins: int = Field(default=300, ge=10, le=20000)
    """Proteins (count)."""
    null_protein_share: Share = 0.3
    """Share of the proteins that answer to no programme."""
    second_loading_share: Share = 0.4
    """Share of the other proteins that answer to a second programme too, up or down."""
    effect_range: tuple[Positive, Positive] = (0.4, 3.0)
    """Absolute log2 fold change of a protein at full activity of its programme, log-uniform."""
    down_share: Share = 0.5
    """Share of the loadings that are negative."""
    intensity_range: tuple[Finite, Finite] = (5.0, 9.0)
    """Untreated intensities (log10): normal, with this range as mean +- 2.5 sd, clipped to it."""
    noise_range: tuple[Positive, Positive] = (0.05, 0.3)
    """Standard deviation of a protein's measurement noise (log2), log-uniform; larger for weak
    proteins."""
    noise_intensity_correlation: Share = 0.6
    """Rank correlation, roughly, of the noise with the lowness of the intensity (0..1)."""
    plate_sd: Spread = 0.3
    """Standard deviation of the plates' shifts that all proteins share (log2)."""
    plate_protein_sd: Spread = 0.15
    """Standard deviation of the batch effect of each plate on each protein (log2)."""
    well_sd: Spread = 0.04
    """Standard deviation of the loaded amount of each well, shared by all its proteins (log2)."""
    missing_share: float = Field(default=0.05, ge=0, lt=0.5)
    """Expected share of missing values in the proteomics table."""
    missing_scale: Positive = 0.25
    """Width of the logistic that turns a low intensity into a missing value (log10)."""

    oracle_noise_sd: Spread = 0.02
    """Standard deviation of the noise on the oracle's activities (activity, 0..1). Above 0, as
    controls that never vary have no scale to normalise by."""
    cells_per_well: Positive = 900.0
    """Mean cell number of an untreated well (count)."""
    cell_plate_sd: Spread = 0.08
    """Standard deviation of the plates' shifts of the cell number (natural log)."""
    cell_well_sd: Spread = 0.06
    """Standard deviation of the seeding of each well (natural log), beside counting noise."""

    @model_validator(mode="after")
    def _consistent(self) -> PhantomSettings:
        for name in ("efficacy_range", "slope_range", "effect_range", "intensity_range",
                     "noise_range"):  # fmt: skip
            lower, upper = getattr(self, name)
            if lower > upper:
                raise ValueError(f"{name} must be (lower, upper), not ({lower}, {upper})")
        if any(low >= high for low, high in pairwise(self.concentrations)):
            raise ValueError(f"concentrations must ascend, not {self.concentrations}")
        unknown = [name for name in self.programmes if name not in CATALOGUE]
        if unknown:
            raise ValueError(f"no programme {unknown[0]!r}; there are: {', '.join(CATALOGUE)}")
        if not self.programmes or len(set(self.programmes)) < len(self.programmes):
            raise ValueError("programmes must name at least one programme, and none twice")
        if not any(CATALOGUE[name].in_proteins for name in self.programmes):
            raise ValueError("none of the programmes shows in proteins: name one that does")
        if self.compounds_per_plate < 1:
            raise ValueError(
                f"{len(self.concentrations)} doses and {self.n_negative_controls} negative "
                f"controls do not fit on a plate of {WELLS_PER_PLATE} wells"
            )
        return self

    @property
    def compounds_per_plate(self) -> int:
        """Compounds that fit on a plate with all their doses, beside the controls (count)."""
        return (WELLS_PER_PLATE - self.n_negative_controls) // len(self.concentrations)
