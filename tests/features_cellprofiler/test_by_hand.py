"""Small objects whose features are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from phenoprot.features.cellprofiler.measure import measure_field
from phenoprot.features.cellprofiler.settings import CellProfilerSettings

SETTINGS = CellProfilerSettings(stains=("DNA", "ER"))


def measured(field: np.ndarray, cells: np.ndarray, nuclei: np.ndarray | None = None) -> dict:
    """Features of the first cell."""
    nuclei = np.zeros_like(cells) if nuclei is None else nuclei
    result = measure_field(field, (nuclei, cells), SETTINGS)
    return dict(zip(result.names, result.values[0].tolist(), strict=True))


def rectangle() -> np.ndarray:
    """A cell of 4 rows and 6 columns, rows 2 to 5 and columns 3 to 8."""
    cells = np.zeros((20, 24), np.int32)
    cells[2:6, 3:9] = 1
    return cells


def check(features: dict, expected: dict[str, float]) -> None:
    got = {name: features[name] for name in expected}
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_shape_of_a_rectangle() -> None:
    features = measured(np.full((2, 20, 24), 0.5), rectangle())
    # 16 pixels on the outline, all on straight lines; the inner 2 x 4 are 2 from the outside.
    # The variance of 1 .. n is (n**2 - 1) / 12.
    expected = {
        "Area": 24,
        "BoundingBoxArea": 24,
        "ConvexArea": 24,
        "FilledArea": 24,
        "Extent": 1,
        "Solidity": 1,
        "EulerNumber": 1,
        "Perimeter": 16,
        "FormFactor": 4 * np.pi * 24 / 16**2,
        "Compactness": 16**2 / (4 * np.pi * 24),
        "EquivalentDiameter": np.sqrt(96 / np.pi),
        "MajorAxisLength": 4 * np.sqrt(35 / 12),
        "MinorAxisLength": 4 * np.sqrt(15 / 12),
        "Eccentricity": np.sqrt(1 - 15 / 35),
        "Orientation": 90,
        "MaximumRadius": 2,
        "MeanRadius": (16 * 1 + 8 * 2) / 24,
        "MedianRadius": 1,
        "MinFeretDiameter": 3,
        "MaxFeretDiameter": np.sqrt(3**2 + 5**2),
        "Center_X": 5.5,
        "Center_Y": 3.5,
        "BoundingBoxMinimum_X": 3,
        "BoundingBoxMaximum_X": 9,
        "BoundingBoxMinimum_Y": 2,
        "BoundingBoxMaximum_Y": 6,
        "SpatialMoment_0_1": 4 * 15,
        "SpatialMoment_1_0": 6 * 6,
        "CentralMoment_0_2": 24 * 35 / 12,
        "CentralMoment_2_0": 24 * 15 / 12,
        "CentralMoment_1_1": 0,
        "NormalizedMoment_0_2": 24 * 35 / 12 / 24**2,
        "HuMoment_0": 24 * 50 / 12 / 24**2,
        "InertiaTensor_0_0": 35 / 12,
        "InertiaTensor_1_1": 15 / 12,
        "InertiaTensorEigenvalues_0": 35 / 12,
    }
    check(features, {f"Cells_AreaShape_{name}": value for name, value in expected.items()})


def test_a_hole_is_filled_but_not_counted() -> None:
    cells = rectangle()
    cells[3, 4] = 0
    features = measured(np.full((2, 20, 24), 0.5), cells)
    expected = {"Area": 23, "FilledArea": 24, "ConvexArea": 24, "EulerNumber": 0}
    check(features, {f"Cells_AreaShape_{name}": value for name, value in expected.items()})


def test_texture_of_stripes() -> None:
    # Columns alternate between the grey levels 51 and 102; three apart they always differ.
    cells = rectangle()
    field = np.empty((2, *cells.shape))
    field[:] = np.where(np.arange(24) % 2 == 0, 0.2, 0.4)
    features = measured(field, cells)
    across = {
        "AngularSecondMoment": 0.5,
        "Contrast": 51**2,
        "Correlation": -1,
        "Variance": 25.5**2,
        "InverseDifferenceMoment": 1 / (1 + 51**2),
        "SumAverage": 153,
        "SumVariance": 0,
        "SumEntropy": 0,
        "Entropy": 1,
        "DifferenceVariance": 1 / 103 - 1 / 103**2,  # of 103 probabilities, one of them 1
        "DifferenceEntropy": 0,
        "InfoMeas1": -1,
        "InfoMeas2": np.sqrt(1 - np.exp(-2)),
    }
    along = {"AngularSecondMoment": 0.5, "Contrast": 0, "Correlation": 1, "Entropy": 1}
    check(features, {f"Cells_Texture_{n}_ER_3_00_256": v for n, v in across.items()})
    check(features, {f"Cells_Texture_{n}_ER_3_02_256": v for n, v in along.items()})
    # Four rows hold no pair five apart: the scale is undefined, in all directions.
    assert np.isnan(features["Cells_Texture_Contrast_ER_5_00_256"])


def test_texture_of_one_level() -> None:
    features = measured(np.full((2, 20, 24), 0.3), rectangle())
    expected = {"AngularSecondMoment": 1, "Contrast": 0, "Correlation": 1, "Entropy": 0}
    expected |= {"Variance": 0, "InfoMeas1": 0, "InfoMeas2": 0, "InverseDifferenceMoment": 1}
    check(features, {f"Cells_Texture_{n}_DNA_3_01_256": v for n, v in expected.items()})


def four_pixels() -> tuple[np.ndarray, np.ndarray]:
    cells = np.zeros((20, 24), np.int32)
    cells[7:9, 10:12] = 1
    field = np.zeros((2, 20, 24))
    field[0, 7:9, 10:12] = [[1.0, 0.5], [0.1, 0.2]]
    field[1, 7:9, 10:12] = [[0.5, 1.0], [0.4, 0.05]]
    return field, cells


def test_intensity_of_four_pixels() -> None:
    # Sorted: 0.1, 0.2, 0.5, 1. A quantile q of n values lies at n q: the value after it.
    # Deviations from the median 0.5: 0, 0.3, 0.4, 0.5.
    features = measured(*four_pixels())
    mean = 0.45
    expected = {
        "IntegratedIntensity": 1.8,
        "MeanIntensity": mean,
        "StdIntensity": np.sqrt(np.mean([(v - mean) ** 2 for v in (1, 0.5, 0.1, 0.2)])),
        "MinIntensity": 0.1,
        "MaxIntensity": 1,
        "LowerQuartileIntensity": 0.2,
        "MedianIntensity": 0.5,
        "UpperQuartileIntensity": 1,
        "MADIntensity": 0.4,
        "IntegratedIntensityEdge": 1.8,
        "MaxIntensityEdge": 1,
        "MassDisplacement": np.hypot(0.7 / 1.8 - 0.5, 0.3 / 1.8 - 0.5),
    }
    check(features, {f"Cells_Intensity_{name}_DNA": value for name, value in expected.items()})
    where = {"MaxIntensity_X": 10, "MaxIntensity_Y": 7, "CenterMassIntensity_X": 10 + 0.7 / 1.8}
    check(features, {f"Cells_Location_{name}_DNA": value for name, value in where.items()})


def test_colocalisation_of_four_pixels() -> None:
    # 15 % of the maximum: the third pixel is too dim in DNA, the fourth in ER. The first two hold
    # 1.5 of 1.7 in DNA and 1.5 of 1.9 in ER; their ranks of 0 to 3 differ by one: weight 3/4.
    features = measured(*four_pixels())
    dna, er = np.array([1, 0.5, 0.1, 0.2]), np.array([0.5, 1, 0.4, 0.05])
    expected = {
        "Correlation_DNA_ER": np.corrcoef(dna, er)[0, 1],
        "Slope_DNA_ER": np.polyfit(dna, er, 1)[0],
        "Overlap_DNA_ER": 0.8,
        "K_DNA_ER": 0.8,
        "K_ER_DNA": 0.8,
        "Manders_DNA_ER": 1.5 / 1.7,
        "Manders_ER_DNA": 1.5 / 1.9,
        "RWC_DNA_ER": 0.75 * 1.5 / 1.7,
        "RWC_ER_DNA": 0.75 * 1.5 / 1.9,
    }
    check(features, {f"Cells_Correlation_{name}": value for name, value in expected.items()})


def test_rings_of_a_square() -> None:
    # Path over path + distance to the edge: 0 in the middle, 1/2 at the sides (less the 0.001 that
    # CellProfiler adds), 0.586 at the corners. DNA is even; ER is twice as bright at one side.
    cells = np.zeros((20, 24), np.int32)
    cells[7:10, 10:13] = 1
    field = np.full((2, 20, 24), 0.25)
    field[1, 7, 11] = 0.5
    features = measured(field, cells)
    name = "Cells_RadialDistribution_{}_{}_{}of4"
    for ring, (share, bright) in enumerate([(1, 1), (4, 5), (4, 4), (0, 0)], start=1):
        check(features, {name.format("FracAtD", "DNA", ring): share / 9})
        check(features, {name.format("FracAtD", "ER", ring): bright / 10})
        check(features, {name.format("MeanFrac", "DNA", ring): float(share > 0)})
        check(features, {name.format("RadialCV", "DNA", ring): 0})
    # wedges of the second ring: three sides of 0.25, one of 0.5
    check(features, {name.format("RadialCV", "ER", 2): np.std([1, 1, 1, 2]) / 1.25})


def test_neighbours_of_three_squares() -> None:
    # Squares of 3 x 3: the second starts after a gap of 2 pixels, the third 4 rows further down.
    cells = np.zeros((20, 24), np.int32)
    for label, (y, x) in enumerate([(2, 2), (2, 7), (9, 2)], start=1):
        cells[y : y + 3, x : x + 3] = label
    features = measured(np.full((2, 20, 24), 0.5), cells, cells)
    expected = {
        "Cells_Neighbors_NumberOfNeighbors_5": 2,  # both within 5 pixels
        "Cells_Neighbors_NumberOfNeighbors_Adjacent": 0,
        "Nuclei_Neighbors_NumberOfNeighbors_1": 0,
        "Cells_Neighbors_PercentTouching_Adjacent": 0,
        "Cells_Neighbors_PercentTouching_5": 100,  # all eight outline pixels
        "Cells_Neighbors_FirstClosestDistance_5": 5,
        "Cells_Neighbors_SecondClosestDistance_5": 7,
        "Nuclei_Neighbors_AngleBetweenNeighbors_1": 90,
    }
    check(features, expected)


def test_granularity_of_a_dot_and_a_plain() -> None:
    # Without subsampling, and a background that is zero (every disk of radius 6 leaves the cell):
    # a dot of one pixel is gone after the first erosion, a square of five after three.
    settings = CellProfilerSettings(
        stains=("DNA", "ER"),
        granularity_subsample=1,
        granularity_background_subsample=1,
        granularity_radius=6,
        granularity_length=4,
    )
    cells = np.zeros((40, 40), np.int32)
    cells[10:25, 10:25] = 1
    field = np.zeros((2, 40, 40))
    field[0, 17, 17] = 0.6
    field[1, 15:20, 15:20] = 0.6
    result = measure_field(field, (np.zeros_like(cells), cells), settings)
    features = dict(zip(result.names, result.values[0].tolist(), strict=True))
    for step, (dot, square) in enumerate([(100, 0), (0, 0), (0, 100), (0, 0)], start=1):
        check(features, {f"Cells_Granularity_{step}_DNA": dot})
        check(features, {f"Cells_Granularity_{step}_ER": square})
