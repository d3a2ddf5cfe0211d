"""Names of the features, fixed by the settings alone: CellProfiler's, behind the compartment."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

from phenoprot.features.cellprofiler import (
    colocalisation,
    intensity,
    neighbours,
    radial,
    shape,
    texture,
)
from phenoprot.features.cellprofiler.settings import CellProfilerSettings
from phenoprot.features.cellprofiler.zernike import zernike_orders

COMPARTMENTS = ("Nuclei", "Cells", "Cytoplasm")
GROUPS = (
    "AreaShape",
    "Neighbors",
    "Intensity",
    "Granularity",
    "RadialDistribution",
    "ZernikeIntensity",
    "Texture",
    "Correlation",
)
"""Groups of features, in the order of the columns of a compartment."""


def channel_pairs(settings: CellProfilerSettings) -> list[tuple[int, int]]:
    """Pairs of channel numbers; CellProfiler's order, alphabetical by stain."""
    ordered = sorted(range(len(settings.stains)), key=lambda i: settings.stains[i])
    return list(combinations(ordered, 2))


def neighbour_scales(compartment: str, settings: CellProfilerSettings) -> dict[str, int]:
    """Name and distance (pixels) of each neighbour measurement of a compartment, as in JUMP."""
    near, far = settings.nuclei_neighbour_distance, settings.cells_neighbour_distance
    return {
        "Nuclei": {str(near): near},
        "Cells": {str(far): far, "Adjacent": 1},
    }.get(compartment, {})


def group_names(compartment: str, settings: CellProfilerSettings) -> dict[str, list[str]]:
    """Feature names of a compartment by group (`GROUPS`), without the compartment."""
    stains = settings.stains
    orders = zernike_orders(settings.zernike_degree)
    scales = neighbour_scales(compartment, settings)
    rings = range(1, settings.radial_bins + 1)
    names = {
        "AreaShape": [f"AreaShape_{n}" for n in shape.NAMES]
        + [f"AreaShape_Zernike_{n}_{m}" for n, m in orders],
        "Neighbors": [f"Neighbors_{n}_{s}" for s in scales for n in neighbours.TOUCHING_NAMES]
        + [f"Neighbors_{n}_{s}" for s in [*scales][:1] for n in neighbours.CLOSEST_NAMES],
        "Intensity": [
            name
            for stain in stains
            for name in (
                *(f"Intensity_{n}_{stain}" for n in intensity.NAMES),
                *(f"Location_{n}_{stain}" for n in intensity.LOCATION_NAMES),
            )
        ],
        "Granularity": [
            f"Granularity_{i + 1}_{stain}"
            for stain in stains
            for i in range(settings.granularity_length)
        ],
        "RadialDistribution": [
            f"RadialDistribution_{n}_{stain}_{ring}of{settings.radial_bins}"
            for stain in stains
            for ring in rings
            for n in radial.MEASUREMENTS
        ],
        "ZernikeIntensity": [
            f"RadialDistribution_Zernike{part}_{stain}_{n}_{m}"
            for stain in stains
            for n, m in orders
            for part in ("Magnitude", "Phase")
        ],
        "Texture": [
            f"Texture_{n}_{stain}_{scale}_{direction:02d}_{settings.texture_levels}"
            for stain in stains
            for scale in settings.texture_scales
            for direction in range(len(texture.DIRECTIONS))
            for n in texture.NAMES
        ],
        "Correlation": [
            name for i, j in channel_pairs(settings) for name in _pair_names(stains[i], stains[j])
        ],
    }
    return {group: names[group] for group in GROUPS}


def _pair_names(first: str, second: str) -> Iterable[str]:
    yield from (f"Correlation_{n}_{first}_{second}" for n in colocalisation.SYMMETRIC)
    for n in colocalisation.DIRECTED:
        yield f"Correlation_{n}_{first}_{second}"
        yield f"Correlation_{n}_{second}_{first}"


@lru_cache
def compartment_columns(settings: CellProfilerSettings) -> dict[str, slice]:
    """Where the columns of each compartment stand."""
    columns, first = {}, 0
    for compartment in COMPARTMENTS:
        width = sum(len(names) for names in group_names(compartment, settings).values())
        columns[compartment] = slice(first, first + width)
        first += width
    return columns


@lru_cache
def feature_names(settings: CellProfilerSettings) -> tuple[str, ...]:
    """All feature names in the order in which `measure_field` yields them.

    Examples are ``Nuclei_AreaShape_Area``, ``Cells_Texture_Contrast_RNA_3_00_256`` and
    ``Cytoplasm_Correlation_Correlation_DNA_ER``.
    """
    return tuple(
        f"{compartment}_{name}"
        for compartment in COMPARTMENTS
        for names in group_names(compartment, settings).values()
        for name in names
    )


def position_names(settings: CellProfilerSettings) -> tuple[str, ...]:
    """The features that say where in the field a cell lies: a profile leaves them out."""
    placed = {f"AreaShape_{n}" for n in shape.POSITION_NAMES}
    return tuple(
        name
        for name in feature_names(settings)
        if name.split("_", 1)[1] in placed or name.split("_")[1] == "Location"
    )
