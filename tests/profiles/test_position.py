"""Position of a well, and what remove_position_effects takes away and leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.wells.position import position_profile, remove_position_effects

ROWS, COLUMNS = "ABCDEFGHIJKLMNOP", range(1, 25)


def plate(name: str, controls: int, seed: int) -> pd.DataFrame:
    """A plate of 384 wells with negative controls at random."""
    wells = [f"{row}{column:02d}" for row in ROWS for column in COLUMNS]
    is_control = np.zeros(len(wells), dtype=bool)
    is_control[np.random.default_rng(seed).permutation(len(wells))[:controls]] = True
    return pd.DataFrame(
        {
            "Metadata_Plate": name,
            "Metadata_Well": wells,
            "Metadata_Control": np.where(is_control, "negcon", ""),
        }
    )


@pytest.fixture(scope="module")
def wells() -> pd.DataFrame:
    return pd.concat([plate("P", 60, 0), plate("Q", 40, 1)], ignore_index=True)


def gradient(wells: pd.DataFrame, plate_q: float) -> np.ndarray:
    """Row and column trends, the outer ring and the next, stronger on plate Q."""
    row = wells["Metadata_Well"].str[0].map(ROWS.index).to_numpy()
    column = wells["Metadata_Well"].str[1:].astype(int).to_numpy() - 1
    ring = np.minimum.reduce([row, 15 - row, column, 23 - column])
    strength = np.where(wells["Metadata_Plate"] == "Q", plate_q, 1.0)
    return strength * (0.3 * row - 0.2 * column + 5.0 * (ring == 0) - 2.0 * (ring == 1))


def profile_of(wells: pd.DataFrame, **features: np.ndarray) -> pd.DataFrame:
    key = wells[["Metadata_Plate", "Metadata_Well"]]
    return pd.concat([key, pd.DataFrame(features, index=wells.index)], axis=1)


@pytest.mark.parametrize(
    ("well", "row", "column"),
    [("A01", 1, 1), ("P24", 16, 24), ("Z09", 26, 9), ("AA03", 27, 3), ("AF48", 32, 48)],
)
def test_position_of_a_well(well: str, row: int, column: int) -> None:
    position = position_profile(pd.DataFrame({"Metadata_Plate": ["P"], "Metadata_Well": [well]}))
    line = position.iloc[0]
    assert (line["Position_Row"], line["Position_Column"]) == (row, column)


def test_distance_to_the_edge_of_the_used_area(wells: pd.DataFrame) -> None:
    edge = position_profile(wells).set_index("Metadata_Well")["Position_Edge"]
    assert edge[["A01", "A12", "P24", "H01"]].unique().tolist() == [0]
    assert edge[["B02", "O12", "C23"]].unique().tolist() == [1]
    assert edge["H12"].unique().tolist() == [7]
    inner = wells[wells["Metadata_Well"].str.fullmatch("[C-E]0[4-7]")]
    edge = position_profile(inner).set_index("Metadata_Well")["Position_Edge"]
    assert (edge["C04"] == 0).all()
    assert (edge["D05"] == 1).all()


def test_planted_effects_are_removed_exactly(wells: pd.DataFrame) -> None:
    planted = gradient(wells, plate_q=3.0)
    corrected = remove_position_effects(profile_of(wells, x=planted), wells)["x"]
    # What is left is one level per plate: that of its controls.
    for name in "PQ":
        rows = (wells["Metadata_Plate"] == name).to_numpy()
        controls = rows & (wells["Metadata_Control"] == "negcon").to_numpy()
        np.testing.assert_allclose(corrected[rows], planted[controls].mean(), atol=1e-5)


def test_effects_of_treatments_stay(wells: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    effect = np.where(wells["Metadata_Control"] == "", rng.normal(size=len(wells)) * 10, 0.0)
    plain = remove_position_effects(profile_of(wells, x=gradient(wells, 2.0)), wells)["x"]
    treated = remove_position_effects(profile_of(wells, x=gradient(wells, 2.0) + effect), wells)
    np.testing.assert_allclose(treated["x"] - plain, effect, atol=1e-4)


def test_missing_values_are_left_out_of_the_fit(wells: pd.DataFrame) -> None:
    planted = gradient(wells, plate_q=1.0)
    gaps = planted.copy()
    gaps[np.random.default_rng(0).random(len(gaps)) < 0.2] = np.nan
    corrected = remove_position_effects(profile_of(wells, whole=planted, gaps=gaps), wells)
    there = ~np.isnan(gaps)
    np.testing.assert_array_equal(corrected["gaps"].isna(), ~there)
    np.testing.assert_allclose(corrected["gaps"][there], corrected["whole"][there], atol=1e-4)


def test_order_of_rows_and_other_columns(wells: pd.DataFrame) -> None:
    profile = profile_of(wells, x=gradient(wells, 1.0))
    mixed = profile.sample(frac=1, random_state=0)
    one = remove_position_effects(profile, wells)
    two = remove_position_effects(mixed, wells)
    assert two["Metadata_Well"].tolist() == mixed["Metadata_Well"].tolist()
    pd.testing.assert_frame_equal(two.sort_index(), one, atol=1e-4)


def test_controls_that_do_not_cover_the_plate(wells: pd.DataFrame) -> None:
    inner = wells["Metadata_Well"].str.fullmatch("[C-N](0[3-9]|1.|2[0-2])")
    clustered = wells.assign(
        Metadata_Control=np.where(inner & (wells["Metadata_Plate"] == "Q"), "negcon", "")
    )
    clustered.loc[wells["Metadata_Plate"] == "P", "Metadata_Control"] = wells["Metadata_Control"]
    with pytest.raises(UserError) as error:
        remove_position_effects(profile_of(wells, x=gradient(wells, 1.0)), clustered)
    assert str(error.value) == (
        "labels.position_correction: the negative controls of 1 plate(s) do not cover edge and "
        "inside: Q. Set it to none in params.yaml, and compare with the plate_position rows."
    )


def test_the_test_of_treated_against_controls_keeps_its_level() -> None:
    # Pure noise on four plates of one layout: 5 % of the treatments have p < 0.05.
    from phenoprot.readout.single_dose import student_t

    plates = [plate(name, 64, seed=5) for name in "ABCD"]
    wells = pd.concat(plates, ignore_index=True)
    rng = np.random.default_rng(11)
    noise = {f"x{i}": rng.normal(size=len(wells)) for i in range(200)}
    corrected = remove_position_effects(profile_of(wells, **noise), wells)
    values = corrected[list(noise)].to_numpy(dtype=np.float64)
    is_control = (wells["Metadata_Control"] == "negcon").to_numpy()
    treated = values[~is_control].reshape(4, -1, len(noise))
    counts = np.full(treated.shape[1:], 4)
    _, p = student_t(treated.mean(axis=0), counts, treated.var(axis=0, ddof=1), values[is_control])
    # 64,000 tests; without leaving each control out of its own fit the share is 0.07.
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.006)
