"""Normalisation to the negative controls, against numbers worked out by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.wells.normalise import normalise_to_controls


def screen(
    values: list[float], controls: list[str], plates: list[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A profile of one feature ``x``, and its wells."""
    key = {
        "Metadata_Plate": plates or ["P"] * len(values),
        "Metadata_Well": [f"A{i + 1:02d}" for i in range(len(values))],
    }
    return pd.DataFrame(key | {"x": values}), pd.DataFrame(key | {"Metadata_Control": controls})


FOUR_CONTROLS = ["negcon"] * 4 + ["", "poscon"]


def test_standardise_by_hand() -> None:
    # Controls 2, 4, 4, 6: mean 4, standard deviation (ddof 0) sqrt(8 / 4).
    profile, wells = screen([2, 4, 4, 6, 10, 4], FOUR_CONTROLS)
    expected = (np.array([2, 4, 4, 6, 10, 4]) - 4) / np.sqrt(2)
    normalised = normalise_to_controls(profile, wells)
    np.testing.assert_allclose(normalised["x"], expected, rtol=1e-6)
    assert normalised["x"].dtype == np.float32


def test_robust_by_hand() -> None:
    # Controls 1, 2, 4, 100: median 3; deviations 2, 1, 1, 97: median 1.5.
    profile, wells = screen([1, 2, 4, 100, 10, 3], FOUR_CONTROLS)
    expected = (np.array([1, 2, 4, 100, 10, 3]) - 3) / (1.4826 * 1.5)
    np.testing.assert_allclose(
        normalise_to_controls(profile, wells, "robust")["x"], expected, rtol=1e-6
    )


def test_plates_are_normalised_apart() -> None:
    # The same well has another role on another plate: well names alone do not identify it.
    profile, wells = screen(
        [0, 2, 9, 5, 10, 30], ["negcon", "negcon", "", "", "negcon", "negcon"], list("PPPQQQ")
    )
    expected = [-1, 1, 8, (5 - 20) / 10, -1, 1]
    np.testing.assert_allclose(normalise_to_controls(profile, wells)["x"], expected)


@pytest.mark.parametrize("method", ["standardise", "robust"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9, 3e-5])
def test_constant_controls_only_centre(method: str, constant: float) -> None:
    profile, wells = screen([constant] * 4 + [constant + 1, constant], FOUR_CONTROLS)
    normalised = normalise_to_controls(profile, wells, method)["x"]
    np.testing.assert_allclose(normalised, [0, 0, 0, 0, 1, 0], atol=1e-6)


def test_small_features_keep_their_scale() -> None:
    """A spread of 1e-5 is no rounding error where the values are of 1e-5."""
    profile, wells = screen([1e-5, 3e-5, 1e-5, 3e-5, 6e-5, 0], FOUR_CONTROLS)
    normalised = normalise_to_controls(profile, wells)["x"]
    np.testing.assert_allclose(normalised, [-1, 1, -1, 1, 4, -2], rtol=1e-5)


@pytest.mark.parametrize("method", ["standardise", "robust"])
def test_missing_values_are_left_out(method: str) -> None:
    profile, wells = screen([2, 4, np.nan, 6, 10, np.nan], FOUR_CONTROLS)
    without = screen([2, 4, 6, 10], ["negcon", "negcon", "negcon", ""])
    normalised = normalise_to_controls(profile, wells, method)["x"]
    expected = normalise_to_controls(*without, method)["x"]
    np.testing.assert_array_equal(normalised[[0, 1, 3, 4]], expected)
    assert normalised.isna().tolist() == [False, False, True, False, False, True]


def test_no_control_value_is_missing_on_that_plate_alone() -> None:
    nan = np.nan
    profile, wells = screen(
        [nan, nan, 3, 0, 2, 5], ["negcon", "negcon", "", "negcon", "negcon", ""], list("PPPQQQ")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        normalised = normalise_to_controls(profile, wells)["x"]
    np.testing.assert_array_equal(normalised, [nan, nan, nan, -1, 1, 4])


def test_rows_columns_and_the_input_stay() -> None:
    profile, wells = screen([5, 4, 3, 2, 1, 0], FOUR_CONTROLS)
    profile = profile.assign(Metadata_Extra="kept").iloc[::-1]
    before = profile.copy()
    normalised = normalise_to_controls(profile, wells)
    pd.testing.assert_frame_equal(profile, before)
    pd.testing.assert_frame_equal(normalised.drop(columns="x"), profile.drop(columns="x"))


def test_a_plate_without_controls_is_named() -> None:
    profile, wells = screen([1, 2, 3, 4], ["negcon", "", "poscon", ""], list("PQQR"))
    with pytest.raises(UserError) as error:
        normalise_to_controls(profile, wells)
    assert str(error.value) == (
        "profile: 2 plate(s) without a negative-control well: Q, R. Mark the control wells "
        "'negcon' in Metadata_Control, or leave the plate out."
    )
