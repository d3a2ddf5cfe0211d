"""Write the pictures of a screen: fields, a sheet of cells, plate maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.folders import replaced_folder
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.imaging.segmentation.pictures import write_picture
from phenoprot.imaging.show.draw import (
    COMPOSITE,
    NUCLEUS,
    PAPER,
    Floats,
    Style,
    brighter,
    captioned,
    coloured,
    colours_of,
    grey,
    outlined,
    shared_ranges,
    with_scale,
)
from phenoprot.imaging.show.maps import write_maps
from phenoprot.imaging.show.sheet import cells_of, draw_sheet
from phenoprot.imaging.show.source import Shown
from phenoprot.screens.contract import PLATE, STAINS

MADE_BY = "images show"
"""The one that may replace the folder of pictures."""
SHEET, MAPS = "cells.png", "maps"
"""File of the sheet, and folder of the maps."""
COMPOSED = "composite"
LEVELS = 12
"""Fields from which the ranges of the stains are taken."""


@dataclass(frozen=True)
class Choice:
    """What is drawn."""

    stains: tuple[str, ...] = STAINS
    """In grey, one picture each."""
    outlines: bool = True
    """Whether fields have outlines."""
    fields: int = 12
    """Most fields that are drawn; 0: no pictures of fields."""
    cells: int = 24
    """Cells of the sheet; 0: no sheet."""
    maps: bool = True
    """Whether plate maps are drawn."""
    pixel_size: float | None = None
    """Micrometres along a pixel of the field; None: not known."""
    seed: int = 0
    """Of the choice of fields and cells."""

    @property
    def composed(self) -> tuple[str, ...]:
        """Stains of the composite: the usual three of those chosen, or the first three."""
        usual = tuple(stain for stain in self.stains if stain in COMPOSITE)
        return usual if len(usual) == len(COMPOSITE) else self.stains[: len(COMPOSITE)]


def write_pictures(folder: Path, shown: Shown, choice: Choice) -> list[Path]:
    """Draw a screen: ``<plate>/<well>_s<site>_<stain>.png``, ``cells.png``, ``maps/``.

    Parameters
    ----------
    folder
        Replaced as a whole if it is empty or of an earlier run.
    shown
        Fields to choose from; maps show all wells of their plates.
    choice
        What to draw.

    Returns
    -------
    list of Path
        The pictures, relative to the folder.

    Raises
    ------
    UserError
        Images, masks or the table of fields are missing or damaged, or `folder` holds what no run
        has written.
    """
    rng = np.random.default_rng(choice.seed)
    drawn = _some(shown, choice.fields or LEVELS, rng)
    with replaced_folder(folder, MADE_BY) as new:
        if choice.fields or choice.cells:
            masks = drawn.read_masks()
            rows = drawn.fields.to_dict("records")
            for_ranges = rows[:: -(-len(rows) // LEVELS)]
            ranges = shared_ranges(read_field(row) for row in for_ranges)
            style = Style(ranges, choice.outlines, choice.pixel_size)
            size = shown.crop_size() if choice.cells else 0
            cells = []
            for row in rows:
                field, here = read_field(row), masks[field_name(row)]
                if choice.fields:
                    _write_field(new, field_name(row), field, here, choice, style)
                if choice.cells:
                    _, well, site = field_name(row).split("/")
                    cells += cells_of(field, here, size, f"{well} s{site}")
            if cells:
                chosen = np.sort(rng.permutation(len(cells))[: choice.cells])
                sheet = draw_sheet(
                    [cells[i] for i in chosen], choice.stains, choice.composed, style
                )
                write_picture(new / SHEET, sheet)
        if choice.maps:
            for plate, fields in shown.table().groupby(PLATE):
                write_maps(new / MAPS, str(plate), fields, choice.stains)
        return sorted(path.relative_to(new) for path in new.rglob("*.png"))


def _some(shown: Shown, most: int, rng: np.random.Generator) -> Shown:
    """At most so many fields, in the order of their keys."""
    places = np.sort(rng.permutation(len(shown.fields))[:most])
    fields: pd.DataFrame = shown.fields.iloc[places].reset_index(drop=True)
    return Shown(shown.title, fields, shown.masks, shown.quality)


def _write_field(
    folder: Path, name: str, field: Floats, masks: Masks, choice: Choice, style: Style
) -> None:
    plate, well, site = name.split("/")
    place = folder / plate
    place.mkdir(exist_ok=True)
    ranges = style.ranges
    pictures = {stain: (grey(field[STAINS.index(stain)], ranges[stain]), [(stain, PAPER)])
                for stain in choice.stains}  # fmt: skip
    bright = [(stain, brighter(colour)) for stain, colour in colours_of(choice.composed).items()]
    pictures[COMPOSED] = (coloured(field, choice.composed, ranges), bright)
    for kind, (plain, words) in pictures.items():
        nucleus = PAPER if kind == COMPOSED else NUCLEUS
        picture = outlined(plain, masks, nucleus) if style.outlines else plain
        if style.pixel_size is not None:
            picture = with_scale(picture, style.pixel_size)
        where = [(f"{plate} {well} s{site}", PAPER), *words, (f"{masks.count} cells", PAPER)]
        write_picture(place / f"{well}_s{site}_{kind}.png", captioned(picture, where))


def chosen_stains(names: Sequence[str]) -> tuple[str, ...]:
    """Stains in the order of the contract; none named: all."""
    return tuple(stain for stain in STAINS if stain in names) or STAINS
