"""Draw fields of view: one stain in grey, or three in colour, with outlines, caption and scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from skimage.segmentation import find_boundaries

from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.imaging.segmentation.pictures import Picture
from phenoprot.screens.contract import STAINS

Floats = npt.NDArray[np.float32]
Range = tuple[float, float]
"""Light that is drawn black, and light that is drawn at its brightest."""
Colour = tuple[int, int, int]

# Told apart by people who are red-green blind: blue, yellow, crimson; dark, so that their sums
# do not all end in white.
COMPOSITE: dict[str, Colour] = {"DNA": (0, 90, 255), "RNA": (105, 105, 0), "AGP": (150, 0, 60)}
"""Stains of the composite, and their colours."""
SPARE: tuple[Colour, ...] = tuple(COMPOSITE.values())
INK, PAPER = (0, 0, 0), (255, 255, 255)
CELL, NUCLEUS = (230, 159, 0), (86, 180, 233)
"""Outlines: orange and, on grey, sky blue of Okabe & Ito; nuclei on the composite are white."""
DARKEST, BRIGHTEST = 1.0, 99.7
"""Percentiles of the light from which the range of a stain is taken."""
GAMMA = 0.6
CAPTION = 24
"""Height of the line of text above a picture (px)."""
LETTERS = 13
"""Height of letters (px)."""


@dataclass(frozen=True)
class Style:
    """What all pictures of a screen have in common."""

    ranges: Mapping[str, Range]
    """By stain: equal grey is equal light in all pictures of it."""
    outlines: bool = True
    """Whether outlines are drawn."""
    pixel_size: float | None = None
    """Micrometres along a pixel of the field; None: not known, no scale bar."""


def shared_ranges(fields: Iterable[Floats]) -> dict[str, Range]:
    """Range of each stain: the medians over the fields of two percentiles."""
    levels = [np.percentile(field, [DARKEST, BRIGHTEST], axis=(1, 2)) for field in fields]
    low, high = np.median(np.stack(levels), axis=0)
    return {stain: (float(low[i]), float(high[i])) for i, stain in enumerate(STAINS)}


def scaled(light: Floats, limits: Range) -> Floats:
    """Light as brightness in [0, 1], with a gamma of 0.6: dim parts are seen."""
    low, high = limits
    share: Floats = np.clip((light - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
    return share**GAMMA


def grey(light: Floats, limits: Range) -> Picture:
    """One stain, (Y, X, 3)."""
    level = np.rint(255 * scaled(light, limits)).astype(np.uint8)
    return np.repeat(level[:, :, None], 3, axis=2)


def coloured(field: Floats, stains: Sequence[str], ranges: Mapping[str, Range]) -> Picture:
    """Up to three stains in their colours, added up, (Y, X, 3)."""
    total = np.zeros((*field.shape[1:], 3), dtype=np.float32)
    for stain, colour in colours_of(stains).items():
        light = scaled(field[STAINS.index(stain)], ranges[stain])
        total += light[:, :, None] * np.array(colour, dtype=np.float32)
    return np.rint(np.minimum(total, 255)).astype(np.uint8)


def colours_of(stains: Sequence[str]) -> dict[str, Colour]:
    """Colour of each stain of a composite: its usual one, or the next that is free."""
    usual = {stain: COMPOSITE[stain] for stain in stains if stain in COMPOSITE}
    free = [colour for colour in SPARE if colour not in usual.values()]
    return {stain: usual.get(stain) or free.pop(0) for stain in stains}


def outlined(picture: Picture, masks: Masks, nucleus: Colour = NUCLEUS) -> Picture:
    """A picture with the outlines of cells and nuclei, one pixel wide.

    Parameters
    ----------
    picture
        (Y, X, 3).
    masks
        (Y, X) each.
    nucleus
        Colour of the outlines of nuclei.
    """
    result = picture.copy()
    for labels, colour in ((masks.cells, CELL), (masks.nuclei, nucleus)):
        result[find_boundaries(labels, mode="inner")] = colour
    return result


@cache
def font() -> ImageFont.FreeTypeFont:
    """The font of all pictures; the one in matplotlib has the letters that are needed."""
    return ImageFont.truetype(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf", LETTERS)


def brighter(colour: Colour) -> Colour:
    """A colour of the composite as text on black."""
    red, green, blue = (min(value + 90, 255) for value in colour)
    return red, green, blue


def captioned(picture: Picture, words: Sequence[tuple[str, Colour]]) -> Picture:
    """A picture with a line of text above it; words that do not fit are cut off.

    Parameters
    ----------
    picture
        (Y, X, 3).
    words
        Text and colour, on black.
    """
    line = Image.new("RGB", (picture.shape[1], CAPTION), INK)
    pen, place = ImageDraw.Draw(line), 4.0
    for text, colour in words:
        pen.text((place, CAPTION / 2), text, fill=colour, font=font(), anchor="lm")
        place += pen.textlength(f"{text}  ", font=font())
    return np.concatenate([np.asarray(line), picture])


def with_scale(picture: Picture, pixel_size: float, part: float = 0.25) -> Picture:
    """A picture with a scale bar in its lower right corner.

    Parameters
    ----------
    picture
        (Y, X, 3).
    pixel_size
        Micrometres along a pixel of the picture.
    part
        Longest bar, as a part of the picture's width.
    """
    length = bar_length(picture.shape[1] * pixel_size * part)
    width, side = round(length / pixel_size), 8
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    right, bottom = picture.shape[1] - side, picture.shape[0] - side
    pen.rectangle((right - width, bottom - 5, right - 1, bottom), fill=PAPER, outline=INK)
    text = f"{length:g} µm"
    pen.text((right, bottom - 8), text, fill=PAPER, font=font(), anchor="rb", stroke_width=2,
             stroke_fill=INK)  # fmt: skip
    return np.asarray(image)


def bar_length(longest: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50, ... up to a length; also 0.5 and so on."""
    power = 10.0 ** np.floor(np.log10(longest))
    # A hair more: what is 1 but for rounding must not become 0.5.
    return float(max(step * power for step in (1, 2, 5) if step * power <= longest * 1.000001))
