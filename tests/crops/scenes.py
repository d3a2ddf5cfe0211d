"""Small fields of view with masks, for the tests of crops and of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import tifffile

from phenoprot.imaging.segmentation.masks import Masks, write_masks
from phenoprot.screens.contract import PLATE, SITE, STAINS, WELL
from phenoprot.screens.load_data import read_load_data

Image = npt.NDArray[np.uint16]


def discs(size: int, centres: list[tuple[int, int]], radius: int = 9) -> Masks:
    """Round cells, each with a round nucleus of half the radius."""
    y, x = np.mgrid[:size, :size]
    nuclei, cells = (np.zeros((size, size), dtype=np.int32) for _ in range(2))
    for label, (row, column) in enumerate(centres, start=1):
        distance = (y - row) ** 2 + (x - column) ** 2
        cells[(distance <= radius**2) & (cells == 0)] = label
        nuclei[(distance <= (radius // 2) ** 2) & (cells == label)] = label
    return Masks(nuclei, cells)


def image(size: int, seed: int) -> Image:
    """Five channels of noise, (C, Y, X)."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 65536, (len(STAINS), size, size), dtype=np.uint16)


class Scene:
    """Images, LoadData CSV and masks in a folder."""

    def __init__(self, folder: Path, size: int = 64) -> None:
        self.folder, self.size = folder, size
        self.images: dict[str, Image] = {}
        self.masks: dict[str, Masks] = {}

    def add(self, plate: str, well: str, site: str, centres: list[tuple[int, int]]) -> None:
        """Add a field of view."""
        name = f"{plate}/{well}/{site}"
        self.images[name] = image(self.size, seed=len(self.images))
        self.masks[name] = discs(self.size, centres)

    def write(self) -> Path:
        """Write it all; return the LoadData CSV."""
        rows = []
        for name, channels in self.images.items():
            row = dict(zip((PLATE, WELL, SITE), name.split("/"), strict=True))
            for stain, channel in zip(STAINS, channels, strict=True):
                path = self.folder / "images" / f"{name.replace('/', '_')}_{stain}.tiff"
                path.parent.mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(path, channel)
                row[f"URL_{stain}"] = str(path)
            rows.append(row)
        pd.DataFrame(rows).to_csv(self.folder / "images.csv", index=False)
        by_row: dict[tuple[str, str], dict[str, Masks]] = {}
        for name, masks in self.masks.items():
            plate, well, _ = name.split("/")
            by_row.setdefault((plate, well[0]), {})[name] = masks
        for (plate, letter), some in by_row.items():
            (self.masks_folder / plate).mkdir(parents=True, exist_ok=True)
            write_masks(self.masks_folder / plate / f"{letter}.zip", some)
        return self.folder / "images.csv"

    @property
    def masks_folder(self) -> Path:
        """Masks, one file per plate row."""
        return self.folder / "masks"

    @property
    def fields(self) -> pd.DataFrame:
        """The images table."""
        return read_load_data(self.folder / "images.csv")


def usual(folder: Path) -> Scene:
    """Two plates, three plate rows, five fields; one field has no cell, one only a cut one."""
    scene = Scene(folder)
    scene.add("P1", "A01", "1", [(20, 20), (40, 45), (2, 50)])
    scene.add("P1", "A01", "2", [])
    scene.add("P1", "A02", "1", [(31, 30)])
    scene.add("P1", "B01", "1", [(63, 63)])
    scene.add("P2", "A01", "1", [(20, 40), (45, 20)])
    scene.write()
    return scene
