"""Fields of view whose objects are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import tifffile
from scipy import ndimage

from phenoprot.imaging.segmentation.masks import Masks
from phenoprot.screens.contract import PLATE, SITE, STAINS, WELL
from phenoprot.screens.load_data import read_load_data

BACKGROUND, NUCLEUS, CELL = 0.006, 0.15, 0.1
"""Light of the background in all stains, of nuclei in DNA, of cells in the others."""


def disk(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    """Pixels within a radius, (Y, X) bool."""
    rows, columns = np.indices(shape)
    return np.asarray(np.hypot(rows - centre[0], columns - centre[1]) <= radius)


def draw(
    shape: tuple[int, int],
    centres: list[tuple[float, float]],
    nucleus: float = 8,
    cell: float = 22,
    seed: int = 0,
) -> tuple[npt.NDArray[np.float32], Masks]:
    """A field of round cells, (5, Y, X), and its true masks; later cells lie under earlier ones."""
    rng = np.random.default_rng(seed)
    nuclei, cells = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    rows, columns = np.indices(shape)
    distance = np.stack([np.hypot(rows - y, columns - x) for y, x in centres])
    nearest, least = distance.argmin(axis=0) + 1, distance.min(axis=0)
    cells[least <= cell] = nearest[least <= cell]
    nuclei[least <= nucleus] = nearest[least <= nucleus]
    # Thinner towards its rim, as cells are: neighbours meet in a valley.
    height = np.where(cells > 0, CELL * (1.2 - 0.8 * least / cell), 0)
    field = np.empty((len(STAINS), *shape))
    for number, stain in enumerate(STAINS):
        light = np.where(nuclei > 0, NUCLEUS, 0) if stain == "DNA" else height
        field[number] = ndimage.gaussian_filter(light, 0.8) + BACKGROUND
    field *= 1 + 0.03 * rng.standard_normal(field.shape)
    return np.clip(field, 0, 1).astype(np.float32), Masks(nuclei, cells)


def write_screen(folder: Path, fields: dict[tuple[str, str, str], np.ndarray]) -> pd.DataFrame:
    """Write fields as 16-bit TIFF files and read back their images table."""
    rows = []
    for (plate, well, site), field in fields.items():
        row = {PLATE: plate, WELL: well, SITE: site}
        for stain, light in zip(STAINS, field, strict=True):
            name = f"{plate}_{well}_{site}_{stain}.tiff"
            tifffile.imwrite(folder / name, np.rint(light * 65535).astype(np.uint16))
            row |= {f"PathName_{stain}": "", f"FileName_{stain}": name}
        rows.append(row)
    pd.DataFrame(rows).assign(**{f"PathName_{s}": "." for s in STAINS}).to_csv(
        folder / "images.csv", index=False
    )
    return read_load_data(folder / "images.csv")
