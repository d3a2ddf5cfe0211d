"""A screen that is put together from the files of a laboratory, before it is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.notices import warn
from phenoprot.imports.columns import find, text
from phenoprot.imports.images import Images, read_images
from phenoprot.imports.layout import Layout, LayoutOptions, read_layout
from phenoprot.imports.maps import joined, read_plate_maps
from phenoprot.imports.profiles import Profiles, cleaned, is_normalised, read_profiles
from phenoprot.imports.proteins import (
    ProteinOptions,
    Proteins,
    proteins_of,
    read_matrix,
    wells_of,
)
from phenoprot.imports.proteins.matrix import Matrix
from phenoprot.imports.settle import settled
from phenoprot.imports.source import read_any
from phenoprot.imports.targets import TargetOptions, read_targets
from phenoprot.imports.targets.plain import target_column
from phenoprot.imports.targets.source import split_names
from phenoprot.screens.contract import (
    CELL_COUNT,
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    INCHIKEY,
    NEGATIVE_CONTROL,
    PLATE,
    SMILES,
    SOURCE,
    TARGET,
    WELL_KEY,
    feature_columns,
    treated_wells,
)

DOSE_SERIES = 5
"""Concentrations per compound from which a readout is a dose response (`validation.min_doses`)."""


@dataclass(frozen=True)
class Inputs:
    """What a laboratory has, and what its files do not say."""

    plate_maps: Sequence[Path] = ()
    barcodes: Path | None = None
    compounds: Path | None = None
    profiles: Mapping[str | None, Sequence[Path]] = field(default_factory=dict)
    """Files by the name of the table; None: the name is told from the columns."""
    images: Path | None = None
    pattern: str | None = None
    channels: Mapping[str, str] | None = None
    proteins: Path | None = None
    protein_options: ProteinOptions = ProteinOptions()  # noqa: RUF009
    targets: Sequence[Path] = ()
    target_options: TargetOptions = TargetOptions()  # noqa: RUF009
    layout: LayoutOptions = LayoutOptions()  # noqa: RUF009
    normalised: bool | None = None
    """Whether the features are normalised to the negative controls; None: told from them."""
    cell_line: str | None = None
    protein_cell_line: str | None = None


@dataclass(frozen=True)
class Annotated:
    """Target annotations."""

    table: pd.DataFrame
    """As the contract has it."""
    lines: list[str]
    """What was understood."""


@dataclass(frozen=True)
class Draft:
    """The tables of a screen, and what was understood of its files."""

    layout: Layout
    profiles: dict[str, tuple[Profiles, bool]]
    """Feature tables by name, and whether they are normalised."""
    images: Images | None
    proteins: Proteins | None
    targets: Annotated | None
    cell_line: str
    protein_cell_line: str

    @property
    def doses(self) -> pd.Series:
        """Number of concentrations of each treated compound, of the readout if there is one."""
        wells = treated_wells(self.layout.wells)
        if self.proteins is not None:
            wells = wells[wells[PLATE].isin(self.proteins.table[PLATE])]
        return wells.groupby(COMPOUND)[CONCENTRATION].nunique()

    @property
    def design(self) -> str:
        """``dose_response`` if at least half of the compounds have a dose series."""
        return "dose_response" if self.doses.median() >= DOSE_SERIES else "single_dose"


def draft(inputs: Inputs) -> Draft:
    """Read all files of a screen and fit them to each other.

    Raises
    ------
    UserError
        A file is not in order, the files do not fit each other, or something that none of them
        says is not given.
    """
    plate = inputs.layout.plate
    read = [read_profiles(paths, name, plate) for name, paths in inputs.profiles.items()]
    names = [table.name for table in read]
    if len(set(names)) < len(names):
        raise UserError(
            f"{len(names)} feature tables are named {listed(names)}",
            where="--profiles",
            remedy="Name them: --profiles NAME=FILE.",
        )
    images = None
    if inputs.images is not None:
        images = read_images(inputs.images, inputs.pattern, inputs.channels, plate)
    matrix: Matrix | None = None
    measured: pd.DataFrame | None = None
    if inputs.proteins is not None:
        matrix = read_matrix(inputs.proteins, inputs.protein_options)
        measured = wells_of(matrix, str(inputs.proteins), inputs.protein_options)
    plates = _plates(read, images, measured)
    layout = _layout(inputs, read, measured, plates)
    wells = layout.wells
    counts = [_cell_counts(table) for table in read]
    given = {table.name for table in read}
    read += [table for table in counts[:1] if table is not None and table.name not in given]
    tables = _with_features(read, given, wells)
    proteins = None
    if matrix is not None:
        proteins = proteins_of(matrix, str(inputs.proteins), inputs.protein_options, wells)
    targets = None
    if inputs.targets:
        found = read_targets(inputs.targets, _compounds(wells), inputs.target_options)
        targets = Annotated(found.table, found.lines)
    elif read:
        targets = _own_targets(read[0], wells)
    cells = inputs.cell_line or _one_cell_line(layout)
    return Draft(
        layout,
        {
            table.name: (
                table,
                is_normalised(table.table, wells) if inputs.normalised is None
                else inputs.normalised,
            )
            for table in tables
        },
        images,
        proteins,
        targets,
        cells,
        inputs.protein_cell_line or cells,
    )  # fmt: skip


def _plates(
    profiles: Sequence[Profiles], images: Images | None, measured: pd.DataFrame | None
) -> list[str]:
    """Plates of all tables, in order."""
    tables = [table.table for table in profiles]
    tables += [images.fields] if images is not None else []
    tables += [measured] if measured is not None else []
    if not tables:
        raise UserError(
            "nothing to make a screen of",
            where="phenoprot screens new",
            remedy="Give feature tables (--profiles), images (--images) or a protein table "
            "(--proteins).",
        )
    return sorted({plate for table in tables for plate in table[PLATE].dropna().unique()})


def _layout(
    inputs: Inputs, profiles: Sequence[Profiles], measured: pd.DataFrame | None, plates: list[str]
) -> Layout:
    """The layout of all plates that a table has; `measured` are the wells of the protein table."""
    compounds = read_any(inputs.compounds) if inputs.compounds is not None else None
    layouts: list[Layout] = []
    if inputs.plate_maps:
        layouts.append(
            read_plate_maps(inputs.plate_maps, plates, inputs.layout, compounds, inputs.barcodes)
        )
        for table in profiles:
            _compare(layouts[0], table.about, compounds)
    else:
        for table in profiles:
            if any(find(table.about.columns, what) for what in ("compound", "broad", "sample")):
                where = f"profiles/{table.name}"
                layouts.append(read_layout(table.about, where, inputs.layout, compounds))
                break
    known = {plate for layout in layouts for plate in layout.wells[PLATE].unique()}
    if measured is not None and set(measured) > set(WELL_KEY):
        further = measured[~measured[PLATE].isin(known)]
        if len(further):
            layouts.append(read_layout(further, str(inputs.proteins), inputs.layout, compounds))
            known |= set(further[PLATE])
    without = [plate for plate in plates if plate not in known]
    if without or not layouts:
        raise UserError(
            f"{len(without)} of {len(plates)} plate(s) have no layout: {listed(without)}"
            + (f"; the layout has {listed(sorted(known))}" if known else ""),
            where="plate maps",
            remedy="Give a plate map of them (--plate-map); a map without a column of plates is "
            "that of all plates.",
        )
    layout = joined(layouts)
    lines = list(layout.lines)
    used = layout.wells[PLATE].isin(plates)
    if not used.all():
        left = sorted(layout.wells[PLATE][~used].unique())
        lines.append(f"{len(left)} plate(s) of the maps are in no table: left out: {listed(left)}")
    wells = settled(layout.wells[used], lines)
    columns = [*WELL_KEY, COMPOUND, CONCENTRATION, CONTROL]
    columns += [column for column in (INCHIKEY, SMILES) if column in wells]
    wells = wells[columns].sort_values(WELL_KEY, ignore_index=True)
    return replace(layout, wells=wells, lines=lines)


def _compare(layout: Layout, about: pd.DataFrame, compounds: pd.DataFrame | None) -> None:
    """Warn of wells that hold another compound in a feature table than in the plate map."""
    name = find(about.columns, "compound")
    if name is None:
        return
    told = about[WELL_KEY].assign(told=text(about[name])).dropna().drop_duplicates(WELL_KEY)
    both = layout.wells.merge(told, on=WELL_KEY)
    differ = both[both[COMPOUND].str.casefold() != both["told"].str.casefold()]
    differ = differ[differ[CONTROL] != NEGATIVE_CONTROL]
    if len(differ):
        shown = [
            f"{row[0]}/{row[1]} {row[2]} and {row[3]}"
            for row in differ[[*WELL_KEY, COMPOUND, "told"]].head(3).to_numpy()
        ]
        warn(
            f"{len(differ)} of {len(both)} wells have another compound in the feature table than "
            f"in the plate map: {listed(shown)}. The map is taken; check it if names differ in "
            "more than spelling.",
            "plate map",
        )


def _cell_counts(profiles: Profiles) -> Profiles | None:
    """The counts of cells that a feature table comes with, as a table of their own."""
    if CELL_COUNT not in profiles.table:
        return None
    table = profiles.table.drop(columns=CELL_COUNT)
    keys = [column for column in table if column.startswith("Metadata_")]
    counts = table[keys].assign(Cells_Count=profiles.table[CELL_COUNT].astype(float))
    return Profiles("cell_count", counts, profiles.about)


def _with_features(
    read: Sequence[Profiles], given: Collection[str], wells: pd.DataFrame
) -> list[Profiles]:
    """Tables with the features that all wells have and that vary; a count that does not is none.

    Raises
    ------
    UserError
        No feature of a table that was given is left.
    """
    tables = []
    for table in (cleaned(table, wells) for table in read):
        if feature_columns(table.table):
            tables.append(table)
        elif table.name in given:
            raise UserError(
                "no feature is left: all are equal in all wells, or missing in some",
                where=f"profiles/{table.name}",
                remedy="Give a table of features that vary.",
            )
    return tables


def _compounds(wells: pd.DataFrame) -> pd.DataFrame:
    treated = treated_wells(wells)
    columns = [column for column in (COMPOUND, INCHIKEY, SMILES) if column in treated]
    return treated[columns].drop_duplicates(COMPOUND).reset_index(drop=True)


def _own_targets(profiles: Profiles, wells: pd.DataFrame) -> Annotated | None:
    """Annotations that a feature table has beside its features."""
    column = target_column(profiles.about.columns)
    if column is None:
        return None
    named = profiles.about[WELL_KEY].assign(names=text(profiles.about[column])).dropna()
    named = named.merge(treated_wells(wells)[[*WELL_KEY, COMPOUND]], on=WELL_KEY)
    pairs = sorted(
        {
            (compound, target)
            for compound, names in named[[COMPOUND, "names"]].drop_duplicates().to_numpy()
            for target in split_names(names, r"[|;]")
        }
    )
    if not pairs:
        return None
    table = pd.DataFrame(pairs, columns=[COMPOUND, TARGET])
    line = (
        f"{len(pairs)} pairs, {table[TARGET].nunique()} targets of {table[COMPOUND].nunique()} "
        f"compounds, from the column {column} of the feature table"
    )
    return Annotated(table.assign(**{SOURCE: f"column {column}"}), [line])


def _one_cell_line(layout: Layout) -> str:
    if len(layout.cell_lines) == 1:
        return layout.cell_lines[0]
    said = f"the tables name {listed(list(layout.cell_lines))}" if layout.cell_lines else (
        "no table names it")  # fmt: skip
    raise UserError(
        f"which cells were imaged? {said}",
        where="phenoprot screens new",
        remedy="Say it: --cell-line U2OS.",
    )
