"""Read a screen folder: every table typed, with wells and compounds in one canonical spelling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.names import require_names
from phenoprot.core.settings import parse_settings, read_yaml
from phenoprot.core.tables import parquet_columns
from phenoprot.screens.aggregate import average_profile
from phenoprot.screens.checked import checked_table, is_text
from phenoprot.screens.contract import (
    CONCENTRATION,
    CONTROL,
    INCHIKEY,
    PROTEIN,
    REQUIRED_COLUMNS,
    SITE,
    SMILES,
    STATE,
    STATES,
    TREATMENT_KEY,
    VALUE,
    WELL_KEY,
    ProfileTable,
    ScreenInfo,
    Tables,
    TreatmentsTable,
    feature_columns,
)
from phenoprot.screens.load_data import read_load_data
from phenoprot.screens.readout import is_wide, read_wide, to_long, wide_proteins
from phenoprot.screens.tables import SAME_DOSE, read_table

PROFILES = "profiles"
"""Folder of a screen whose tables are profiles, described in ``screen.yaml`` or not."""
ENDINGS = (".parquet", ".csv", ".csv.gz")


@dataclass(frozen=True)
class Screen:
    """A screen folder that has a valid ``screen.yaml``. Tables are read when asked for."""

    folder: Path
    info: ScreenInfo
    """The content of ``screen.yaml``, and the profile tables that were found beside it."""

    def wells(self) -> pd.DataFrame:
        """Plate layout: one row per well, sorted by plate and well."""
        if self.info.tables.wells is None:
            raise self._no_table("wells")
        wells = self._read("wells", self.info.tables.wells)
        wells[CONTROL] = wells[CONTROL].fillna("")
        return _with_structures(wells)

    def layout(self) -> pd.DataFrame:
        """Plate layout; of a screen of treatments, these, as wells of no plate and no control."""
        if self.info.tables.treatments is None:
            return self.wells()
        table = self.treatments()
        given = [name for name in (INCHIKEY, SMILES) if name in table]
        return _with_structures(table[[*TREATMENT_KEY, *given]].assign(**{CONTROL: ""}))

    def treatments(self, *, chosen: bool = True) -> pd.DataFrame:
        """Table of treatments: keys, structures and features.

        Parameters
        ----------
        chosen
            Only those at the concentrations that ``screen.yaml`` names.

        Raises
        ------
        UserError
            The screen has wells, or no treatment at a concentration that it names.
        """
        described = self.info.tables.treatments
        if described is None:
            raise self._no_table("treatments")
        table = self._read("treatments", described.path)
        if not chosen or described.concentrations is None:
            return table
        doses = table[CONCENTRATION]
        near = [
            np.isclose(doses, dose, rtol=SAME_DOSE, atol=0) for dose in described.concentrations
        ]
        if absent := [f"{d:g}" for d, at in zip(described.concentrations, near, strict=True)
                      if not at.any()]:  # fmt: skip
            there = [f"{dose:g}" for dose in sorted(doses.dropna().unique())]
            raise UserError(
                f"no treatment at concentration(s) {listed(absent)}; there are: {listed(there)}",
                where=str(self.folder / described.path),
                remedy="Name others under tables.treatments.concentrations in screen.yaml.",
            )
        return table[np.logical_or.reduce(near)].reset_index(drop=True)

    def profile(self, method: str) -> pd.DataFrame:
        """Features of one method: ``Metadata_*`` strings and float features, one row per well.

        A table of fields (with ``Metadata_Site``) is averaged to wells. A screen of treatments has
        one row per treatment, whatever their concentration.
        """
        tables = self.info.tables.profiles
        if method not in tables:
            raise UserError(
                f"no profile table '{method}'; there are: {', '.join(tables) or 'none'}",
                where=str(self.folder / "screen.yaml"),
                remedy=f"Put it into {PROFILES}/ as {method}.parquet, or name another method in "
                "params.yaml.",
            )
        if self.info.tables.treatments is not None:
            return self._profile_of_treatments(self.info.tables.treatments, method)
        table = self._read("profiles", tables[method].path)
        if SITE not in table:
            return table
        return average_profile(table, str(self.folder / tables[method].path))

    def _profile_of_treatments(self, of: TreatmentsTable, method: str) -> pd.DataFrame:
        if method not in of.features:
            return self._read("treatments", self.info.tables.profiles[method].path)
        table, count = self.treatments(chosen=False), of.cell_count
        if count is not None and count not in feature_columns(table):
            raise UserError(
                f"no column {quoted(count)} of cell numbers",
                where=str(self.folder / of.path),
                remedy="Correct tables.treatments.cell_count in screen.yaml.",
            )
        own = of.features[method]
        features = [own] if own else [name for name in feature_columns(table) if name != count]
        return table[[*TREATMENT_KEY, *features]]

    def labels(self) -> pd.DataFrame:
        """Regulation that others found: one row per compound and protein, Value or Label."""
        described = self.info.tables.labels
        if described is None:
            raise self._no_table("labels")
        table = self._read("labels", described.path, VALUE if described.kind == "z" else STATE)
        if described.kind == "state" and not is_text(table[STATE]):
            raise UserError(
                f"column '{STATE}' holds {table[STATE].dtype}, expected {', '.join(STATES)}",
                where=str(self.folder / described.path),
                remedy=f"Write one of these in each row, or a column {VALUE} and 'kind: z'.",
            )
        return table

    def proteomics(self, proteins: Collection[str] | None = None) -> pd.DataFrame:
        """Protein readout: one row per well and protein, of a wide table too.

        Parameters
        ----------
        proteins
            Only these: other columns of a wide table are not read, of a long one no more than a
            row group of others is held. None: all.

        Raises
        ------
        UserError
            There is no such table, or it breaks the contract.
        """
        table = self.info.tables.proteomics
        if table is None:
            raise self._no_table("proteomics")
        path = self.folder / table.path
        if is_wide(path):
            names = wide_proteins(path)
            chosen = names if proteins is None else [name for name in names if name in proteins]
            keys, values = read_wide(path, chosen)
            return to_long(checked_table("wide proteomics", path, WELL_KEY, keys), chosen, values)
        rows = None if proteins is None else (PROTEIN, proteins)
        return self._read("proteomics", table.path, rows=rows)

    def readout_wells(self) -> pd.DataFrame:
        """Plate and well of every well of the readout, each once, sorted; reads no value."""
        table = self.info.tables.proteomics
        if table is None:
            raise self._no_table("proteomics")
        path = self.folder / table.path
        if is_wide(path):
            keys = checked_table("wide proteomics", path, WELL_KEY, read_wide(path, [])[0])
        elif path.suffix == ".parquet":
            keys = checked_table("proteomics", path, WELL_KEY, read_table(path, columns=WELL_KEY))
        else:
            keys = self._read("proteomics", table.path)
        keys = keys[WELL_KEY].dropna().drop_duplicates()
        return keys.sort_values(WELL_KEY, ignore_index=True)

    def proteins(self) -> list[str]:
        """Names of the proteins of the readout, sorted; reads no value.

        Raises
        ------
        UserError
            There is no such table, or rows without a protein.
        """
        table = self.info.tables.proteomics
        if table is None:
            raise self._no_table("proteomics")
        path = self.folder / table.path
        if is_wide(path):
            return sorted(wide_proteins(path))
        if path.suffix == ".parquet" and PROTEIN in parquet_columns(path):
            names = checked_table(
                "proteomics", path, [PROTEIN], read_table(path, columns=[PROTEIN])
            )
        else:
            names = self._read("proteomics", table.path)
        missing = int(names[PROTEIN].isna().sum())
        if missing:
            raise UserError(
                f"{missing} of {len(names)} row(s) have no protein",
                where=f"{path}, column {PROTEIN}",
                remedy="Give every row its protein, or remove these rows.",
            )
        return sorted(names[PROTEIN].unique())

    def targets(self) -> pd.DataFrame:
        """Annotated targets: one row per compound and target."""
        if self.info.tables.targets is None:
            raise self._no_table("targets")
        return self._read("targets", self.info.tables.targets)

    def images(self) -> pd.DataFrame:
        """Fields of view: key, ``URL_<stain>`` and, if there are any, ``Illum_<stain>``.

        Raises
        ------
        UserError
            There is no such table, it breaks the format of
            :func:`phenoprot.screens.load_data.read_load_data`, or it names wells that the plate
            layout does not have.
        """
        if self.info.tables.images is None:
            raise self._no_table("images")
        path = self.folder / self.info.tables.images
        fields = read_load_data(path)
        known = pd.MultiIndex.from_frame(self.wells()[WELL_KEY])
        strange = fields[~pd.MultiIndex.from_frame(fields[WELL_KEY]).isin(known)]
        if len(strange):
            wells = ["/".join(key) for key in strange[WELL_KEY].drop_duplicates().to_numpy()]
            raise UserError(
                f"{len(wells)} well(s) with {len(strange)} field(s) of view are not in "
                f"{self.info.tables.wells}: {listed(wells)}",
                where=str(path),
                remedy="Add them to the plate layout, or take their fields out.",
            )
        return fields

    def _no_table(self, name: str) -> UserError:
        return UserError(f"the screen has no {name} table", where=str(self.folder / "screen.yaml"))

    def _read(
        self,
        kind: str,
        name: str,
        *further: str,
        rows: tuple[str, Collection[str]] | None = None,
    ) -> pd.DataFrame:
        path = self.folder / name
        table = read_table(path, rows=rows)
        return checked_table(kind, path, [*REQUIRED_COLUMNS[kind], *further], table)


def _with_structures(layout: pd.DataFrame) -> pd.DataFrame:
    """The layout, with empty text for structures that are not given."""
    for column in (INCHIKEY, SMILES):
        if column in layout:
            layout[column] = layout[column].fillna("")
    return layout


def load_screen(folder: Path) -> Screen:
    """Open a screen folder.

    Raises
    ------
    UserError
        No ``screen.yaml``, or one that breaks the contract.
    """
    path = folder / "screen.yaml"
    info = parse_settings(ScreenInfo, read_yaml(path), str(path))
    if info.name != folder.name:
        raise UserError(
            f"name is '{info.name}' but the folder is '{folder.name}'",
            where=str(path),
            remedy="Give both the same name: it is the key of the screen's metrics.",
        )
    described = _profiles_of(info.tables)
    require_names(described, "profile table", f"{path}, tables.profiles")
    tables = info.tables.model_copy(
        update={"profiles": described | found_profiles(folder, described)}
    )
    return Screen(folder, info.model_copy(update={"tables": tables}))


def _profiles_of(tables: Tables) -> dict[str, ProfileTable]:
    """Profile tables that ``screen.yaml`` describes, those in the table of treatments included."""
    of = tables.treatments
    if of is None:
        return tables.profiles
    contents = {name: of.content if column is None else f"number of cells ({column})"
                for name, column in of.features.items()}  # fmt: skip
    own = {name: ProfileTable(path=of.path, content=content, normalised=True)
           for name, content in contents.items()}  # fmt: skip
    return own | tables.profiles


def found_profiles(folder: Path, described: Mapping[str, ProfileTable]) -> dict[str, ProfileTable]:
    """Tables in ``profiles/`` that ``screen.yaml`` does not describe, by file name.

    They are taken for not normalised; one that is has to be described.

    Parameters
    ----------
    folder
        The screen folder.
    described
        Tables of ``screen.yaml``, by name.

    Raises
    ------
    UserError
        Two tables have one name, or a name cannot be that of an output.
    """
    paths = {folder / table.path for table in described.values()}
    names: dict[str, list[str]] = {name: [table.path] for name, table in described.items()}
    found: dict[str, ProfileTable] = {}
    for path in sorted((folder / PROFILES).glob("*")):
        ending = next((ending for ending in ENDINGS if path.name.endswith(ending)), None)
        if ending is None or path.name.startswith(".") or path in paths:
            continue
        name, place = path.name.removesuffix(ending), f"{PROFILES}/{path.name}"
        names.setdefault(name, []).append(place)
        content = f"computed elsewhere ({place}, which screen.yaml does not describe)"
        found[name] = ProfileTable(path=place, content=content)
    require_names(found, "profile table", str(folder / PROFILES))
    twice = [f"{name} ({', '.join(files)})" for name, files in names.items() if len(files) > 1]
    if twice:
        raise UserError(
            f"{len(twice)} name(s) stand for more than one profile table: {listed(twice)}",
            where=str(folder),
            remedy="Rename or remove files.",
        )
    return found
