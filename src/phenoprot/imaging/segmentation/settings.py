"""Settings of the segmentation."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from phenoprot.core.settings import Settings
from phenoprot.screens.contract import STAINS
from phenoprot.weights.settings import WeightsSettings

DNA = "DNA"


class CellProfilerSettings(Settings):
    """Thresholds and watersheds, in the way of CellProfiler's Identify modules."""

    nucleus_diameter: Annotated[float, Field(gt=3, le=1000)] | Literal["auto"] = "auto"
    """Typical diameter of a nucleus (px of the field). All lengths below follow from it. ``auto``:
    measured on fields of the negative controls, and written beside the masks."""
    cytoplasm: tuple[str, ...] = ("RNA", "AGP")
    """Stains whose light tells cells from background; the first of them also draws the lines
    between cells that touch."""
    smoothing: float = Field(default=0.06, ge=0, le=10)
    """Standard deviation of the smoothing before thresholds (nucleus diameters)."""
    background_window: float = Field(default=5.0, ge=1, le=1000)
    """Side of the square around a place whose background is black there for DNA (nucleus
    diameters); nuclei may cover three quarters of it."""
    noise: float = Field(default=5.0, ge=0, le=1000)
    """A threshold is at least so many standard deviations of the background above black: where
    there is no cell, the noise is not split into objects."""
    nucleus_edge: float = Field(default=0.5, gt=0, lt=1)
    """The outline of a nucleus lies where its own light above black has fallen to this share."""
    min_nucleus_light: float = Field(default=0.25, ge=0, le=1)
    """Objects of less light are no nuclei (light of the field's median object)."""
    cell_correction: float = Field(default=1.4, gt=0, le=1000)
    """Factor on the threshold of cells."""
    cell_reach: float = Field(default=1.0, gt=0, le=1000)
    """Where cells are confluent and have no outline by a threshold: what is within this distance of
    a nucleus belongs to cells (nucleus diameters)."""
    declump_light: float = Field(default=0.4, ge=0, le=1000)
    """Nuclei that touch are split along the valleys of a relief, the distance to their outline
    (nucleus diameters) plus so many times the light of DNA (natural log). 0: by shape alone."""
    declump_smoothing: float = Field(default=0.07, ge=0, le=10)
    """Standard deviation of the smoothing of that relief (nucleus diameters)."""
    declump_depth: float = Field(default=0.08, ge=0, le=1000)
    """Least depth of a valley below the lower of its two sides (height of the relief)."""
    min_nucleus_area: float = Field(default=0.2, ge=0, le=1000)
    """Smaller objects are debris and micronuclei (areas of a disk of the nucleus diameter). A third
    of it is enough for a nucleus that the border cuts."""
    max_nucleus_area: float = Field(default=12.0, gt=0, le=1e6)
    """Larger objects are no nuclei (areas of a disk of the nucleus diameter)."""
    dead_brightness: float | None = Field(default=1.5, gt=1, le=1000)
    """Dead cells are round, small and bright. An object is one, and left out, if the light of the
    cytoplasm stains in its nucleus is above this many times that in the field's median nucleus, and
    the next two rules hold. None: dead cells are kept."""
    dead_area: float = Field(default=0.5, gt=0, le=1000)
    """Largest area of a dead cell's nucleus (areas of the field's median nucleus)."""
    dead_roundness: float = Field(default=0.85, ge=0, le=1)
    """Least ratio of the short to the long axis of a dead cell's nucleus."""

    @field_validator("cytoplasm")
    @classmethod
    def _known(cls, stains: tuple[str, ...]) -> tuple[str, ...]:
        return _cytoplasm_stains(stains)

    @property
    def diameter(self) -> float:
        """The nucleus diameter (px).

        Raises
        ------
        ValueError
            It is still to be measured.
        """
        if self.nucleus_diameter == "auto":
            raise ValueError("nucleus_diameter is auto: measure it first")
        return self.nucleus_diameter

    def at(self, diameter: float) -> CellProfilerSettings:
        """These settings with another nucleus diameter (px)."""
        return self.model_copy(update={"nucleus_diameter": diameter})

    @model_validator(mode="after")
    def _areas(self) -> CellProfilerSettings:
        if self.min_nucleus_area >= self.max_nucleus_area:
            raise ValueError(
                f"min_nucleus_area {self.min_nucleus_area:g} is not below max_nucleus_area "
                f"{self.max_nucleus_area:g}: no nucleus would be found"
            )
        return self


class CellposeSettings(Settings):
    """Cellpose-SAM: one run for cells, one for nuclei."""

    weights: WeightsSettings = WeightsSettings(file="cpsam")
    """The network's weights; never downloaded or replaced in silence."""
    cytoplasm: tuple[str, ...] = ("RNA", "ER", "AGP")
    """Stains that are averaged, each scaled to its own range, for the first channel of the run on
    cells; the second is DNA, the third is empty."""
    diameter: float | None = Field(default=None, ge=1, le=10_000)
    """Diameter of a cell (px of the field), by which fields are scaled to the 30 px of the
    network's training; None: no scaling, the network takes sizes as they come."""
    flow_threshold: float = Field(default=0.4, ge=0)
    """Largest mean squared error between the flows of an object's shape and the predicted ones;
    0: no check."""
    cell_probability: float = 0.0
    """Least output for a pixel of an object (logit)."""
    min_size: int = Field(default=15, ge=0)
    """Least area of an object (px)."""
    batch_size: int = Field(default=32, ge=1, le=2**16)
    """Tiles of 256 px that go through the network at a time, across fields. Lower it where memory
    is short."""

    @field_validator("cytoplasm")
    @classmethod
    def _known(cls, stains: tuple[str, ...]) -> tuple[str, ...]:
        return _cytoplasm_stains(stains)


class OwnMasksSettings(Settings):
    """Label images that another program wrote, in place of a segmentation."""

    nuclei: str = "masks/{plate}/{well}_s{site}_nuclei.tiff"
    """Files of nuclei: {plate}, {well} and {site} stand for those of the field. TIFF or .npy with
    labels, or Cellpose's _seg.npy."""
    cells: str = "masks/{plate}/{well}_s{site}_cells.tiff"
    """Files of cells. Labels need not be those of the nuclei: each nucleus goes to the cell that
    holds most of it."""

    @field_validator("nuclei", "cells")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        try:
            names = [name for _, name, _, _ in Formatter().parse(pattern) if name is not None]
        except ValueError:
            names = ["?"]
        if not set(names) <= {"plate", "well", "site"} or "well" not in names:
            raise ValueError("name files by {plate}, {well} and {site}; {well} must be in it")
        return pattern


class SegmentationSettings(Settings):
    """The ``segmentation`` block of params.yaml."""

    method: Literal["cellprofiler", "cellpose", "masks"] = "cellprofiler"
    """``cellprofiler``: thresholds and watersheds. ``cellpose``: Cellpose-SAM, for which the
    weights must be there; use a GPU. ``masks``: files of masks of one's own."""
    cellprofiler: CellProfilerSettings = CellProfilerSettings()
    """The method ``cellprofiler``."""
    cellpose: CellposeSettings = CellposeSettings()
    """The method ``cellpose``."""
    masks: OwnMasksSettings = OwnMasksSettings()
    """The method ``masks``."""


def _cytoplasm_stains(stains: tuple[str, ...]) -> tuple[str, ...]:
    allowed = [stain for stain in STAINS if stain != DNA]
    if not stains or len(set(stains)) < len(stains) or not set(stains) <= set(allowed):
        raise ValueError(f"name one or more of {', '.join(allowed)}, each once")
    return stains
