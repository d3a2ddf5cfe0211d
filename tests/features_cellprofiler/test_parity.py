"""Every column against cp_measure 0.3.0's default path, on real and on awkward cells."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.features.fields import (
    IMAGES,
    Masks,
    find_fields,
    load_field,
    segment,
    synthetic_field,
)
from benchmarks.features.reference import measure_reference

from phenoprot.features.cellprofiler.measure import CellFeatures, measure_field
from phenoprot.features.cellprofiler.settings import CellProfilerSettings

RELATIVE = 1e-6
FLOOR = 1e-12
"""Smallest difference that counts, in units of the column's largest value (at least 1)."""


def differing(ours: CellFeatures, theirs: CellFeatures) -> np.ndarray:
    """Which values differ, NaN and infinity included, shape (N, F)."""
    a, b = ours.values, theirs.values
    column = {name: i for i, name in enumerate(ours.names)}
    finite = np.where(np.isfinite(b), np.abs(b), 0.0)
    allowed = RELATIVE * np.abs(b) + FLOOR * np.maximum(finite.max(axis=0, initial=0.0), 1)
    with np.errstate(invalid="ignore"):
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    for name, i in column.items():
        if "_ZernikePhase_" in name:
            # an angle: it turns by rounding at +-pi, and means nothing for a moment of zero
            turn = difference[:, i]
            magnitude = b[:, column[name.replace("Phase", "Magnitude")]]
            difference[:, i] = np.where(magnitude > 1e-9, np.minimum(turn, 2 * np.pi - turn), 0)
        elif "_InfoMeas2_" in name:
            allowed[:, i] += 1e-7  # the root of 1 - exp of a difference that is zero
    return (np.isnan(a) != np.isnan(b)) | ~((difference <= allowed) | np.isnan(b))


def compare(field: np.ndarray, masks: Masks, settings: CellProfilerSettings) -> CellFeatures:
    """Assert that all values agree, and return ours.

    Where two vertices see the first chord of the enclosing circle under the same angle, the
    neighbours of an object decide which one centrosome takes (SciPy gh-25279), and with it whether
    a pixel on the circle is inside. Zernike moments that differ are compared with those that
    cp_measure yields for the cell alone.
    """
    ours, theirs = (f(field, masks, settings) for f in (measure_field, measure_reference))
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.names == theirs.names
    zernike = np.array(["Zernike" in name for name in ours.names])
    wrong = differing(ours, theirs)
    for row in np.flatnonzero(wrong[:, zernike].any(axis=1)):
        nucleus, cell = (np.where(mask == ours.labels[row], mask, 0) for mask in masks)
        alone = measure_reference(field, (nucleus, cell), settings)
        theirs.values[row, zernike] = alone.values[0, zernike]
    places = np.argwhere(differing(ours, theirs))
    listing = [
        (ours.names[j], int(ours.labels[i]), ours.values[i, j], theirs.values[i, j])
        for i, j in places[:10]
    ]
    assert len(places) == 0, f"{len(places)} values differ: {listing}"
    return ours


def real_field() -> tuple[np.ndarray, Masks]:
    field = load_field(min(find_fields(IMAGES).items())[1])
    return field, segment(field)


def test_crop_of_a_real_field() -> None:
    field, (nuclei, cells) = real_field()
    crop = (slice(150, 340), slice(120, 310))
    # cut off at the crop's border, without relabelling: labels have gaps
    nuclei, cells = nuclei[crop], cells[crop]
    nuclei = np.where(np.isin(nuclei, cells), nuclei, 0)
    settings = CellProfilerSettings()
    part = field[(slice(None), *crop)]
    compare(part, (nuclei, cells), settings)


@pytest.mark.slow
def test_whole_real_field() -> None:
    field, masks = real_field()
    settings = CellProfilerSettings()
    compare(field, masks, settings)


@pytest.mark.parametrize("seed", [0, 11])
def test_awkward_cells(seed: int) -> None:
    field, masks = synthetic_field(seed)
    settings = CellProfilerSettings()
    ours = compare(field, masks, settings)
    columns = {name: i for i, name in enumerate(ours.names)}
    areas = ours.values[:, columns["Nuclei_AreaShape_Area"]]
    assert areas[1:4].tolist() == [1, 2, 3]
    assert np.isnan(ours.values[-1, columns["Cytoplasm_AreaShape_Area"]])
    assert np.isnan(ours.values[0, columns["Cells_Correlation_Correlation_DNA_ER"]])


def test_other_settings() -> None:
    field, masks = synthetic_field(4, size=72, cells=5)
    settings = CellProfilerSettings(
        stains=("DNA", "ER"),
        texture_scales=(2,),
        texture_levels=32,
        granularity_length=5,
        granularity_subsample=0.5,
        granularity_background_subsample=1.0,
        granularity_radius=4,
        radial_bins=3,
        zernike_degree=5,
        colocalisation_threshold=40.0,
        nuclei_neighbour_distance=2,
        cells_neighbour_distance=7,
    )
    compare(field[:2], masks, settings)


def test_a_field_too_small_for_granularity() -> None:
    field, (nuclei, cells) = synthetic_field(3)
    crop = (slice(30, 37), slice(0, 96))
    part = field[(slice(None), *crop)]
    masks = (nuclei[crop], cells[crop])
    settings = CellProfilerSettings()
    ours = compare(part, masks, settings)
    assert np.isnan(ours.values[:, ours.names.index("Cells_Granularity_1_DNA")]).all()
