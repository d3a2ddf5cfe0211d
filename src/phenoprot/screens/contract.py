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
           or Metadata_Plate, Metadata_Well    one column of numbers per protein (parquet)
targets    Metadata_Compound, Metadata_Target  Metadata_Source
labels     Metadata_Compound, Metadata_Protein Value (z of the effect), or Label (up, down, not,
                                               masked): regulation that others found
========== =================================== =============================================

Many data are published as one row per compound and concentration, without wells or controls. A
screen of these has ``treatments`` in place of ``wells``, and all its profiles are tables of
treatments, taken as they are:

========== =================================== =============================================
treatments Metadata_Compound,                  float features of one method, optional column of
           Metadata_Concentration              cell numbers, Metadata_InChIKey, Metadata_SMILES
profiles   Metadata_Compound,                  float features of one method
           Metadata_Concentration
========== =================================== =============================================
"""

from __future__ import annotations

from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from phenoprot.core.settings import Name, RelativePath, Settings

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
STATE = "Label"
"""Column of the regulation of a compound and protein, one of `STATES`."""
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
MASKED = "masked"
STATES = ("up", "down", "not", MASKED)
"""Regulation as a table of labels states it; `MASKED` is neither learnt nor scored."""
CELL_COUNT_PROFILE = "cell_count"
"""Feature table made of the cell numbers in a table of treatments."""

Table = Literal[
    "wells", "treatments", "profiles", "images", "proteomics", "labels", "targets", "truth"
]
"""A part of a screen folder. ``truth`` is what was planted in a simulated one."""

WELL_KEY = [PLATE, WELL]
FIELD_KEY = [PLATE, WELL, SITE]
TREATMENT_KEY = [COMPOUND, CONCENTRATION]

REQUIRED_COLUMNS: dict[str, list[str]] = {
    "wells": [*WELL_KEY, *TREATMENT_KEY, CONTROL],
    "profiles": [*WELL_KEY],
    "proteomics": [*WELL_KEY, PROTEIN, VALUE],
    "targets": [COMPOUND, TARGET, SOURCE],
    "treatments": TREATMENT_KEY,
    "labels": [COMPOUND, PROTEIN],
}
UNIQUE_KEYS: dict[str, list[str]] = {
    "wells": WELL_KEY,
    "profiles": WELL_KEY,
    "proteomics": [*WELL_KEY, PROTEIN],
    "targets": [COMPOUND, TARGET],
    "treatments": TREATMENT_KEY,
    "labels": [COMPOUND, PROTEIN],
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
    """Protein readout, one row per well and protein, or (parquet) one column per protein."""

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


class TreatmentsTable(Settings):
    """Features as published per compound and concentration, without wells or controls."""

    path: RelativePath
    """File relative to the screen folder."""
    content: str
    """What the features are, in one line."""
    method: Name
    """Name of the feature table that its feature columns make, for rows of params.yaml."""
    cell_count: str | None = None
    """Column of the cell numbers, if it has one: a feature table ``cell_count`` of its own, and no
    part of the others."""
    concentrations: list[float] | None = Field(default=None, min_length=1)
    """The benchmark takes treatments at these concentrations only. null: all."""

    @property
    def features(self) -> dict[str, str | None]:
        """Feature tables that it holds: name, and the one column that makes it (None: the rest)."""
        count = {} if self.cell_count is None else {CELL_COUNT_PROFILE: self.cell_count}
        return {self.method: None, **count}

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        if self.cell_count is not None and self.method == CELL_COUNT_PROFILE:
            raise ValueError(f"'{CELL_COUNT_PROFILE}' is the table of the column cell_count: "
                             "give method another name")  # fmt: skip
        return self


class LabelTable(Settings):
    """Which proteins each compound regulates, as others found it: one row per pair."""

    path: RelativePath
    """File relative to the screen folder."""
    content: str
    """What was measured, in one line."""
    cell_line: str
    """Cells that it was measured in; they need not be the imaged ones."""
    measured: str = "protein"
    """What one column of the readout is, in one word of the tables: ``protein``, ``mRNA``."""
    kind: Literal["z", "state"]
    """``z``: the column Value holds effects in standard deviations, and the two thresholds make
    states of them. ``state``: the column Label holds up, down, not or masked."""
    called: float | None = Field(default=None, gt=0)
    """Of kind ``z``: beyond this, above or below 0, a pair is up or down."""
    quiet: float | None = Field(default=None, gt=0)
    """Of kind ``z``: nearer to 0 than this a pair is not regulated; what is between is masked."""

    @model_validator(mode="after")
    def _thresholds_of_z(self) -> Self:
        given = [name for name in ("called", "quiet") if getattr(self, name) is not None]
        if self.kind == "state" and given:
            raise ValueError(f"kind 'state' takes no threshold: leave out {', '.join(given)}")
        if self.kind == "z" and len(given) < 2:
            raise ValueError("kind 'z' needs the thresholds called and quiet")
        if self.called is not None and self.quiet is not None and self.quiet > self.called:
            raise ValueError(f"quiet ({self.quiet:g}) is above called ({self.called:g})")
        return self


class Tables(Settings):
    """The tables that a screen has. A screen without one skips the stages that need it."""

    wells: RelativePath | None
    """File relative to the screen folder. A screen of treatments has none."""
    treatments: TreatmentsTable | None = None
    """In place of wells: features published per compound and concentration."""
    profiles: dict[str, ProfileTable] = Field(default_factory=dict)
    """Feature tables by method name: what they are. A table in the folder ``profiles`` needs no
    entry, unless it is normalised already."""
    images: RelativePath | None = None
    """LoadData CSV of the fields of view, relative to the screen folder."""
    proteomics: ProteomicsTable | None = None
    """Protein readout."""
    labels: LabelTable | None = None
    """In place of a readout: which proteins each compound regulates."""
    targets: RelativePath | None = None
    """File relative to the screen folder."""

    @property
    def layout(self) -> str:
        """File that says which treatments there are: that of the wells, or of the treatments."""
        return self.treatments.path if self.treatments is not None else self.wells or ""

    @model_validator(mode="before")
    @classmethod
    def _treatments_for_wells(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("treatments") is not None:
            return {"wells": None} | content
        return content

    @model_validator(mode="after")
    def _no_two_of_a_kind(self) -> Self:
        if self.treatments is None and self.wells is None:
            raise ValueError("name the table of wells, or of treatments")
        if self.treatments is not None:
            parts = ("wells", "images", "proteomics")
            if given := [name for name in parts if getattr(self, name) is not None]:
                raise ValueError(f"treatments have no wells: leave out {', '.join(given)}")
            if taken := sorted(self.treatments.features.keys() & self.profiles.keys()):
                raise ValueError(f"profiles: {', '.join(taken)} comes from the treatments already")
        if self.labels is not None and self.proteomics is not None:
            raise ValueError("labels come from proteomics, or are given: leave out one of the two")
        return self


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
    """Compound name of the negative-control wells, e.g. DMSO. A screen of treatments has none."""
    sources: list[Source] = []
    """Where the data come from; a laboratory's own data need none."""
    caveats: list[str] = []
    """What a reader must know before trusting a number; printed with every table."""
    tables: Tables
    """Files of the screen."""

    @model_validator(mode="before")
    @classmethod
    def _controls_of_wells(cls, content: Any) -> Any:
        tables = content.get("tables") if isinstance(content, dict) else None
        if isinstance(tables, dict) and tables.get("treatments") is not None:
            return {"negative_control": ""} | content
        return content

    @model_validator(mode="after")
    def _stains_of_images(self) -> Self:
        if self.tables.images is not None and not self.stains:
            raise ValueError("key 'stains' is missing: a screen with images names their stains")
        return self
