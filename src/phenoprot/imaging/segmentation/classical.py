"""Nuclei by threshold and shape, cells by watershed from them: the way of CellProfiler.

The steps are those of the pipeline of the CPJUMP1 images: IdentifyPrimaryObjects on DNA (minimum
cross-entropy, split by shape), IdentifySecondaryObjects on RNA (watershed of the image from the
nuclei), IdentifyTertiaryObjects. Thresholds are found on a logarithmic scale, which keeps the dim
nuclei of a field that has a few very bright ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_li
from skimage.measure import regionprops_table
from skimage.morphology import h_maxima, remove_small_holes
from skimage.segmentation import watershed

from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import fingerprint
from phenoprot.imaging.segmentation.masks import Labels, Segmented, empty_masks, paired, relabel
from phenoprot.imaging.segmentation.settings import DNA, CellProfilerSettings
from phenoprot.screens.contract import STAINS

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.bool_]

COUNT = np.float32(1 / 65535)
"""One count of a 16-bit camera: added before the logarithm, so that black has one."""
BACKGROUND_PERCENTILE = 10
"""Of the pixels of a field: no cell is there, unless cells cover nine tenths of it."""
TOLERANCE = 1e-3
"""Of thresholds (natural log)."""


@dataclass(frozen=True)
class Classical:
    """The method ``cellprofiler``, a :class:`phenoprot.imaging.segmentation.method.Segmenter`."""

    settings: CellProfilerSettings

    def __call__(self, fields: Iterable[Floats]) -> Iterator[Segmented]:
        """Segment fields of view one by one."""
        return map(partial(segment_field, settings=self.settings), fields)

    def fingerprint(self) -> str:
        """Hash of settings and code."""
        return fingerprint(self.settings.model_dump(), code_fingerprint(__name__))


def segment_field(field: Floats, settings: CellProfilerSettings) -> Segmented:
    """Segment one field of view.

    Parameters
    ----------
    field
        (C, Y, X) float32 in [0, 1], stains in the order of the contract.
    settings
        Of the method.

    Returns
    -------
    Segmented
        Masks, and the number of dead cells that were left out. Cells that touch the border are
        kept: see :func:`phenoprot.imaging.segmentation.masks.touching_border`.
    """
    nuclei = find_nuclei(log_light(field, DNA, settings), settings)
    if not nuclei.any():
        return Segmented(empty_masks(nuclei.shape))
    cytoplasm = [log_light(field, stain, settings) for stain in settings.cytoplasm]
    mean: Floats = np.stack(cytoplasm).mean(axis=0)
    cells = spread_cells(nuclei, mean, cytoplasm[0], settings)
    dead = dead_cells(nuclei, mean, settings)
    kept = np.where(np.isin(nuclei, dead), 0, nuclei)
    return Segmented(paired(kept, cells), dead=len(dead))


def log_light(field: Floats, stain: str, settings: CellProfilerSettings) -> Floats:
    """Natural logarithm of a stain's light, smoothed, (Y, X)."""
    light = np.log(field[STAINS.index(stain)] + COUNT)
    smooth: Floats = ndimage.gaussian_filter(light, settings.smoothing * settings.nucleus_diameter)
    return smooth


def foreground(light: Floats, correction: float, settings: CellProfilerSettings) -> Bits:
    """Pixels above the threshold, small holes filled, (Y, X).

    Parameters
    ----------
    light
        Smoothed logarithm of a stain, (Y, X).
    correction
        Factor on the threshold.
    settings
        Of the method.

    Notes
    -----
    The threshold minimises the cross-entropy between the image and its two-level version
    (Li and Lee 1993, doi:10.1016/0031-3203(93)90115-D; iterative form of Li and Tam 1998).
    """
    background = np.percentile(light, BACKGROUND_PERCENTILE)
    least = float(background + np.log(settings.contrast))
    if light.max() <= least:
        return np.zeros(light.shape, dtype=bool)
    threshold = float(threshold_li(light, tolerance=TOLERANCE)) + np.log(correction)
    above = light > max(threshold, least)
    filled: Bits = remove_small_holes(above, max_size=int(nucleus_area(settings)))
    return filled


def nucleus_area(settings: CellProfilerSettings) -> float:
    """Area of a disk of the nucleus diameter (px)."""
    return float(np.pi / 4 * settings.nucleus_diameter**2)


def find_nuclei(light: Floats, settings: CellProfilerSettings) -> Labels:
    """Find nuclei, split those that touch by shape and light, and drop what has no nucleus' size.

    Parameters
    ----------
    light
        Smoothed logarithm of DNA, (Y, X).
    settings
        Of the method.

    Returns
    -------
    numpy.ndarray
        (Y, X) int32, labels 1..n.
    """
    bright = foreground(light, settings.nucleus_correction, settings)
    if not bright.any():
        return np.zeros(light.shape, np.int32)
    unit = settings.nucleus_diameter
    smoothing = settings.declump_smoothing * unit
    height = ndimage.distance_transform_edt(bright) / unit + settings.declump_light * light
    # Counted from its lowest point in a nucleus: outside it is 0, below all nuclei.
    height = ndimage.gaussian_filter(height - height[bright].min(), smoothing) * bright
    tops = h_maxima(height, settings.declump_depth)
    markers, _ = ndimage.label(tops, np.ones((3, 3)))
    nuclei = watershed(-height, markers, mask=bright).astype(np.int32)
    area = np.bincount(nuclei.ravel()) / nucleus_area(settings)
    fits = (settings.min_nucleus_area <= area) & (area <= settings.max_nucleus_area)
    fits[0] = False
    return relabel(np.where(fits[nuclei], nuclei, 0))


def spread_cells(
    nuclei: Labels, cytoplasm: Floats, lines: Floats, settings: CellProfilerSettings
) -> Labels:
    """Give each nucleus its cell by watershed of a stain (CellProfiler: Watershed - Image).

    Parameters
    ----------
    nuclei
        (Y, X), labels 1..n.
    cytoplasm
        Smoothed logarithm of the cytoplasm stains, (Y, X): cells are above its threshold.
    lines
        The same of the stain in whose valleys the lines between cells lie, (Y, X).
    settings
        Of the method.

    Returns
    -------
    numpy.ndarray
        (Y, X) int32, labels as in `nuclei`; each cell holds its whole nucleus.
    """
    cover = foreground(cytoplasm, settings.cell_correction, settings) | (nuclei > 0)
    cells: Labels = watershed(-lines, nuclei, mask=cover).astype(np.int32)
    return cells


def dead_cells(
    nuclei: Labels, cytoplasm: Floats, settings: CellProfilerSettings
) -> npt.NDArray[np.int32]:
    """Labels of the nuclei that are round, small and bright as those of dead cells are.

    Parameters
    ----------
    nuclei
        (Y, X), labels 1..n.
    cytoplasm
        Smoothed logarithm of the cytoplasm stains, (Y, X).
    settings
        Of the method. Size and brightness are relative to the field's median nucleus: where most
        cells are dead, or there is one nucleus only, none is left out.
    """
    if settings.dead_brightness is None:
        return np.zeros(0, np.int32)
    properties = ("label", "area", "axis_major_length", "axis_minor_length", "mean_intensity")
    shape = regionprops_table(nuclei, cytoplasm, properties=properties)
    small = shape["area"] < settings.dead_area * np.median(shape["area"])
    light = shape["mean_intensity"]
    bright = light > np.median(light) + np.log(settings.dead_brightness)
    long, short = shape["axis_major_length"], shape["axis_minor_length"]
    labels: npt.NDArray[np.int32] = shape["label"].astype(np.int32)
    return labels[small & bright & (short >= settings.dead_roundness * long)]
