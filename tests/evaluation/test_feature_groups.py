"""Groups of features from their names."""

from __future__ import annotations

import numpy as np
import pytest

from phenoprot.evaluation.feature_groups import (
    GROUPINGS,
    NO_GROUP,
    SHAPE,
    FeatureGroup,
    Partition,
    group_of,
)
from phenoprot.features.cellprofiler.names import COMPARTMENTS, feature_names
from phenoprot.pipeline.params import load_params


@pytest.mark.parametrize(
    ("name", "compartment", "stains", "family"),
    [
        ("Nuclei_AreaShape_Zernike_1_1", "Nuclei", (SHAPE,), "AreaShape"),
        ("Cells_Neighbors_NumberOfNeighbors_Adjacent", "Cells", (SHAPE,), "Neighbors"),
        ("Cytoplasm_Intensity_IntegratedIntensityEdge_AGP", "Cytoplasm", ("AGP",), "Intensity"),
        ("Cells_Location_MaxIntensity_X_ER", "Cells", ("ER",), "Intensity"),
        ("Cells_Granularity_10_Mito", "Cells", ("Mito",), "Granularity"),
        ("Cells_Texture_Contrast_RNA_3_00_256", "Cells", ("RNA",), "Texture"),
        ("Cells_RadialDistribution_FracAtD_ER_1of4", "Cells", ("ER",), "RadialDistribution"),
        (
            "Nuclei_RadialDistribution_ZernikePhase_DNA_9_1",
            *("Nuclei", ("DNA",), "RadialDistribution"),
        ),
        ("Cells_Correlation_RWC_ER_DNA", "Cells", ("DNA", "ER"), "Correlation"),
        ("Cells_Correlation_Costes_DNA_ER", "Cells", ("DNA", "ER"), "Correlation"),
        ("Nuclei_Granularity_1_HighZBF", "Nuclei", ("HighZBF",), "Granularity"),
    ],
)
def test_names_as_we_and_jump_have_them(
    name: str, compartment: str, stains: tuple[str, ...], family: str
) -> None:
    assert group_of(name) == FeatureGroup(compartment, stains, family)


@pytest.mark.parametrize(
    "name", ["f12", "Cells", "Cells_Parent_Nuclei", "mae_0_1", "Cells_Texture"]
)
def test_other_names_are_in_no_group(name: str) -> None:
    assert group_of(name) == NO_GROUP


def test_every_feature_that_we_measure_has_a_group() -> None:
    settings = load_params().features.cellprofiler
    partition = Partition.of(feature_names(settings))
    assert NO_GROUP not in partition.groups
    columns = np.sort(np.concatenate(partition.columns))
    assert np.array_equal(columns, np.arange(len(feature_names(settings))))
    assert set(partition.unions("compartment")) == set(COMPARTMENTS)
    assert set(partition.unions("stain")) == {SHAPE, *settings.stains}
    assert len(partition.unions("place")) == 3 * 6
    # The family groups of nuclei, cells and cytoplasm, of each stain and each pair of stains.
    assert len(partition.unions("group")) == 3 * (4 * 5 + 10 + 1) + 2


def test_shares_of_a_group_sum_to_one() -> None:
    names = ["Cells_Correlation_K_DNA_ER", "Cells_Texture_Gabor_ER_3_00_256", "odd", "Nuclei_X_1"]
    partition = Partition.of(names)
    for grouping in GROUPINGS:
        total = sum(partition.unions(grouping).values())
        assert np.array_equal(total, np.ones(len(partition.groups)))
    place = partition.unions("place")
    assert list(place["Cells ER"]) == [0.5, 1.0, 0.0]
    assert partition.n_features(place["Cells ER"]) == 2
    assert list(partition.unions("group")) == [
        "Cells DNA+ER Correlation", "Cells ER Texture", "other",
    ]  # fmt: skip
