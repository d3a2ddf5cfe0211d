"""All CellProfiler features of the cells of a field of view.

The definitions are cp_measure's (0.3.0, ``legacy=True``), which are CellProfiler's; the work is
arranged so that nothing is done twice. Pixels are listed by object once per compartment, and all
kernels walk these lists. Geometry (hulls, enclosing circles, distances, rings) serves all channels.
One sort serves quantiles and ranks. The image part of the granularity is done once per channel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phenoprot.core.errors import UserError, listed
from phenoprot.features.cellprofiler.colocalisation import measure_colocalisation
from phenoprot.features.cellprofiler.distance import measure_distances
from phenoprot.features.cellprofiler.granularity import measure_granularity
from phenoprot.features.cellprofiler.hull import measure_hulls
from phenoprot.features.cellprofiler.intensity import measure_intensity
from phenoprot.features.cellprofiler.names import (
    COMPARTMENTS,
    channel_pairs,
    compartment_columns,
    feature_names,
    neighbour_scales,
)
from phenoprot.features.cellprofiler.neighbours import measure_closest, measure_touching
from phenoprot.features.cellprofiler.objects import (
    FloatArray,
    IntArray,
    LabelImage,
    Objects,
    list_objects,
)
from phenoprot.features.cellprofiler.openings import opened_images
from phenoprot.features.cellprofiler.radial import measure_radial
from phenoprot.features.cellprofiler.ranks import sort_within
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.cellprofiler.shape import NAMES as SHAPE_NAMES
from phenoprot.features.cellprofiler.shape import measure_shape
from phenoprot.features.cellprofiler.texture import LevelImages, measure_texture, quantise
from phenoprot.features.cellprofiler.zernike import measure_zernike


class CellFeatures(NamedTuple):
    """Features of the cells of a field, one row per cell."""

    labels: IntArray
    """Labels of the cells, ascending, shape (N,)."""
    names: tuple[str, ...]
    """`feature_names` of the settings, F of them."""
    values: FloatArray
    """Shape (N, F). NaN where a feature is not defined, and in all features of a compartment that
    a cell does not have."""


class _Image(NamedTuple):
    """What the channels yield without regard to objects."""

    opened: FloatArray | None
    """Granularity: opened images, (C, y, x, steps); None if the field is too small."""
    levels: LevelImages
    """Texture: grey levels, (C, Y, X)."""


def _check(field: FloatArray, nuclei: LabelImage, cells: LabelImage, stains: int) -> None:
    if field.ndim != 3 or len(field) != stains or min(field.shape) < 1:
        raise UserError(
            f"a field of shape {field.shape}, expected {stains} channels (C, Y, X)",
            where="field of view",
        )
    if not (np.isfinite(field).all() and field.min() >= 0 and field.max() <= 1):
        raise UserError(
            "intensities outside 0 to 1, or not finite",
            where="field of view",
            remedy="Divide integer images by the largest value of their type.",
        )
    for name, mask in (("nuclei", nuclei), ("cells", cells)):
        if mask.shape != field.shape[1:]:
            raise UserError(
                f"the {name} mask has shape {mask.shape}, the field {field.shape[1:]}",
                where="masks",
            )
        if not np.issubdtype(mask.dtype, np.integer):
            raise UserError(
                f"the {name} mask holds {mask.dtype}, expected whole numbers", where="masks"
            )
        if mask.min() < 0 or mask.max() > mask.size:
            raise UserError(
                f"labels of the {name} mask reach from {mask.min()} to {mask.max()}",
                where="masks",
                remedy="Number the objects 1, 2, 3, ...",
            )


def _image(field: FloatArray, settings: CellProfilerSettings) -> _Image:
    return _Image(opened_images(field, settings), quantise(field, settings.texture_levels))


def _compartment(
    name: str,
    mask: LabelImage,
    objects: Objects,
    field: FloatArray,
    image: _Image,
    settings: CellProfilerSettings,
) -> FloatArray:
    """All features of a compartment, shape (N, features)."""
    n, channels = objects.size, len(field)
    # Indexing gives the layout of its choice; the kernels see one.
    values = np.ascontiguousarray(
        field.reshape(channels, -1)[:, objects.y * mask.shape[1] + objects.x]
    )
    ascending, _, ranks = sort_within(objects.start, values)
    shape = (mask.shape[0], mask.shape[1])
    distances = measure_distances(objects, shape)
    hulls = measure_hulls(objects)
    size = measure_shape(objects, distances, hulls)
    zernike, zernike_intensity = measure_zernike(
        objects, hulls.circle, values, settings.zernike_degree
    )
    scales = neighbour_scales(name, settings)
    neighbours = [measure_touching(mask, objects, distance) for distance in scales.values()]
    if scales:
        where = [SHAPE_NAMES.index(axis) for axis in ("Center_Y", "Center_X")]
        neighbours.append(measure_closest(size[:, where]))
    if image.opened is None:
        granularity = np.full((n, channels, settings.granularity_length), np.nan)
    else:
        granularity = measure_granularity(objects, image.opened, values, shape)
    blocks = [
        size,
        zernike,
        *neighbours,
        measure_intensity(objects, values, ascending),
        granularity,
        measure_radial(objects, distances, values, settings.radial_bins),
        zernike_intensity,
        measure_texture(objects, image.levels, settings.texture_scales),
        measure_colocalisation(
            objects,
            values,
            ascending,
            ranks,
            channel_pairs(settings),
            settings.colocalisation_threshold,
        ),
    ]
    return np.concatenate([block.reshape(n, -1) for block in blocks], axis=1)


def measure_field(
    field: npt.NDArray[np.float32] | FloatArray,
    masks: tuple[LabelImage, LabelImage],
    settings: CellProfilerSettings | None = None,
) -> CellFeatures:
    """Measure every cell of a field of view.

    Parameters
    ----------
    field
        Intensities in [0, 1], shape (C, Y, X), channels as in ``settings.stains``; computed in
        float64.
    masks
        Label images of nuclei and cells, each (Y, X), 0 background; a nucleus has the label of
        its cell. The cytoplasm is the cell without its nucleus.
    settings
        What is measured; JUMP's settings if left out.

    Returns
    -------
    CellFeatures
        One row per label of the cells; no row if there is no cell.

    Raises
    ------
    UserError
        Shapes, intensities or labels do not fit.
    """
    settings = settings or CellProfilerSettings()
    image = np.ascontiguousarray(field, dtype=np.float64)
    _check(image, *masks, len(settings.stains))
    nuclei, cells = (np.ascontiguousarray(mask, dtype=np.int32) for mask in masks)
    names = feature_names(settings)
    cytoplasm = np.where(nuclei == 0, cells, np.int32(0))
    images = dict(zip(COMPARTMENTS, (nuclei, cells, cytoplasm), strict=True))
    compartments = {name: list_objects(mask) for name, mask in images.items()}
    labels = compartments["Cells"].labels
    bare = np.setdiff1d(compartments["Nuclei"].labels, labels)
    if len(bare):
        raise UserError(
            f"{len(bare)} nuclei without a cell of the same label: {listed(bare.tolist())}",
            where="masks",
        )
    values = np.full((len(labels), len(names)), np.nan)
    if len(labels) == 0:
        return CellFeatures(labels, names, values)
    shared = _image(image, settings)
    columns = compartment_columns(settings)
    for name, objects in compartments.items():
        if objects.size:
            rows = np.searchsorted(labels, objects.labels)
            values[rows, columns[name]] = _compartment(
                name, images[name], objects, image, shared, settings
            )
    return CellFeatures(labels, names, values)
