"""Settings of the simulated screen: sizes, noise and what is planted."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from phenoprot.core.settings import Seed, Settings, Share
from phenoprot.phantom.catalogue import CATALOGUE

WELLS_PER_PLATE = 384

Spread = Annotated[float, Field(ge=0, le=5)]
Length = Annotated[float, Field(gt=0, le=1000)]
Light = Annotated[float, Field(gt=0, le=65535)]
Log2 = Annotated[float, Field(gt=0, le=30)]
Slope = Annotated[float, Field(ge=0.01, le=30)]
Log10 = Annotated[float, Field(ge=-30, le=30)]


PerStain = tuple[Light, Light, Light, Light, Light]


class ImageSettings(Settings):
    """The ``phantom.images`` block of params.yaml."""

    size: int = Field(default=360, ge=96, le=4096)
    """Side of a field of view (px)."""
    pixel_size: float = Field(default=1.2, gt=0.1, le=2.5)
    """Side of a pixel in the sample (um). 1.2: a 20x objective, 2 x 2 binned."""
    sites: int = Field(default=1, ge=1, le=9)
    """Fields of view of a well (count)."""
    replicates: int = Field(default=1, ge=1, le=20)
    """Replicates that are imaged, the first ones (count)."""

    cells: Annotated[float, Field(gt=0, le=100_000)] = 24.0
    """Mean number of nuclei with their centre in an untreated field (count)."""
    colony_share: Share = 0.75
    """Share of the cells that settle beside another one."""
    cell_diameter: Length = 60.0
    """Diameter of the disk of a mean cell's area (um)."""
    nucleus_diameter: Length = 21.5
    """Diameter of the disk of a mean nucleus' area (um)."""
    size_sd: Spread = 0.2
    """Standard deviation from cell to cell of areas (natural log)."""
    response_sd: Spread = 0.3
    """Standard deviation from cell to cell of the answer to a programme (share of the answer)."""
    dead_share: Share = 0.02
    """Round, bright dead cells, as a share of the cells of an untreated field."""
    dead_per_lost: Share = 0.08
    """Share of the cells lost to a treatment that still lie there, dead."""

    brightness: PerStain = (9000.0, 6500.0, 9500.0, 5500.0, 2600.0)
    """Light of the bright parts of a cell, DNA, ER, RNA, AGP and Mito (counts)."""
    background: PerStain = (420.0, 320.0, 440.0, 560.0, 950.0)
    """Light where no cell is, DNA, ER, RNA, AGP and Mito (counts)."""
    stain_plate_sd: Spread = 0.1
    """Standard deviation of the staining from plate to plate, for each stain (natural log)."""
    stain_well_sd: Spread = 0.06
    """Standard deviation of the staining from well to well, for each stain (natural log)."""
    stain_cell_sd: Spread = 0.18
    """Standard deviation of the staining from cell to cell, for each stain (natural log)."""

    blur: Annotated[float, Field(gt=0, le=100)] = 0.95
    """Standard deviation of the point spread function (um)."""
    focus_sd: Spread = 0.08
    """Standard deviation of the blur from field to field (natural log)."""
    haze: Share = 0.1
    """Share of the light that comes from out of focus, as from a blur of 15 um."""
    vignetting: Share = 0.25
    """Share of the light that is missing in the corners."""
    photon_gain: Annotated[float, Field(gt=0, le=10_000)] = 2.0
    """Counts of a photoelectron: the shot noise of a level is the root of level times gain."""
    read_noise: float = Field(default=12.0, ge=0, le=1000)
    """Standard deviation of the camera's noise (counts)."""

    @model_validator(mode="after")
    def _consistent(self) -> ImageSettings:
        if self.cell_diameter < 1.6 * self.nucleus_diameter:
            raise ValueError(
                f"cell_diameter ({self.cell_diameter:g}) must be 1.6 nucleus_diameter "
                f"({self.nucleus_diameter:g}) or more, or nuclei do not fit into their cells"
            )
        if self.nucleus_diameter < 6 * self.pixel_size:
            raise ValueError(
                f"nucleus_diameter ({self.nucleus_diameter:g} um) must be 6 pixels of "
                f"{self.pixel_size:g} um or more"
            )
        if self.coverage > 0.8:
            raise ValueError(
                f"{self.cells:g} cells of {self.cell_diameter:g} um would cover "
                f"{self.coverage:.0%} of a field of {self.size} px; at most 80% can be: "
                "lower cells, or raise size"
            )
        return self

    @property
    def coverage(self) -> float:
        """Summed area of the cells of an untreated field, as a share of the field."""
        radius = self.cell_diameter / 2 / self.pixel_size
        return float(self.cells * np.pi * radius**2 / self.size**2)


class PhantomSettings(Settings):
    """The ``phantom`` block of params.yaml."""

    seed: Seed = 20240801
    """Seed of all random numbers. Equal settings give equal bytes."""

    n_compounds: int = Field(default=72, ge=10, le=5000)
    """Compounds, controls aside (count)."""
    concentrations: tuple[Annotated[float, Field(ge=1e-9, le=1e9)], ...] = Field(
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
    second_programme_share: Share = 0.8
    """Share of the active compounds that drive a second programme, less and at higher doses."""
    weak_potency_share: Share = 0.1
    """Share of the active compounds whose pEC50 lies up to one decade above the highest dose."""
    efficacy_range: tuple[Share, Share] = (0.6, 1.0)
    """Activity of the main programme at infinite dose (0..1), uniform."""
    slope_range: tuple[Slope, Slope] = (0.8, 2.5)
    """Slope of the activity curve (per decade of concentration), log-uniform."""
    n_null_targets: int = Field(default=4, ge=0, le=1000)
    """Target genes given to random compounds, whatever these drive (count): no model can predict
    them."""

    n_proteins: int = Field(default=300, ge=10, le=20000)
    """Proteins (count)."""
    null_protein_share: Share = 0.3
    """Share of the proteins that answer to no programme."""
    second_loading_share: Share = 0.4
    """Share of the other proteins that answer to a second programme too, up or down."""
    effect_range: tuple[Log2, Log2] = (0.4, 3.0)
    """Absolute log2 fold change of a protein at full activity of its programme, log-uniform."""
    down_share: Share = 0.5
    """Share of the loadings that are negative."""
    intensity_range: tuple[Log10, Log10] = (5.0, 9.0)
    """Untreated intensities (log10): normal, with this range as mean +- 2.5 sd, clipped to it."""
    noise_range: tuple[Log2, Log2] = (0.05, 0.3)
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
    missing_scale: Annotated[float, Field(gt=0, le=100)] = 0.25
    """Width of the logistic that turns a low intensity into a missing value (log10)."""

    oracle_noise_sd: Spread = 0.02
    """Standard deviation of the noise on the oracle's activities (activity, 0..1). Above 0, as
    controls that never vary have no scale to normalise by."""
    cells_per_well: Annotated[float, Field(gt=0, le=1e9)] = 900.0
    """Mean cell number of an untreated well (count)."""
    cell_plate_sd: Spread = 0.08
    """Standard deviation of the plates' shifts of the cell number (natural log)."""
    cell_well_sd: Spread = 0.06
    """Standard deviation of the seeding of each well (natural log), beside counting noise."""

    images: ImageSettings | None = ImageSettings()
    """Five-channel images of the screen. null: none."""

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
        if self.images is not None and self.images.replicates > self.n_replicates:
            raise ValueError(
                f"images.replicates is {self.images.replicates}, but n_replicates is "
                f"{self.n_replicates}"
            )
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
