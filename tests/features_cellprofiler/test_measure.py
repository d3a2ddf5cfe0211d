"""Rows, columns, faults and invariances of the measurement of a field."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from benchmarks.features.fields import synthetic_field
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.features.cellprofiler.measure import measure_field
from phenoprot.features.cellprofiler.names import feature_names, position_names
from phenoprot.features.cellprofiler.settings import CellProfilerSettings

SETTINGS = CellProfilerSettings()
FIELD, (NUCLEI, CELLS) = synthetic_field(7, size=80, cells=6)
MEASURED = measure_field(FIELD, (NUCLEI, CELLS), SETTINGS)


def test_names_are_those_of_cellprofiler() -> None:
    names = feature_names(SETTINGS)
    assert len(names) == len(set(names)) == MEASURED.values.shape[1]
    assert names == MEASURED.names
    # from the header of a CellProfiler 4 output of JUMP's pipeline
    known = {
        "Nuclei_AreaShape_Area",
        "Nuclei_AreaShape_Zernike_2_0",
        "Nuclei_Neighbors_AngleBetweenNeighbors_1",
        "Cells_Neighbors_PercentTouching_Adjacent",
        "Cells_Neighbors_NumberOfNeighbors_5",
        "Cells_Intensity_IntegratedIntensityEdge_AGP",
        "Cells_Granularity_16_DNA",
        "Cells_RadialDistribution_FracAtD_Mito_1of4",
        "Cells_Texture_Contrast_RNA_3_00_256",
        "Cells_Texture_InfoMeas2_ER_10_03_256",
        "Cytoplasm_Correlation_Correlation_DNA_ER",
        "Cytoplasm_Correlation_RWC_RNA_AGP",
        "Cytoplasm_Correlation_K_AGP_RNA",
        "Cytoplasm_Location_CenterMassIntensity_X_AGP",
    }
    assert known <= set(names)
    # one order of each pair: alphabetical, as CellProfiler has it
    assert "Cytoplasm_Correlation_Correlation_ER_DNA" not in names
    assert not any(name.startswith("Cytoplasm_Neighbors") for name in names)


def test_no_column_repeats_another() -> None:
    cells = CELLS.copy()
    y, x = np.argwhere(ndi.distance_transform_edt(cells == 5) > 2)[0]
    cells[y, x] = 0  # a hole, without which the filled area is the area
    nothing = np.zeros_like(cells)
    measured = measure_field(FIELD, (nothing, cells), SETTINGS)
    columns: dict[bytes, str] = {}
    for name, column in zip(measured.names, measured.values.T, strict=True):
        # ER is constant in a cell, and steps of the granularity may find nothing
        if name.startswith("Cells") and len(np.unique(column)) > 3:
            other = columns.setdefault(column.tobytes(), name)
            assert other == name, (other, name)


def test_positions_are_listed_and_the_rest_does_not_move() -> None:
    where = set(position_names(SETTINGS))
    assert "Cells_AreaShape_Center_X" in where
    assert "Nuclei_Location_MaxIntensity_Y_DNA" in where
    assert "Cells_AreaShape_BoundingBoxMaximum_X" in where
    assert len(where) == 3 * (6 + 4 * 5)
    rng = np.random.default_rng(1)
    shape, values = rng.random((20, 26)) < 0.9, rng.random((5, 20, 26))
    features = []
    for shift in (0, 16):
        field = np.zeros((5, 129, 129))
        cells, nuclei = np.zeros((2, 129, 129), np.int32)
        at = (slice(40 + shift, 60 + shift), slice(44, 70))
        inner = (slice(45 + shift, 52 + shift), slice(50, 60))
        cells[at] = shape
        nuclei[inner] = cells[inner]
        field[(slice(None), *at)] = values
        features.append(measure_field(field, (nuclei, cells), SETTINGS))
    first, second = (result.values[0] for result in features)
    for name, a, b in zip(features[0].names, first, second, strict=True):
        if name not in where and "Granularity" not in name:
            assert a == pytest.approx(b, rel=1e-9, abs=1e-9, nan_ok=True), name


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(1, 7)))
def test_permuting_labels_permutes_rows(order: list[int]) -> None:
    new = np.array([0, *order], np.int32)
    permuted = measure_field(FIELD, (new[NUCLEI], new[CELLS]), SETTINGS)
    rows = new[MEASURED.labels] - 1
    np.testing.assert_array_equal(permuted.values[rows], MEASURED.values)


def test_dimming_by_half_scales_intensities_alone() -> None:
    dim = measure_field(FIELD / 2, (NUCLEI, CELLS), SETTINGS).values
    for i, name in enumerate(MEASURED.names):
        group, feature = name.split("_")[1:3]
        before = MEASURED.values[:, i]
        if group == "Intensity" and feature != "MassDisplacement":
            before = before / 2
        elif group == "Texture" or "Zernike" in name or group == "Granularity":
            continue
        np.testing.assert_allclose(dim[:, i], before, rtol=1e-12, atol=1e-12, err_msg=name)


def test_same_bits_again_and_from_other_memory_layouts() -> None:
    again = measure_field(FIELD.copy(), (NUCLEI.copy(), CELLS.copy()), SETTINGS)
    assert again.values.tobytes() == MEASURED.values.tobytes()
    field = np.asfortranarray(FIELD)
    other = measure_field(field, (NUCLEI.astype(np.int64), np.asfortranarray(CELLS)), SETTINGS)
    assert other.values.tobytes() == MEASURED.values.tobytes()
    single = FIELD.astype(np.float32)
    np.testing.assert_array_equal(
        measure_field(single, (NUCLEI, CELLS)).values,
        measure_field(single.astype(np.float64), (NUCLEI, CELLS)).values,
    )


def test_a_field_without_cells_has_all_columns() -> None:
    nothing = np.zeros(FIELD.shape[1:], np.int32)
    empty = measure_field(FIELD, (nothing, nothing), SETTINGS)
    assert empty.values.shape == (0, len(feature_names(SETTINGS)))
    assert empty.names == feature_names(SETTINGS)


def test_cells_without_nuclei_have_nan_there() -> None:
    features = measure_field(FIELD, (np.zeros_like(NUCLEI), CELLS), SETTINGS)
    of = np.array([name.split("_")[0] for name in features.names])
    assert np.isnan(features.values[:, of == "Nuclei"]).all()
    area = [features.names.index(f"{c}_AreaShape_Area") for c in ("Cells", "Cytoplasm")]
    np.testing.assert_array_equal(features.values[:, area[0]], features.values[:, area[1]])


def test_a_single_cell_has_no_neighbours() -> None:
    one = np.where(CELLS == 5, np.int32(9), np.int32(0))
    features = measure_field(FIELD, (one, one), SETTINGS)
    assert features.labels.tolist() == [9]
    names = [i for i, name in enumerate(features.names) if "_Neighbors_" in name]
    assert (features.values[0, names] == 0).all()


@pytest.mark.parametrize(
    ("field", "nuclei", "cells", "message"),
    [
        (FIELD[:4], NUCLEI, CELLS, "field of view: a field of shape (4, 80, 80), expected 5"),
        (FIELD * 255, NUCLEI, CELLS, "intensities outside 0 to 1, or not finite. Divide integer"),
        (np.full_like(FIELD, np.nan), NUCLEI, CELLS, "intensities outside 0 to 1"),
        (FIELD, NUCLEI[1:], CELLS, "masks: the nuclei mask has shape (79, 80)"),
        (FIELD, NUCLEI, CELLS.astype(float), "the cells mask holds float64, expected whole"),
        (FIELD, NUCLEI, CELLS - 1, "masks: labels of the cells mask reach from -1 to 5"),
        (FIELD, NUCLEI, CELLS * 9999, "labels of the cells mask reach from 0 to 59994"),
        (FIELD, NUCLEI, np.where(CELLS > 2, CELLS, 0), "2 nuclei without a cell of the same la"),
    ],
)
def test_faults_are_named(
    field: np.ndarray, nuclei: np.ndarray, cells: np.ndarray, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        measure_field(field, (nuclei, cells), SETTINGS)
    assert message in str(caught.value)
