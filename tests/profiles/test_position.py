"""Position of a well, and what remove_position_effects takes away and leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phenoprot.wells.position import (
    TERMS,
    choose_terms,
    position_profile,
    remove_position_effects,
    without_position_effects,
)

ROWS, COLUMNS = "ABCDEFGHIJKLMNOP", range(1, 25)
LARGEST = TERMS[-1]
RINGS = ("Position_Row", "Position_Column", "Position_OuterRing", "Position_SecondRing")


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


def curved(wells: pd.DataFrame, plate_q: float) -> np.ndarray:
    """`gradient` with squares and a product."""
    row = wells["Metadata_Well"].str[0].map(ROWS.index).to_numpy() / 15
    column = wells["Metadata_Well"].str[1:].astype(int).to_numpy() / 24
    strength = np.where(wells["Metadata_Plate"] == "Q", plate_q, 1.0)
    bowl = 6 * row**2 - 4 * column**2 + 5 * row * column
    return gradient(wells, plate_q) + strength * bowl


def test_products_and_rings_of_a_well(wells: pd.DataFrame) -> None:
    place = position_profile(wells).set_index("Metadata_Well")
    place = place[place["Metadata_Plate"] == "P"].drop(columns="Metadata_Plate")
    # The middle is row 8.5, column 12.5, 3.5 wells from the edge.
    expected = {
        "Row": 2, "Column": 10, "Edge": 1, "Row2": 6.5**2, "Column2": 2.5**2, "Edge2": 2.5**2,
        "RowColumn": 6.5 * 2.5, "RowEdge": 6.5 * 2.5, "ColumnEdge": 2.5 * 2.5,
        "OuterRing": 0, "SecondRing": 1,
    }  # fmt: skip
    assert place.loc["B10"].to_dict() == {f"Position_{k}": v for k, v in expected.items()}
    assert place["Position_OuterRing"].sum() == 2 * 24 + 2 * 14
    assert place["Position_SecondRing"].sum() == 2 * 22 + 2 * 12
    assert set(LARGEST) <= set(place.columns)


def test_a_linear_model_reads_a_curved_pattern(wells: pd.DataFrame) -> None:
    place = position_profile(wells).filter(like="Position_").to_numpy(dtype=np.float64)
    pattern = curved(wells, 1.0)
    design = np.column_stack([np.ones(len(place)), place])
    rest = pattern - design @ np.linalg.lstsq(design, pattern, rcond=None)[0]
    assert np.abs(rest).max() < 1e-3


def test_planted_effects_are_removed_exactly(wells: pd.DataFrame) -> None:
    planted = curved(wells, plate_q=3.0)
    corrected = remove_position_effects(profile_of(wells, x=planted), wells, LARGEST)["x"]
    # What is left is one level per plate: that of its controls.
    for name in "PQ":
        rows = (wells["Metadata_Plate"] == name).to_numpy()
        controls = rows & (wells["Metadata_Control"] == "negcon").to_numpy()
        np.testing.assert_allclose(corrected[rows], planted[controls].mean(), atol=1e-4)


def test_each_control_is_judged_by_the_fit_to_the_others() -> None:
    # Against numpy's least squares, one control left out at a time.
    wells = plate("P", 40, 3)
    x = np.random.default_rng(0).normal(size=len(wells))
    corrected = remove_position_effects(profile_of(wells, x=x), wells, LARGEST)["x"].to_numpy()
    place = position_profile(wells)[list(LARGEST)].to_numpy(dtype=np.float64)
    design = np.column_stack([np.ones(len(wells)), place])
    controls = np.flatnonzero(wells["Metadata_Control"] == "negcon")
    level = x[controls].mean()
    for well in controls:
        others = controls[controls != well]
        error = x[well] - design[well] @ np.linalg.lstsq(design[others], x[others], rcond=None)[0]
        assert corrected[well] == pytest.approx(level + (1 - 1 / 40) * error, abs=1e-5)
    whole = design @ np.linalg.lstsq(design[controls], x[controls], rcond=None)[0]
    treated = np.setdiff1d(np.arange(len(wells)), controls)
    np.testing.assert_allclose(corrected[treated], (x - whole + level)[treated], atol=1e-5)


def test_effects_of_treatments_stay(wells: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    effect = np.where(wells["Metadata_Control"] == "", rng.normal(size=len(wells)) * 10, 0.0)
    plain = remove_position_effects(profile_of(wells, x=curved(wells, 2.0)), wells, LARGEST)["x"]
    profile = profile_of(wells, x=curved(wells, 2.0) + effect)
    treated = remove_position_effects(profile, wells, LARGEST)
    np.testing.assert_allclose(treated["x"] - plain, effect, atol=1e-4)


def test_missing_values_are_left_out_of_the_fit(wells: pd.DataFrame) -> None:
    planted = curved(wells, plate_q=1.0)
    gaps = planted.copy()
    gaps[np.random.default_rng(0).random(len(gaps)) < 0.2] = np.nan
    profile = profile_of(wells, whole=planted, gaps=gaps)
    corrected = remove_position_effects(profile, wells, LARGEST)
    there = ~np.isnan(gaps)
    np.testing.assert_array_equal(corrected["gaps"].isna(), ~there)
    # Each column keeps the level of its own controls.
    level = corrected[there].groupby("Metadata_Plate")[["gaps", "whole"]].transform("mean")
    flat = corrected.loc[there, ["gaps", "whole"]] - level
    np.testing.assert_allclose(flat, 0, atol=1e-4)


def test_a_column_with_few_controls_is_corrected_with_fewer_terms(wells: pd.DataFrame) -> None:
    row = wells["Metadata_Well"].str[0].map(ROWS.index).to_numpy().astype(float)
    sparse, none = row.copy(), row.copy()
    controls = wells.index[
        (wells["Metadata_Control"] == "negcon") & (wells["Metadata_Plate"] == "Q")
    ]
    sparse[np.setdiff1d(controls, controls[::6])] = np.nan  # 7 left: enough for row and column
    none[controls[2:]] = np.nan
    corrected = remove_position_effects(profile_of(wells, a=sparse, b=none), wells, LARGEST)
    on_q = (wells["Metadata_Plate"] == "Q").to_numpy()
    assert np.ptp(corrected["a"][on_q & ~np.isnan(sparse)]) < 1e-4
    np.testing.assert_array_equal(corrected["b"][on_q], none[on_q].astype(np.float32))


def test_order_of_rows_and_other_columns(wells: pd.DataFrame) -> None:
    profile = profile_of(wells, x=gradient(wells, 1.0))
    mixed = profile.sample(frac=1, random_state=0)
    one = remove_position_effects(profile, wells, LARGEST)
    two = remove_position_effects(mixed, wells, LARGEST)
    assert two["Metadata_Well"].tolist() == mixed["Metadata_Well"].tolist()
    pd.testing.assert_frame_equal(two.sort_index(), one, atol=1e-4)
    assert choose_terms(mixed, wells) == choose_terms(profile, wells)


# The choice of terms


def noisy(wells: pd.DataFrame, pattern: np.ndarray, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return profile_of(wells, **{f"x{i}": pattern + rng.normal(size=len(wells)) for i in range(30)})


@pytest.mark.parametrize("seed", range(5))
def test_the_surface_that_is_there_is_chosen(seed: int) -> None:
    wells = pd.concat([plate(name, 64, seed) for name in "ABCD"], ignore_index=True)
    assert choose_terms(noisy(wells, np.zeros(len(wells)), seed), wells) == ()
    assert choose_terms(noisy(wells, gradient(wells, 1.0), seed), wells) == RINGS
    assert choose_terms(noisy(wells, curved(wells, 1.0), seed), wells) == LARGEST


def test_a_profile_without_position_effects_stays_as_it_is(
    wells: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = noisy(wells, np.zeros(len(wells)), 0)
    corrected, terms = without_position_effects(profile, wells)
    assert terms == ()
    assert capsys.readouterr().err == ""
    pd.testing.assert_frame_equal(corrected, profile)


def test_what_stays_at_a_position_counts_and_not_the_noise_of_single_wells() -> None:
    # Large noise of single wells averages out over plates; a small curve that all share stays.
    wells = pd.concat([plate(f"P{i}", 64, 7) for i in range(16)], ignore_index=True)
    profile = noisy(wells, 0.1 * curved(wells, 1.0), 1)
    assert choose_terms(profile, wells) == LARGEST


def test_controls_that_do_not_cover_the_plate(
    wells: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = wells["Metadata_Well"].str.fullmatch("[C-N](0[3-9]|1.|2[0-2])")
    clustered = wells.assign(
        Metadata_Control=np.where(inner & (wells["Metadata_Plate"] == "Q"), "negcon", "")
    )
    clustered.loc[wells["Metadata_Plate"] == "P", "Metadata_Control"] = wells["Metadata_Control"]
    profile = noisy(wells, curved(wells, 1.0), 0)
    chosen = choose_terms(profile, clustered)
    assert chosen == TERMS[4]  # row, column, squares and product: no ring
    assert capsys.readouterr().err == (
        "warning: labels.position_correction: the negative controls of 1 plate(s) are too few or "
        "too clustered for all terms of position effects, e.g. Q: 5 of 7 are removed; read the "
        "plate_position rows\n"
    )


def test_the_test_of_treated_against_controls_keeps_its_level() -> None:
    # Pure noise on four plates of one layout: 5 % of the treatments have p < 0.05.
    from phenoprot.readout.components import compare_with_controls

    plates = [plate(name, 64, seed=5) for name in "ABCD"]
    wells = pd.concat(plates, ignore_index=True)
    rng = np.random.default_rng(11)
    noise = {f"x{i}": rng.normal(size=len(wells)) for i in range(200)}
    corrected = remove_position_effects(profile_of(wells, **noise), wells, LARGEST)
    values = corrected[list(noise)].to_numpy(dtype=np.float64)
    is_control = (wells["Metadata_Control"] == "negcon").to_numpy()
    for name in "ABCD":
        rows = (wells["Metadata_Plate"] == name).to_numpy()
        values[rows] -= values[rows & is_control].mean(axis=0)
    position = np.tile(np.arange(384), 4)
    p = compare_with_controls(
        values, position, np.repeat(np.arange(4), 384), np.where(is_control, -1, position)
    ).p
    p = p[~is_control[:384]]
    # 64,000 tests; without leaving each control out of its own fit the share is 0.07.
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.006)
