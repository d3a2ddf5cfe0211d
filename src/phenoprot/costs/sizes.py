"""How large a screen is, as far as costs go by it; no values are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phenoprot.core.paths import Paths
from phenoprot.core.settings import Settings
from phenoprot.core.tables import parquet_columns
from phenoprot.phantom.full import METHOD, FullSettings
from phenoprot.phantom.settings import PhantomSettings
from phenoprot.screens.contents import EVERYTHING, Contents
from phenoprot.screens.contract import (
    COMPOUND,
    CONTROL,
    NEGATIVE_CONTROL,
    PLATE,
    PROTEIN,
    STAINS,
    TARGET,
    TREATMENT_KEY,
    WELL,
    feature_columns,
    treated_wells,
)
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.tables import read_table
from phenoprot.tasks.registry import parts_of


class Sizes(Settings):
    """Counts of a screen."""

    wells: int = 0
    """Wells of the plate layout; of a screen of treatments, these."""
    compounds: int = 0
    """Compounds, negative control aside."""
    treatments: int = 0
    """Compounds at one concentration."""
    replicates: int = 1
    """Wells of most treatments."""
    labelled: int = 0
    """Treatments of compounds that have labels of proteins."""
    dose_response: bool = False
    """Whether curves are fitted."""
    proteins: int = 0
    """Proteins of the readout, or of labels that others found."""
    readout_wells: int = 0
    """Wells whose proteins are measured."""
    targets: int = 0
    """Annotated targets."""
    tables: dict[str, int] = {}
    """Features of each profile table of the folder, by its name."""
    fields: int = 0
    """Fields of view."""
    field_pixels: int = 0
    """Pixels of one image of a field."""
    stains: int = 0
    """Images of a field."""
    plate_rows: int = 0
    """Plate rows that have images."""
    label_columns: dict[str, int] = {}
    """Label columns of each part that has been predicted before, by its name; those of others are
    taken to be all proteins, or all annotated targets."""

    @property
    def contents(self) -> Contents:
        """The parts that a screen of these sizes has."""
        readout = self.readout_wells > 0
        return Contents(
            wells=self.wells > self.treatments,
            images=self.fields > 0,
            readout=readout,
            labels=self.proteins > 0,
            levels=readout,
            targets=self.targets > 0,
        )

    @property
    def readout_values(self) -> int:
        """Wells x proteins of the readout."""
        return self.readout_wells * self.proteins

    def columns_of(self, part: str) -> int:
        """Label columns of a part: as predicted before, or at most."""
        most = self.targets if part.startswith("targets") else self.proteins
        return self.label_columns.get(part, most)


def sizes_of(name: str, folder: Path) -> Sizes:
    """Sizes of a screen folder.

    Parameters
    ----------
    name
        Name of the screen, under which earlier predictions lie.
    folder
        The screen folder.

    Raises
    ------
    UserError
        The folder is no screen, or a table breaks the contract.
    """
    screen = load_screen(folder)
    tables, layout = screen.info.tables, screen.layout()
    treated = treated_wells(layout)
    keys = treated[TREATMENT_KEY].drop_duplicates()
    sizes: dict[str, Any] = {
        "wells": len(layout),
        "compounds": int(layout.loc[layout[CONTROL] != NEGATIVE_CONTROL, COMPOUND].nunique()),
        "treatments": len(keys),
        "labelled": len(keys),
        "replicates": int(treated.groupby(TREATMENT_KEY).size().mode().max()) if len(keys) else 1,
        "tables": {method: _columns(screen, method) for method in tables.profiles},
        "targets": int(screen.targets()[TARGET].nunique()) if tables.targets else 0,
        "label_columns": _predicted(Paths(name)),
    }
    if tables.proteomics is not None:
        sizes |= {
            "dose_response": tables.proteomics.design == "dose_response",
            "proteins": len(screen.proteins()),
            "readout_wells": len(screen.readout_wells()),
        }
    if tables.labels is not None:
        labels = screen.labels()
        sizes["proteins"] = int(labels[PROTEIN].nunique())
        sizes["labelled"] = int(keys[COMPOUND].isin(labels[COMPOUND].unique()).sum())
    if tables.images is not None:
        sizes |= _images(screen)
    return Sizes(**sizes)


def _columns(screen: Screen, method: str) -> int:
    """Features of a profile table; of one in parquet the header tells."""
    path = screen.folder / screen.info.tables.profiles[method].path
    if screen.info.tables.treatments is None and path.suffix == ".parquet":
        return sum(not name.startswith("Metadata_") for name in parquet_columns(path))
    if screen.info.tables.treatments is None:
        return len(feature_columns(read_table(path)))
    return len(feature_columns(screen.profile(method)))


def _images(screen: Screen) -> dict[str, int]:
    """Sizes of the fields of view; the first image stands for all."""
    from phenoprot.imaging.reader.field import read_image
    from phenoprot.screens.contract import url_column

    fields, stains = screen.images(), screen.info.stains
    first = read_image(fields[url_column(stains[0])].iloc[0])
    letters = fields[WELL].str.extract(r"^([A-Z]+)", expand=False)
    return {
        "fields": len(fields),
        "field_pixels": int(first.size),
        "stains": len(stains),
        "plate_rows": len((fields[PLATE] + "/" + letters).unique()),
    }


def _predicted(paths: Paths) -> dict[str, int]:
    """Label columns of each part of which predictions are there."""
    found = {}
    for part in parts_of(EVERYTHING):
        path = paths.predictions(part) / "labels.parquet"
        if path.is_file():
            found[part] = sum(not name.startswith("Metadata_") for name in parquet_columns(path))
    return found


def phantom_sizes(settings: PhantomSettings, paths: Paths | None = None) -> Sizes:
    """Sizes of the simulated screen, which need not be there.

    Parameters
    ----------
    settings
        The ``phantom`` block.
    paths
        Where earlier predictions lie; None: there are none.
    """
    doses = len(settings.concentrations)
    treatments = settings.n_compounds * doses
    plates = -(-settings.n_compounds // settings.compounds_per_plate)
    on_plates = treatments + plates * settings.n_negative_controls
    wells = on_plates * settings.n_replicates
    sizes: dict[str, Any] = {
        "wells": wells,
        "compounds": settings.n_compounds,
        "treatments": treatments,
        "labelled": treatments,
        "replicates": settings.n_replicates,
        "dose_response": True,
        "proteins": settings.n_proteins,
        "readout_wells": wells,
        # One gene for each programme and a second one of some, about; and those of none.
        "targets": 2 * len(settings.programmes) + settings.n_null_targets,
        "tables": {"oracle": len(settings.programmes), "cell_count_readout": 1},
        "label_columns": _predicted(paths) if paths else {},
    }
    images = settings.images
    if images is not None:
        imaged = min(images.replicates, settings.n_replicates)
        sizes |= {
            "fields": on_plates * imaged * images.sites,
            "field_pixels": images.size**2,
            "stains": len(STAINS),
            "plate_rows": 16 * plates * imaged,
        }
    return Sizes(**sizes)


def full_sizes(settings: FullSettings) -> Sizes:
    """Sizes of a screen of ``phenoprot screens simulate-full``, which need not be there."""
    return phantom_sizes(settings.phantom).model_copy(
        update={"tables": {METHOD: settings.features}}
    )
