"""Nuclei by threshold and shape, cells by watershed from them: the way of CellProfiler.

The steps are those of the pipeline of the CPJUMP1 images: IdentifyPrimaryObjects on DNA (minimum
cross-entropy, split by shape), IdentifySecondaryObjects on RNA (watershed of the image from the
nuclei), IdentifyTertiaryObjects. Light is counted from the black of each image
(:mod:`phenoprot.imaging.segmentation.background`), and thresholds are found on a scale that is
logarithmic above its noise: that keeps the dim nuclei of a field that has a few very bright ones.
One threshold is right for none of them, though: the outline of each nucleus is drawn where its own
light has fallen to half.
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
from phenoprot.imaging.segmentation.background import (
    black_and_spread,
    block_means,
    local_black,
    spread,
)
from phenoprot.imaging.segmentation.masks import (
    Labels,
    Segmented,
    empty_masks,
    paired,
    relabel,
    touching_border,
)
from phenoprot.imaging.segmentation.settings import DNA, CellProfilerSettings
from phenoprot.screens.contract import STAINS

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.bool_]

TOLERANCE = 1e-3
"""Of thresholds (natural log)."""
BRIGHT_SHARE = 0.25
"""The light of a nucleus is that of the pixel at this rank, in areas of a disk of the diameter or,
where that is less, of the object: the halo and the cytoplasm around it do not count."""
COARSE = 1 / 8
"""Side of a block at the coarse scale (nucleus diameters)."""
DARK = 10.0
"""Light that counts as black beside cells (standard deviations of the background)."""
CUT = 1 / 3
"""Of the least area is enough for a nucleus that the border cuts."""
COVER, CROWD, HARDLY = 0.9, 0.1, 2.0
"""A field is confluent if its cells cover more than the first; or if nuclei cover more than the
second while the median cell is less than the third times its nucleus."""


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
    nuclei = find_nuclei(field[STAINS.index(DNA)], settings)
    if not nuclei.any():
        return Segmented(empty_masks(nuclei.shape))
    cytoplasm = [log_light(field, stain, settings) for stain in settings.cytoplasm]
    mean: Floats = np.stack(cytoplasm).mean(axis=0)
    cells = spread_cells(nuclei, mean, cytoplasm[0], settings)
    crowded = confluent(nuclei, cells)
    if crowded:
        cells = reach_cells(nuclei, cytoplasm[0], settings)
    dead = dead_cells(nuclei, mean, settings)
    kept = np.where(np.isin(nuclei, dead), 0, nuclei)
    return Segmented(paired(kept, cells), dead=len(dead), confluent=crowded)


def smoothed(light: Floats, settings: CellProfilerSettings) -> Floats:
    """Light of a stain, smoothed, (Y, X)."""
    smooth: Floats = ndimage.gaussian_filter(light, settings.smoothing * settings.diameter)
    return smooth


def log_light(field: Floats, stain: str, settings: CellProfilerSettings) -> Floats:
    """Natural logarithm of a cytoplasm stain's light above black, smoothed, (Y, X)."""
    smooth = smoothed(field[STAINS.index(stain)], settings)
    black, sd = black_and_spread(smooth)
    return np.log1p(np.maximum(smooth - black, -sd) / np.float32(DARK * sd))


def find_nuclei(dna: Floats, settings: CellProfilerSettings) -> Labels:
    """Find nuclei, split those that touch, draw their outlines, and drop what is no nucleus.

    Parameters
    ----------
    dna
        Light of DNA, (Y, X).
    settings
        Of the method.

    Returns
    -------
    numpy.ndarray
        (Y, X) int32, labels 1..n.
    """
    above, light = above_black(dna, settings)
    bright = bright_pixels(light, settings)
    if not bright.any():
        return np.zeros(dna.shape, np.int32)
    inner = fill(bright & (above > half_light(bright, light, above, settings)), settings)
    nuclei = split(inner, light, settings)
    return relabel(np.where(_fits(nuclei, above, settings)[nuclei], nuclei, 0))


def above_black(dna: Floats, settings: CellProfilerSettings) -> tuple[Floats, Floats]:
    """Smoothed light of DNA above the local black, and the same on a scale for thresholds.

    The scale is linear within the noise of the background, and the natural logarithm above it
    (the inverse hyperbolic sine; Durbin et al. 2002, doi:10.1093/bioinformatics/18.suppl_1.s105).
    """
    smooth = smoothed(dna, settings)
    above = smooth - local_black(smooth, settings.diameter, settings.background_window)
    return above, np.arcsinh(above / np.float32(2 * spread(above)))


def bright_pixels(light: Floats, settings: CellProfilerSettings) -> Bits:
    """Pixels of nuclei and their halos.

    The threshold minimises the cross-entropy between the image and its two-level version
    (Li and Lee 1993, doi:10.1016/0031-3203(93)90115-D; iterative form of Li and Tam 1998).
    """
    least = float(np.arcsinh(settings.noise / 2))
    if light.max() <= least:
        return np.zeros(light.shape, dtype=bool)
    return fill(light > max(float(threshold_li(light, tolerance=TOLERANCE)), least), settings)


def fill(mask: Bits, settings: CellProfilerSettings) -> Bits:
    """Fill holes that are smaller than a nucleus."""
    filled: Bits = remove_small_holes(mask, max_size=int(nucleus_area(settings)))
    return filled


def nucleus_area(settings: CellProfilerSettings) -> float:
    """Area of a disk of the nucleus diameter (px)."""
    return float(np.pi / 4 * settings.diameter**2)


def split(mask: Bits, light: Floats, settings: CellProfilerSettings) -> Labels:
    """Split objects along the valleys of a relief of shape and light, (Y, X) labels.

    Parameters
    ----------
    mask
        Pixels of objects, (Y, X).
    light
        Of DNA, natural log, (Y, X).
    settings
        Of the method.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    unit = settings.diameter
    height = ndimage.distance_transform_edt(mask) / unit + settings.declump_light * light
    # Counted from its lowest point in a nucleus: outside it is 0, below all nuclei.
    height = (height - height[mask].min()) * mask
    height = ndimage.gaussian_filter(height, settings.declump_smoothing * unit) * mask
    tops = h_maxima(height, settings.declump_depth)
    markers, _ = ndimage.label(tops, np.ones((3, 3)))
    labels: Labels = watershed(-height, markers, mask=mask).astype(np.int32)
    return labels


def half_light(
    bright: Bits, light: Floats, above: Floats, settings: CellProfilerSettings
) -> Floats:
    """Light at which each place of a nucleus with its halo is no nucleus any more, (Y, X).

    Objects are split for that at a coarse scale: only their light is wanted.
    """
    step = max(1, round(COARSE * settings.diameter))
    coarse = settings.at(settings.diameter / step)
    mask = block_means(bright.astype(np.float32), step) > 0
    labels = split(mask, block_means(light, step), coarse)
    edge = settings.nucleus_edge * own_light(labels, block_means(above, step), coarse)
    return edge[labels].repeat(step, axis=0).repeat(step, axis=1)[: len(bright), : bright.shape[1]]


def own_light(labels: Labels, above: Floats, settings: CellProfilerSettings) -> Floats:
    """Light of each object, by label 0..n (of label 0: 0), shape (n + 1,).

    Parameters
    ----------
    labels
        (Y, X), labels 1..n.
    above
        Light above the background, (Y, X).
    settings
        Of the method.
    """
    here = np.flatnonzero(labels)
    owner, value = labels.ravel()[here], above.ravel()[here]
    order = np.lexsort((value, owner))
    count = np.bincount(owner, minlength=int(labels.max(initial=0)) + 1)
    last = np.cumsum(count) - 1
    rank = (BRIGHT_SHARE * np.minimum(count, nucleus_area(settings))).astype(np.int64)
    result = np.zeros(len(count), np.float32)
    present = count > 0
    result[present] = value[order][(last - rank)[present]]
    return result


def _fits(nuclei: Labels, above: Floats, settings: CellProfilerSettings) -> Bits:
    """Whether each label has the size and the light of a nucleus, shape (n + 1,)."""
    area = np.bincount(nuclei.ravel()) / nucleus_area(settings)
    least = np.full(len(area), settings.min_nucleus_area)
    least[touching_border(nuclei)] *= CUT
    fits: Bits = (least <= area) & (area <= settings.max_nucleus_area)
    fits[0] = False
    if fits.any():
        light = own_light(nuclei, above, settings)
        fits &= light >= settings.min_nucleus_light * np.median(light[fits])
    return fits


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
    cover = nuclei > 0
    least = float(np.log1p(settings.noise / DARK))
    if cytoplasm.max() > least:
        found = float(threshold_li(cytoplasm, tolerance=TOLERANCE))
        found += float(np.log(settings.cell_correction))
        cover |= fill(cytoplasm > max(found, least), settings)
    cells: Labels = watershed(-lines, nuclei, mask=cover).astype(np.int32)
    return cells


def reach_cells(nuclei: Labels, lines: Floats, settings: CellProfilerSettings) -> Labels:
    """Give each nucleus its cell on a field without background: all within a distance of it.

    Parameters are those of :func:`spread_cells`.
    """
    near = ndimage.distance_transform_edt(nuclei == 0) <= settings.cell_reach * settings.diameter
    cells: Labels = watershed(-lines, nuclei, mask=near).astype(np.int32)
    return cells


def confluent(nuclei: Labels, cells: Labels) -> bool:
    """Whether cells leave too little background on a field to tell them from it.

    Parameters
    ----------
    nuclei, cells
        (Y, X), with the same labels; cells by their threshold.
    """
    if np.mean(cells > 0) > COVER:
        return True
    inner = np.bincount(nuclei.ravel())[1:]
    whole = np.bincount(cells.ravel(), minlength=len(inner) + 1)[1:]
    crowded = np.mean(nuclei > 0) > CROWD
    return bool(crowded and np.median(whole[inner > 0] / inner[inner > 0]) < HARDLY)


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
