"""Pictures of a screen: fields with outlines, single cells, reconstructions, as data URIs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from phenoprot.core.paths import Paths
from phenoprot.imaging.quality.outliers import TABLE
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.pictures import Picture as Pixels
from phenoprot.imaging.show.draw import COMPOSITE, PAPER, Style, coloured, outlined, shared_ranges
from phenoprot.imaging.show.sheet import cells_of, draw_sheet
from phenoprot.imaging.show.source import Shown
from phenoprot.page.blocks import Picture, Pictures
from phenoprot.screens.contract import COMPOUND, PLATE, STAINS, TREATMENT_KEY, WELL
from phenoprot.screens.loader import Screen, load_screen

N_FIELDS, N_CELLS = 6, 8
SIDE = 640
"""Longest side of a field in the page (px)."""
QUALITY = 80
"""Of WebP, as Pillow counts."""


def encoded(pixels: Pixels, side: int = SIDE) -> tuple[str, int, int]:
    """A picture as a data URI (WebP), no longer than `side`, with its width and height."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    content = io.BytesIO()
    image.save(content, format="WEBP", quality=QUALITY, method=4)
    text = base64.b64encode(content.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{text}", image.width, image.height


def image_blocks(paths: Paths, folder: Path) -> list[Pictures]:
    """Fields with outlines, cells, and reconstructions of the autoencoder if one was trained.

    Parameters
    ----------
    paths
        Of a screen with images.
    folder
        The screen folder.
    """
    screen = load_screen(folder)
    fields = screen.images()
    given = _treatments(screen)
    even = np.unique(np.linspace(0, len(fields) - 1, N_FIELDS).round().astype(int))
    quality = paths.quality if (paths.quality / TABLE).exists() else None
    shown = Shown(paths.screen, fields.iloc[even].reset_index(drop=True), paths.masks, quality)
    masks = shown.read_masks()
    rows = shown.fields.to_dict("records")
    light = {field_name(row): read_field(row) for row in rows}
    style = Style(shared_ranges(light.values()))
    stains = tuple(COMPOSITE)
    pictures, cells, size = [], [], shown.crop_size()
    for name, field in light.items():
        plate, well, site = name.split("/")
        what = given.get((plate, well), "")
        here = masks[name]
        plain = outlined(coloured(field, stains, style.ranges), here, PAPER)
        caption = f"{plate} {well}, site {site}{what}: {here.count} cells"
        pictures.append(Picture(*encoded(plain), alt=f"Field {caption}", caption=caption))
        found = cells_of(field, here, size, f"{well} s{site}")
        cells += found[:: max(1, len(found) // 2)][:2]
    title = "Fields of view: DNA blue, RNA yellow, AGP red; outlines of cells orange, nuclei white"
    blocks = [Pictures(title, tuple(pictures))]
    if cells:
        sheet = draw_sheet(cells[:N_CELLS], STAINS, stains, style)
        text = (
            f"Single cells as the networks see them, {size} px wide: composite, then stain by "
            "stain, each stain at one brightness. Orange: part of the cell lies beyond the crop."
        )
        picture = Picture(*encoded(sheet, 1400), alt=text, caption=text)
        blocks.append(Pictures("Crops", (picture,), wide=True))
    return [*blocks, *_reconstructions(paths.mae)]


def is_trained(mae: Path) -> bool:
    """Whether an autoencoder was trained: the folder of others holds a note alone."""
    return any(mae.glob("*.safetensors"))


def _treatments(screen: Screen) -> dict[tuple[str, str], str]:
    """By plate and well, what is in the well, in words; empty without a table of wells."""
    if screen.info.tables.wells is None:
        return {}
    wells = screen.wells().dropna(subset=[COMPOUND])
    keys = zip(*(wells[name] for name in (PLATE, WELL, *TREATMENT_KEY)), strict=True)
    unit = screen.info.concentration_unit
    return {
        (plate, well): f", {compound}" + (f" at {dose:g} {unit}" if dose > 0 else "")
        for plate, well, compound, dose in keys
    }


def _reconstructions(folder: Path) -> list[Pictures]:
    if not is_trained(folder):
        return []
    from PIL import Image

    from phenoprot.features.mae.folder import PICTURE  # loads torch

    with Image.open(folder / PICTURE) as image:
        pixels = np.asarray(image.convert("RGB"))
    text = "Held-out cells: the crop, what the autoencoder sees of it, and what it makes of that."
    picture = Picture(*encoded(pixels, 1400), alt=text, caption=text)
    return [Pictures("Reconstructions of the masked autoencoder", (picture,), wide=True)]
