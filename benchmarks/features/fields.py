"""Real and synthetic fields of view for the parity tests and the timing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import scipy.ndimage as ndi
import tifffile
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label
from skimage.morphology import remove_small_objects
from skimage.segmentation import watershed

from phenoprot.screens.contract import STAINS

IMAGES = Path(__file__).resolve().parents[2] / "data" / "screens" / "cpjump1" / "images"
"""Fields of CPJUMP1, one TIFF per stain."""
CHANNELS = {"ch5": "DNA", "ch4": "ER", "ch3": "RNA", "ch2": "AGP", "ch1": "Mito"}
"""Channel numbers of CPJUMP1."""
LARGEST = 800
"""A field wider than this, in pixels, is binned by 2 x 2."""

Masks = tuple[np.ndarray, np.ndarray]


def find_fields(folder: Path) -> dict[str, dict[str, Path]]:
    """Complete fields in a folder: name of the field, and a file for each stain.

    A file name holds the stain, or CPJUMP1's channel number; what is left names the field.
    """
    tokens = {**CHANNELS, **{stain: stain for stain in STAINS}}
    # "-ch5sk1fk1fl1": a number may be followed by letters, a stain may not
    pattern = re.compile(rf"(?<![A-Za-z0-9])(ch[1-5](?!\d)|(?:{'|'.join(STAINS)})(?![A-Za-z]))")
    fields: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.rglob("*.tif*")):
        name = str(path.relative_to(folder))
        found = pattern.search(name)
        if found:
            key = name[: found.start()] + name[found.end() :]
            fields.setdefault(key, {})[tokens[found.group(1)]] = path
    return {key: files for key, files in fields.items() if set(files) == set(STAINS)}


def load_field(files: dict[str, Path]) -> np.ndarray:
    """Intensities in [0, 1], float32, shape (5, Y, X) in the order of the stains."""
    field = []
    for stain in STAINS:
        image = tifffile.imread(files[stain])
        image = image / np.float64(np.iinfo(image.dtype).max)
        if image.shape[1] > LARGEST:
            y, x = image.shape
            image = image[: y - y % 2, : x - x % 2]
            image = image.reshape(y // 2, 2, x // 2, 2).mean(axis=(1, 3))
        field.append(image)
    return np.stack(field).astype(np.float32)


def segment(field: np.ndarray) -> Masks:
    """Nuclei and cells of a field, each an int32 label image (Y, X).

    Only for timing and comparison: smoothed Otsu thresholds and two watersheds.
    """
    dna = gaussian(field[0], 1.5)
    bright = remove_small_objects(dna > threshold_otsu(dna), max_size=30)
    depth = gaussian(ndi.distance_transform_edt(bright), 1.0)
    peaks = peak_local_max(depth, min_distance=6, labels=label(bright))
    seeds = np.zeros(bright.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei = watershed(-depth, seeds, mask=bright).astype(np.int32)
    body = gaussian(field[1:4].mean(axis=0), 1.5)
    foreground = (body > threshold_otsu(body) * 0.7) | (nuclei > 0)
    cells = watershed(-body, nuclei, mask=foreground).astype(np.int32)
    return nuclei, cells


def synthetic_field(seed: int, size: int = 96, cells: int = 7) -> tuple[np.ndarray, Masks]:
    """A field of noise and blobs with ragged cells, among them every awkward kind.

    Touching cells that fill the field to its border (the nearest seed decides); nuclei of one, two
    and three pixels; the last cell is its nucleus, without a cytoplasm; the first cell's nucleus
    cuts its cytoplasm in two, and its ER channel is constant.
    """
    rng = np.random.default_rng(seed)
    seeds = rng.uniform(4, size - 4, (cells, 2))
    y, x = np.mgrid[:size, :size]
    ragged = gaussian(rng.normal(size=(2, size, size)), (0, 2, 2)) * 12
    distance = [np.hypot(y + ragged[0] - sy, x + ragged[1] - sx) for sy, sx in seeds]
    nearest = np.argmin(distance, axis=0)
    reach = rng.uniform(8, 26, cells)
    labels = np.where(np.min(distance, axis=0) < reach[nearest], nearest + 1, 0)
    nuclei = np.where(np.min(distance, axis=0) < 0.4 * reach[nearest], labels, 0)
    for k, pixels in ((2, 1), (3, 2), (4, 3)):
        inside = np.flatnonzero(labels == k)
        nuclei[nuclei == k] = 0
        nuclei.ravel()[inside[len(inside) // 2 :][:pixels]] = k
    nuclei[labels == cells] = cells
    bar = (labels == 1) & (np.abs(y - int(seeds[0, 0])) < 2)
    nuclei[labels == 1] = 0
    nuclei[bar] = 1
    field = np.stack([gaussian(rng.random((size, size)), s) for s in (0.5, 1, 1.5, 2, 3)])
    field = (field - field.min()) / np.ptp(field)
    field[1][labels == 1] = 0.25
    return field, (nuclei.astype(np.int32), labels.astype(np.int32))
