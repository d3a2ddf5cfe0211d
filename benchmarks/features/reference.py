"""The same features by cp_measure 0.3.0, under our names."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import cp_measure
import numpy as np
from cp_measure._sanitize import sanitize_masks
from cp_measure.bulk import get_core_measurements, get_correlation_measurements
from cp_measure.core.measurecolocalization import get_correlation_overlap
from cp_measure.multimask.measureobjectneighbors import measureobjectneighbors

from phenoprot.features.cellprofiler.measure import CellFeatures
from phenoprot.features.cellprofiler.names import COMPARTMENTS, feature_names, neighbour_scales
from phenoprot.features.cellprofiler.settings import CellProfilerSettings

SYMMETRIC = {"Pearson": "Correlation", "Slope": "Slope", "Overlap": "Overlap"}


@contextmanager
def accelerator(name: str | None) -> Iterator[None]:
    """Choose cp_measure's path: None for its default, or ``numba``."""
    before = cp_measure._ACCELERATOR
    cp_measure.set_accelerator(name)
    try:
        yield
    finally:
        cp_measure.set_accelerator(before)


def measure_reference(
    field: np.ndarray,
    masks: tuple[np.ndarray, np.ndarray],
    settings: CellProfilerSettings,
    seconds: dict[str, float] | None = None,
) -> CellFeatures:
    """Measure a field with cp_measure's functions, each called as often as our columns need it.

    Pearson, for one, is asked for one order of the channels only. `seconds` receives the CPU time
    of each group of features.
    """
    spent: dict[str, float] = defaultdict(float) if seconds is None else seconds
    nuclei, cells = masks
    labels = np.unique(cells[cells > 0])
    names = feature_names(settings)
    columns: dict[str, np.ndarray] = {}
    images = (nuclei, cells, np.where(nuclei == 0, cells, 0))
    for compartment, mask in zip(COMPARTMENTS, images, strict=True):
        clean, present = sanitize_masks(mask)
        if len(present) == 0:
            continue
        rows = np.searchsorted(labels, present)
        for name, values in _compartment(
            field.astype(np.float64), clean, compartment, settings, spent
        ).items():
            column = np.full(len(labels), np.nan)
            column[rows] = values
            columns[f"{compartment}_{name}"] = column
    nothing = np.full(len(labels), np.nan)
    values = np.stack([columns.get(name, nothing) for name in names], axis=1)
    return CellFeatures(labels.astype(np.int64), names, values)


def _compartment(
    field: np.ndarray,
    mask: np.ndarray,
    compartment: str,
    settings: CellProfilerSettings,
    seconds: dict[str, float],
) -> dict[str, Any]:
    core = get_core_measurements(legacy=True, sanitize=False)
    correlation = get_correlation_measurements(sanitize=False)
    out: dict[str, Any] = {}

    def timed(group: str, function: Callable[..., dict[str, Any]], *a: Any, **k: Any) -> Any:
        start = time.process_time()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = function(*a, **k)
        seconds[group] = seconds.get(group, 0.0) + time.process_time() - start
        return result

    degree = settings.zernike_degree
    for name, function, more in (
        ("sizeshape", core["sizeshape"], {}),
        ("feret", core["feret"], {}),
        ("zernike", core["zernike"], {"zernike_numbers": degree}),
    ):
        for key, values in timed(f"shape: {name}", function, mask, None, **more).items():
            out[f"AreaShape_{key}"] = values
    if mask.max() > 1:
        for scale, distance in neighbour_scales(compartment, settings).items():
            method = "Adjacent" if scale == "Adjacent" else "Within a specified distance"
            out |= timed("neighbours", measureobjectneighbors, mask, mask, method, distance)
    for stain, pixels in zip(settings.stains, field, strict=True):
        for key, values in timed("intensity", core["intensity"], mask, pixels).items():
            out[f"{key}_{stain}"] = values
        for key, values in timed(
            "granularity",
            core["granularity"],
            mask,
            pixels,
            subsample_size=settings.granularity_subsample,
            image_sample_size=settings.granularity_background_subsample,
            element_size=settings.granularity_radius,
            granular_spectrum_length=settings.granularity_length,
        ).items():
            out[f"{key}_{stain}"] = values
        for key, values in timed(
            "radial distribution",
            core["radial_distribution"],
            mask,
            pixels,
            bin_count=settings.radial_bins,
        ).items():
            category, feature, ring = key.split("_")
            out[f"{category}_{feature}_{stain}_{ring}"] = values
        for key, values in timed(
            "radial Zernikes", core["radial_zernikes"], mask, pixels, zernike_degree=degree
        ).items():
            category, feature, order = key.split("_", 2)
            out[f"{category}_{feature}_{stain}_{order}"] = values
        for scale in settings.texture_scales:
            for key, values in timed(
                "texture",
                core["texture"],
                mask,
                pixels,
                scale=scale,
                gray_levels=settings.texture_levels,
            ).items():
                feature, rest = key.split("_", 1)
                out[f"Texture_{feature}_{stain}_{rest}"] = values
    threshold = {"thr": settings.colocalisation_threshold}
    for first, second in combinations(sorted(settings.stains), 2):
        pair = [field[settings.stains.index(stain)] for stain in (first, second)]
        for name, function, more in (
            ("Pearson", correlation["pearson"], {}),
            ("Manders", correlation["manders_fold"], threshold),
            ("RWC", correlation["rwc"], threshold),
            ("overlap", get_correlation_overlap, threshold),
        ):
            for key, values in timed(
                f"colocalisation: {name}", function, *pair, mask, **more
            ).items():
                _, feature, *order = key.split("_")
                feature = SYMMETRIC.get(feature, feature)
                a, b = (second, first) if order == ["2"] else (first, second)
                out[f"Correlation_{feature}_{a}_{b}"] = values
    return out


def largest_difference(
    ours: CellFeatures, theirs: CellFeatures, floor: float = 1e-12
) -> tuple[float, dict[str, float]]:
    """Largest relative difference |a - b| / |b|, over all features and by feature.

    A difference of at most `floor`, in units of the column's largest value or of 1, is the
    rounding of a zero and counts as none; a value that is NaN in one table alone as infinity.
    """
    a, b = ours.values, theirs.values
    finite = np.where(np.isfinite(b), np.abs(b), 0.0)
    scale = np.maximum(finite.max(axis=0, initial=0.0), 1.0) * floor
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(a - b)
        relative = np.where(difference <= scale, 0.0, difference / np.abs(b))
    relative[(np.isnan(a) & np.isnan(b)) | (a == b)] = 0.0
    relative[np.isnan(relative)] = np.inf
    worst = relative.max(axis=0, initial=0.0)
    return float(worst.max(initial=0.0)), dict(zip(ours.names, worst.tolist(), strict=True))
