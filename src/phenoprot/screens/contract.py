"""The screen contract: what a folder must hold to be benchmarked.

A screen is a folder with a ``screen.yaml``, the tables it names (CSV or parquet), and further
profiles: every table in the folder ``profiles`` is one, under the name of its file. ``Metadata_*``
columns are strings, concentrations aside; all other columns of a profile are float features.

========== =================================== =============================================
table      key                                 further columns
========== =================================== =============================================
wells      Metadata_Plate, Metadata_Well       Metadata_Compound, Metadata_Concentration,
                                               Metadata_Control, optional Metadata_InChIKey
                                               and Metadata_SMILES
profiles   Metadata_Plate, Metadata_Well       float features of one method; with Metadata_Site
                                               it is averaged to wells
images     Metadata_Plate, Metadata_Well,      CellProfiler LoadData: PathName_<stain> and
           Metadata_Site                       FileName_<stain>, or URL_<stain>
proteomics Metadata_Plate, Metadata_Well,      Value (intensity, or centred level)
           Metadata_Protein
targets    Metadata_Compound, Metadata_Target  Metadata_Source
========== =================================== =============================================
"""

from __future__ import annotations

from typing import Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from phenoprot.core.settings import RelativePath, Settings

PLATE = "Metadata_Plate"
WELL = "Metadata_Well"
SITE = "Metadata_Site"
COMPOUND = "Metadata_Compound"
CONCENTRATION = "Metadata_Concentration"
CONTROL = "Metadata_Control"
INCHIKEY = "Metadata_InChIKey"
SMILES = "Metadata_SMILES"
PROTEIN = "Metadata_Protein"
TARGET = "Metadata_Target"
SOURCE = "Metadata_Source"
VALUE = "Value"
CELL_COUNT = "Metadata_CellCount"
"""Cells that a mean is taken over, of a field or of all fields of a well."""
FIELD_COUNT = "Metadata_FieldCount"
"""Fields that the mean of a well is taken over."""
EMPTY_COUNT = "Metadata_EmptyFieldCount"
"""Fields of a well that have no cell, and take no part in its mean."""
COUNTS = (CELL_COUNT, FIELD_COUNT, EMPTY_COUNT)

STAINS = ("DNA", "ER", "RNA", "AGP", "Mito")
"""The five stains of Cell Painting, in the order of our arrays."""

NEGATIVE_CONTROL = "negcon"
POSITIVE_CONTROL = "poscon"
CONTROL_TYPES = ("", NEGATIVE_CONTROL, POSITIVE_CONTROL)

Table = Literal["wells", "profiles", "images", "proteomics", "targets", "truth"]
"""A part of a screen folder. ``truth`` is what was planted in a simulated one."""

WELL_KEY = [PLATE, WELL]
FIELD_KEY = [PLATE, WELL, SITE]
TREATMENT_KEY = [COMPOUND, CONCENTRATION]

REQUIRED_COLUMNS: dict[str, list[str]] = {
    "wells": [*WELL_KEY, *TREATMENT_KEY, CONTROL],
    "profiles": [*WELL_KEY],
    "proteomics": [*WELL_KEY, PROTEIN, VALUE],
    "targets": [COMPOUND, TARGET, SOURCE],
}
UNIQUE_KEYS: dict[str, list[str]] = {
    "wells": WELL_KEY,
    "profiles": WELL_KEY,
    "proteomics": [*WELL_KEY, PROTEIN],
    "targets": [COMPOUND, TARGET],
}


def feature_columns(profile: pd.DataFrame) -> list[str]:
    """Columns that are features: all but ``Metadata_*``."""
    return [column for column in profile.columns if not column.startswith("Metadata_")]


def treated_wells(wells: pd.DataFrame) -> pd.DataFrame:
    """Wells that hold a treatment: no negative control, and a concentration above 0."""
    return wells[(wells[CONTROL] != NEGATIVE_CONTROL) & wells[CONCENTRATION].gt(0)]


def url_column(stain: str) -> str:
    """Column that holds the place of a stain's image."""
    return f"URL_{stain}"


def illumination_column(stain: str) -> str:
    """Column that holds the place of a stain's illumination function."""
    return f"Illum_{stain}"


class Source(Settings):
    """Where a part of the screen comes from."""

    repository: str
    """Upstream repository, or the program that made the data."""
    commit: str
    """Commit or version of the upstream."""
    licence: str
    """SPDX identifier, or the name of the terms."""
    citation: str = ""
    """Publication to cite, with its DOI."""
    content: str
    """What was taken from there."""


class ProfileTable(Settings):
    """Features computed elsewhere, one row per well or field of view."""

    path: RelativePath
    """File relative to the screen folder."""
    content: str
    """What the features are, in one line."""
    normalised: bool = False
    """True: already normalised per plate to the negative controls, and taken as it is.
    False: standardised here."""


class ProteomicsTable(Settings):
    """Protein readout, one row per well and protein."""

    path: RelativePath
    """File relative to the screen folder."""
    content: str
    """What was measured, in one line."""
    cell_line: str
    """Cells the readout was taken from; they need not be the imaged ones."""
    kind: Literal["level", "intensity"]
    """``level``: centred on the plate's negative controls, may be negative, never logged.
    ``intensity``: raw positive intensities."""
    design: Literal["single_dose", "dose_response"]
    """``single_dose``: labels by a test against the controls. ``dose_response``: by curve fits."""


class Tables(Settings):
    """The tables that a screen has. A screen without one skips the stages that need it."""

    wells: RelativePath
    """File relative to the screen folder."""
    profiles: dict[str, ProfileTable] = Field(default_factory=dict)
    """Feature tables by method name: what they are. A table in the folder ``profiles`` needs no
    entry, unless it is normalised already."""
    images: RelativePath | None = None
    """LoadData CSV of the fields of view, relative to the screen folder."""
    proteomics: ProteomicsTable | None = None
    """Protein readout."""
    targets: RelativePath | None = None
    """File relative to the screen folder."""


class ScreenInfo(Settings):
    """The content of a ``screen.yaml``."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    """Name of the screen: the folder's name, and a key of params.yaml."""
    title: str
    """One line for tables and reports."""
    organism: str
    """Species of the cells."""
    cell_line: str
    """The imaged cells."""
    stains: list[str] = []
    """Stains of the image channels: DNA, ER, RNA, AGP, Mito. Needed with a table of images only."""
    concentration_unit: Literal["M", "mM", "uM", "nM", "pM"]
    """Unit of ``Metadata_Concentration``."""
    negative_control: str
    """Compound name of the negative-control wells, e.g. DMSO."""
    sources: list[Source] = []
    """Where the data come from; a laboratory's own data need none."""
    caveats: list[str] = []
    """What a reader must know before trusting a number; printed with every table."""
    tables: Tables
    """Files of the screen."""

    @model_validator(mode="after")
    def _stains_of_images(self) -> Self:
        if self.tables.images is not None and not self.stains:
            raise ValueError("key 'stains' is missing: a screen with images names their stains")
        return self
