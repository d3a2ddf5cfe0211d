"""Outlines found (red) and drawn by hand (green) on fields from elsewhere, for the docs."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.segmentation.mnfinder import Field, download, read_fields  # noqa: E402

import phenoprot  # noqa: E402, F401
from phenoprot.core.paths import WORK  # noqa: E402
from phenoprot.imaging.segmentation.classical import find_nuclei  # noqa: E402
from phenoprot.imaging.segmentation.settings import CellProfilerSettings  # noqa: E402

SIDE, ZOOM = 200, 2
"""Of the part that is shown (px), and its enlargement."""
MISC = "test-data/2023-05-31_misc/images"
CONFOCAL = f"{MISC}/MAX_2021_1_12_BAY18_CREST647_chr18_568_h3kac488_DAPI_20x-Series003-1.tif"
SHOWN = (
    ("training-data/2022-10-14_U2OS/images/3.tif", 26.7, (250, 150)),
    ("training-data/2022-05-25_RPE1/images/1.tif", 23.3, (0, 150)),
    (f"{MISC}/HFF-revt-01_s17.tif", 28.7, (260, 300)),
    (f"{MISC}/MCC13_rfpcyto_w1cDAPI_s43.tif", 28.7, (60, 0)),
    (CONFOCAL, 39.5, (150, 150)),
    ("training-data/2023-05-31_misc/images/1.tif", 39.5, (0, 200)),
)
"""Name of a field, nucleus diameter (px), and the upper left corner of its part."""


def main() -> None:
    """Write docs/segmentation-elsewhere.png."""
    from scripts.figures.segmentation import contact_sheet, write_picture

    fields = {
        field.name: field for field in read_fields(download(ROOT / WORK / "benchmarks/mnfinder"))
    }
    parts = [part(fields[name], diameter, corner) for name, diameter, corner in SHOWN]
    write_picture(ROOT / "docs" / "segmentation-elsewhere.png", contact_sheet(parts, 3))


def part(field: Field, diameter: float, corner: tuple[int, int]):  # type: ignore[no-untyped-def]
    """Part of a field with its outlines, (Y, X, 3) uint8; light with a gamma of 0.5."""
    import numpy as np
    from scripts.figures.segmentation import enlarged
    from skimage.segmentation import find_boundaries

    found = find_nuclei(field.dna, CellProfilerSettings(nucleus_diameter=diameter))
    window = tuple(slice(first, first + SIDE) for first in corner)
    low, high = np.percentile(field.dna, [5, 99.8])
    grey = np.clip((field.dna[window] - low) / (high - low), 0, 1) ** 0.5
    picture = np.stack([enlarged(np.rint(255 * grey).astype(np.uint8), ZOOM)] * 3, axis=-1)
    for labels, colour in ((field.nuclei, (0, 220, 0)), (found, (255, 60, 60))):
        picture[find_boundaries(enlarged(labels[window], ZOOM), mode="inner")] = colour
    return picture


if __name__ == "__main__":
    main()
