"""Normalisation against pycytominer, wherever both are defined."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from phenoprot.wells.normalise import normalise_to_controls


@pytest.fixture(autouse=True)
def _pandas_as_it_was() -> Iterator[None]:
    """Importing pycytominer switches pandas to copy-on-write, for all that runs after it."""
    with pd.option_context("mode.copy_on_write", pd.options.mode.copy_on_write):
        yield


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two plates of 40 wells, 12 of them controls; 30 features of very different sizes."""
    rng = np.random.default_rng(3)
    wells = pd.DataFrame(
        {
            "Metadata_Plate": ["P"] * 40 + ["Q"] * 40,
            "Metadata_Well": [f"{row}{column:02d}" for row in "ABCDE" for column in range(1, 9)]
            * 2,
            "Metadata_Control": np.where(rng.permutation(80) % 10 < 3, "negcon", ""),
        }
    )
    scale, shift = 10.0 ** rng.uniform(-3, 4, 30), rng.normal(size=30)
    values = scale * (shift + rng.standard_t(3, size=(80, 30)) * rng.uniform(0.5, 2, 30))
    names = [f"Cells_AreaShape_F{i}" for i in range(30)]
    profile = pd.concat(
        [wells[["Metadata_Plate", "Metadata_Well"]], pd.DataFrame(values, columns=names)], axis=1
    )
    return profile, wells


def reference(profile: pd.DataFrame, wells: pd.DataFrame, method: str) -> pd.DataFrame:
    """pycytominer, plate by plate."""
    from pycytominer import normalize

    merged = profile.assign(Metadata_Control=wells["Metadata_Control"])
    parts = [
        normalize(
            plate,
            features=[column for column in profile if column.startswith("Cells_")],
            meta_features=["Metadata_Plate", "Metadata_Well", "Metadata_Control"],
            samples="Metadata_Control == 'negcon'",
            method=method,
        )
        for _, plate in merged.groupby("Metadata_Plate", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("standardise", "standardize"), ("robust", "mad_robustize")]
)
def test_equal_to_pycytominer(
    tables: tuple[pd.DataFrame, pd.DataFrame], ours: str, theirs: str
) -> None:
    profile, wells = tables
    normalised = normalise_to_controls(profile, wells, ours)
    expected = reference(profile, wells, theirs)
    features = [column for column in profile if column.startswith("Cells_")]
    np.testing.assert_array_equal(normalised["Metadata_Well"], expected["Metadata_Well"])
    np.testing.assert_allclose(normalised[features], expected[features], rtol=1e-5, atol=1e-6)
    assert np.abs(expected[features].to_numpy()).max() > 3  # it is not all nought


@pytest.mark.parametrize(
    ("ours", "theirs"), [("standardise", "standardize"), ("robust", "mad_robustize")]
)
def test_missing_values_as_in_pycytominer(
    tables: tuple[pd.DataFrame, pd.DataFrame], ours: str, theirs: str
) -> None:
    profile, wells = tables
    gaps = profile.copy()
    features = [column for column in profile if column.startswith("Cells_")]
    missing = np.random.default_rng(5).random((len(gaps), len(features))) < 0.1
    gaps[features] = gaps[features].mask(missing)
    normalised = normalise_to_controls(gaps, wells, ours)
    expected = reference(gaps, wells, theirs)
    np.testing.assert_allclose(normalised[features], expected[features], rtol=1e-5, atol=1e-6)


def test_constant_controls_are_finite_where_pycytominer_is_not(
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    profile, wells = tables
    flat = profile.assign(
        Cells_AreaShape_F0=np.where(wells["Metadata_Control"] == "negcon", 0.1, 0.3)
    )
    theirs = reference(flat, wells, "mad_robustize")["Cells_AreaShape_F0"]
    assert theirs.abs().max() > 1e15
    ours = normalise_to_controls(flat, wells, "robust")["Cells_AreaShape_F0"]
    np.testing.assert_allclose(ours, flat["Cells_AreaShape_F0"] - 0.1, atol=1e-6)
