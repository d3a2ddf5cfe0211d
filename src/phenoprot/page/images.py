"""Pictures of a screen: fields with outlines, single cells, reconstructions, as data URIs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from phenoprot.core.paths import Paths
from phenoprot.features.mae.folder import PICTURE
from phenoprot.imaging.quality.outliers import TABLE
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.pictures import Picture as Pixels
from phenoprot.imaging.show.draw import COMPOSITE, PAPER, Style, coloured, outlined, shared_ranges
from phenoprot.imaging.show.sheet import cells_of, draw_sheet
from phenoprot.imaging.show.source import Shown
from phenoprot.page.blocks import Picture, Pictures
from phenoprot.screens.contract import STAINS
from phenoprot.screens.loader import load_screen

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
    fields = load_screen(folder).images()
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
        here = masks[name]
        plain = outlined(coloured(field, stains, style.ranges), here, PAPER)
        caption = f"{plate} {well}, site {site}: {here.count} cells"
        pictures.append(Picture(*encoded(plain), alt=f"Field {caption}", caption=caption))
        found = cells_of(field, here, size, f"{well} s{site}")
        cells += found[:: max(1, len(found) // 2)][:2]
    title = f"Fields of view ({', '.join(stains)}): outlines of cells (orange) and nuclei (white)"
    blocks = [Pictures(title, tuple(pictures))]
    if cells:
        sheet = draw_sheet(cells[:N_CELLS], STAINS, stains, style)
        text = "Single cells as the networks see them: composite, then stain by stain."
        picture = Picture(*encoded(sheet, 1400), alt=text, caption=text)
        blocks.append(Pictures("Crops", (picture,), wide=True))
    return [*blocks, *_reconstructions(paths.mae / PICTURE)]


def _reconstructions(path: Path) -> list[Pictures]:
    from PIL import Image

    if not path.exists():
        return []
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    text = "Held-out cells: the crop, what the autoencoder sees of it, and what it makes of that."
    picture = Picture(*encoded(pixels, 1400), alt=text, caption=text)
    return [Pictures("Reconstructions of the masked autoencoder", (picture,), wide=True)]
