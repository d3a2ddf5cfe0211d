"""A contact sheet: single cells, one a row, as the networks see them, stain beside stain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from phenoprot.imaging.crops.cut import CUT_OFF, LABEL, Counts, cut_crops
from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.imaging.segmentation.pictures import Picture, enlarged
from phenoprot.imaging.show.draw import (
    CAPTION,
    CELL,
    INK,
    PAPER,
    Floats,
    Style,
    brighter,
    coloured,
    colours_of,
    font,
    grey,
    with_scale,
)
from phenoprot.screens.contract import STAINS

TILE, GAP = 96, 2
"""Least side of a drawn cell, and space between two (px)."""
BLOCK = 8
"""Rows of a column of cells."""
NAMES = 110
"""Width of the text beside a cell (px)."""
COMPOSED = "composite"


@dataclass(frozen=True)
class Cell:
    """A cell of the sheet."""

    name: str
    """E.g. ``A01 s1``."""
    label: int
    """In the masks of its field."""
    pixels: Counts
    """(C, S, S)."""
    cut_off: float
    """Share of its area beyond the crop."""


def cells_of(field: Floats, masks: Masks, size: int, name: str) -> list[Cell]:
    """All cells of a field that its border does not cut."""
    crops = cut_crops(field, masks, size)
    rows = crops.cells[[LABEL, CUT_OFF]].itertuples(index=False)
    return [
        Cell(name, int(label), pixels, float(cut_off))
        for pixels, (label, cut_off) in zip(crops.pixels, rows, strict=True)
    ]


def draw_sheet(
    cells: Sequence[Cell], stains: Sequence[str], composed: Sequence[str], style: Style
) -> Picture:
    """Draw the sheet: (Y, X, 3).

    An orange frame marks a cell that reaches beyond its crop; the text says by how much.

    Parameters
    ----------
    cells
        One or more, of one size.
    stains
        In grey, one beside the other.
    composed
        Stains of the first picture of each row, in colour.
    style
        Ranges and size of pixels.
    """
    zoom = max(1, math.ceil(TILE / cells[0].pixels.shape[-1]))
    pixel = None if style.pixel_size is None else style.pixel_size / zoom
    rows = [
        _row(cell, stains, composed, style, zoom, pixel if i == 0 else None)
        for i, cell in enumerate(cells)
    ]
    empty = np.zeros_like(rows[0])
    high = -(-len(rows) // -(-len(rows) // BLOCK))  # columns of about equal height
    rows += [empty] * (-len(rows) % high)
    head = _head([COMPOSED, *stains], rows[0].shape[1], cells[0].pixels.shape[-1] * zoom, composed)
    blocks = [np.concatenate([head, *rows[i : i + high]]) for i in range(0, len(rows), high)]
    return np.concatenate(blocks, axis=1)


def _row(
    cell: Cell,
    stains: Sequence[str],
    composed: Sequence[str],
    style: Style,
    zoom: int,
    pixel: float | None,
) -> Picture:
    light = cell.pixels.astype(np.float32) / np.float32(np.iinfo(np.uint16).max)
    tiles = [
        coloured(light, composed, style.ranges),
        *(grey(light[STAINS.index(stain)], style.ranges[stain]) for stain in stains),
    ]
    text = Image.new("RGB", (NAMES, len(light[0]) * zoom), INK)
    pen = ImageDraw.Draw(text)
    colour = CELL if cell.cut_off else PAPER
    share = f"{cell.cut_off:.1%} cut off" if cell.cut_off else "whole"
    pen.multiline_text((4, 4), f"{cell.name}\ncell {cell.label}\n{share}", fill=colour, font=font())
    parts = [np.asarray(text)]
    for tile in tiles:
        large = enlarged(tile, zoom)
        if tile is tiles[-1] and pixel is not None:
            large = with_scale(large, pixel, part=0.5).copy()
        if cell.cut_off:
            large[[0, -1], :] = CELL
            large[:, [0, -1]] = CELL
        parts += [np.pad(large, ((0, 0), (0, GAP), (0, 0)))]
    return np.pad(np.concatenate(parts, axis=1), ((0, GAP), (0, 8), (0, 0)))


def _head(names: Sequence[str], width: int, side: int, composed: Sequence[str]) -> Picture:
    """The names of the stains above a block; those of the composite in their colours."""
    line = Image.new("RGB", (width, CAPTION), INK)
    pen = ImageDraw.Draw(line)
    place = 4.0
    for stain, colour in colours_of(composed).items():
        pen.text((place, CAPTION / 2), stain, fill=brighter(colour), font=font(), anchor="lm")
        place += pen.textlength(f"{stain} ", font=font())
    for i, name in enumerate(names):
        pen.text((NAMES + i * (side + GAP) + side / 2, CAPTION / 2), name, fill=PAPER, font=font(),
                 anchor="mm")  # fmt: skip
    return np.asarray(line)
