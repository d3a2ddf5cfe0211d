"""What is shown: fields of view, their masks and their quality, by the name of a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_object
from phenoprot.core.errors import UserError, listed, quoted
from phenoprot.core.paths import Paths
from phenoprot.core.settings import read_block
from phenoprot.execution.planning import plate_rows
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.size import overflows, reach, settle_size
from phenoprot.imaging.crops.store import BORDER_COUNT, CELL_COUNT, CROP_COUNT, CUT_COUNT
from phenoprot.imaging.quality.measure import measure_field
from phenoprot.imaging.quality.outliers import SUMMARY, TABLE, fields_table, read_quality, reasons
from phenoprot.imaging.reader import field_name, read_images
from phenoprot.imaging.segmentation.folder import masks_files
from phenoprot.imaging.segmentation.masks import Masks, check_masks, read_masks
from phenoprot.imaging.settings import ImageSettings
from phenoprot.screens.contract import FIELD_KEY, PLATE, SITE, WELL
from phenoprot.screens.load_data import read_load_data
from phenoprot.screens.loader import load_screen
from phenoprot.screens.tables import canonical_well, faulty_wells

PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Shown:
    """Fields of view with masks."""

    title: str
    fields: pd.DataFrame
    """Rows of the images table."""
    masks: Path
    """Folder of masks."""
    quality: Path | None
    """Folder that the stage crops left; None: none, the numbers are measured when they are asked
    for."""

    def only(self, plates: Sequence[str], wells: Sequence[str], sites: Sequence[str]) -> Shown:
        """Some of the fields; no name of a kind: all.

        Raises
        ------
        UserError
            A name is that of no well or no field; or no field has all of them.
        """
        spelt = [canonical_well(well) for well in wells]
        if wrong := faulty_wells(spelt):
            raise UserError(
                f"no well(s): {listed(wrong)}",
                where="--well",
                remedy="Name wells as in B03.",
            )
        fields = self.fields
        names = {PLATE: plates, WELL: spelt, SITE: sites}
        for column, wanted in names.items():
            option = f"--{column.removeprefix('Metadata_').lower()}"
            known = fields[column].unique()
            if strange := [name for name in wanted if name not in known]:
                raise UserError(
                    f"no field of {listed([quoted(name) for name in strange])}; there are "
                    f"{listed(sorted(known), 12)}",
                    where=option,
                    remedy="Check the names.",
                )
            if wanted:
                fields = fields[fields[column].isin(list(wanted))]
        return Shown(self.title, fields.reset_index(drop=True), self.masks, self.quality)

    def read_masks(self) -> dict[str, Masks]:
        """Masks of all fields, by name."""
        found: dict[str, Masks] = {}
        rows = plate_rows(self.fields)
        for (_, table), path in zip(
            rows, masks_files(self.masks, [name for name, _ in rows]), strict=True
        ):
            names = [field_name(row) for row in table.to_dict("records")]
            here = read_masks(path, names)
            check_masks(here, names, path)
            found |= here
        return found

    def crop_size(self) -> int:
        """Side of the crops (px): that of the stage, or measured on the fields."""
        if self.quality is not None:
            size = read_object(self.quality / SUMMARY, ("crop_size",))["crop_size"]
            if isinstance(size, dict) and isinstance(size.get("size"), int):
                return int(size["size"])
        return settle_size(self.fields, self.masks, CropSettings()).size

    def table(self, limit: float | None = None) -> pd.DataFrame:
        """The table of the fields, see :func:`phenoprot.imaging.quality.outliers.fields_table`.

        Parameters
        ----------
        limit
            Robust z from which a field is an outlier; None: as the stage judged, or the default.
        """
        if self.quality is None:
            size = self.crop_size()
            return _measured(self, size, ImageSettings().outlier_z if limit is None else limit)
        table = read_quality(self.quality)
        if limit is not None:
            table = table.assign(Outlier=reasons(table, limit))
        here = table.merge(self.fields[FIELD_KEY], on=FIELD_KEY)
        if len(here) < len(self.fields):
            raise UserError(
                f"has {len(here)} of {len(self.fields)} fields",
                where=str(self.quality / TABLE),
                remedy="The images table has changed since: run the stage crops (dvc repro).",
            )
        return here


def find_shown(place: str, masks: Path | None, params: Path = PARAMS) -> Shown:
    """Find what a word on the command line names.

    Parameters
    ----------
    place
        A screen of params.yaml, a screen folder, or a LoadData CSV.
    masks
        Folder of masks; None: what the stage segment made of the screen.
    params
        The parameter file.

    Raises
    ------
    UserError
        It is none of these, the screen has no images, or a CSV comes without masks.
    """
    path = Path(place)
    if path.is_file():
        if masks is None:
            raise UserError(
                "a table of images says nothing about masks",
                where=place,
                remedy="Name their folder: --masks (phenoprot segment makes it).",
            )
        return Shown(path.stem, read_load_data(path), masks, None)
    known = read_block(params, "screens") if params.is_file() else {}
    block = known.get(place)
    if isinstance(block, dict) and isinstance(block.get("folder"), str):
        name, folder = place, (params.parent / block["folder"]).resolve()
    elif (path / "screen.yaml").is_file():
        name, folder = path.resolve().name, path.resolve()
    else:
        raise UserError(
            f"{quoted(place)} is no screen of {params}, no screen folder and no LoadData CSV; "
            f"screens: {listed(list(known)) or 'none'}",
            where="SCREEN",
            remedy="Check the name, or work in the folder of the benchmark.",
        )
    paths = Paths(name)
    made = paths.quality if masks is None and (paths.quality / TABLE).exists() else None
    return Shown(name, load_screen(folder).images(), masks or paths.masks, made)


def _measured(shown: Shown, size: int, limit: float) -> pd.DataFrame:
    """Read all fields and measure them here."""
    masks = shown.read_masks()
    counts, numbers = [], []
    for row in shown.fields.to_dict("records"):
        here, key = masks[field_name(row)], {column: row[column] for column in FIELD_KEY}
        reaches = reach(here)
        inner = len(reaches)
        cut = int(overflows(reaches, size).sum())
        counts.append(
            key
            | {CELL_COUNT: here.count, BORDER_COUNT: here.count - inner, CROP_COUNT: inner,
               CUT_COUNT: cut}
        )  # fmt: skip
        numbers.append(key | measure_field(read_images(row), here))
    return fields_table(pd.DataFrame(counts), pd.DataFrame(numbers), limit)
