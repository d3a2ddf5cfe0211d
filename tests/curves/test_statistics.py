"""Numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate
from tests.curves.conftest import table_of

from phenoprot.curves.curvecurator import fit_table
from phenoprot.curves.design import DoseDesign, interpolation_points
from phenoprot.curves.engine import fit_ratios
from phenoprot.curves.model import logistic
from phenoprot.curves.prepare import centre_medians, imputation_value, prepare
from phenoprot.curves.settings import FitSettings
from phenoprot.curves.statistics import (
    DOWN,
    NOT,
    UNCLASSIFIED,
    UP,
    call,
    degrees_of_freedom,
    fudge_factor,
    p_value,
    sam_correct,
)
from phenoprot.curves.summary import COLUMNS


def test_recalibrated_degrees_of_freedom_of_five_doses() -> None:
    # n = 6: (0.8 - 1 / (2^4 / 6 + 4)) * 3.5 = (0.8 - 0.15) * 3.5
    dfn, dfd = degrees_of_freedom(np.array([4, 6]), FitSettings())
    assert np.isnan(dfd[0])
    assert dfn[1] == 5
    assert dfd[1] == pytest.approx(2.275)


def test_classic_degrees_of_freedom_follow_the_free_parameters() -> None:
    settings = FitSettings(optimized_dofs=False, slope=1.0)
    dfn, dfd = degrees_of_freedom(np.array([10]), settings)
    assert (dfn[0], dfd[0]) == (2, 7)


@pytest.mark.parametrize(("doses", "critical"), [(5, 14.6), (4, 53.5)])
def test_critical_f_of_few_doses(doses: int, critical: float) -> None:
    settings = FitSettings(fc_lim=1.0)
    s0 = fudge_factor(*degrees_of_freedom(np.array([doses + 1]), settings), settings)
    assert 1 / s0[0] ** 2 == pytest.approx(critical, abs=0.05)


def test_p_value_is_one_below_the_location() -> None:
    assert p_value(np.array([0.0, 0.12]), 5.0, 2.3, FitSettings()).tolist() == [1.0, 1.0]


def test_p_value_of_a_closed_form() -> None:
    # F(2, d) has the upper tail (1 + 2 x / d)^(-d / 2): 4^(-2) at x = 6, d = 4.
    p = p_value(np.array([6.0]), np.array([2.0]), np.array([4.0]), FitSettings(loc=0.0))
    assert p[0] == pytest.approx(1 / 16)


def test_sam_correction() -> None:
    # 1 / (1/sqrt(100) + 0.1/1)^2 = 1 / 0.04
    corrected = sam_correct(
        np.array([100.0, 100.0, 0.0]), np.array([-1.0, 0.0, 1.0]), np.array(0.1)
    )
    np.testing.assert_allclose(corrected, [25.0, 0.0, 0.0])


def test_calls() -> None:
    settings = FitSettings(alpha=0.1, fc_lim=0.5, quality_min=3.0, pec50_filter=(4.0, 8.0))
    #                 up   down  weak  flat  noisy  off   quiet  outside
    relevance = np.array([1.0, 2.0, 2.0, 0.9, 0.9, 0.9, 2.0, 2.0])
    fold = np.array([0.5, -0.6, 0.4, 0.1, 0.1, 0.1, 1.0, 1.0])
    rmse = np.array([1.0, 1.0, 0.05, 0.1, 0.11, 0.05, 1.0, 1.0])
    null = np.array([1.0, 1.0, 1.0, 2**0.25, 1.0, 2**0.26, 1.0, 1.0])
    quality = np.array([9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 3.0, 9.0])
    pec50 = np.array([6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0, 8.1])
    states = call(relevance, fold, pec50, null, rmse, quality, settings)
    none = UNCLASSIFIED
    assert states.tolist() == [UP, DOWN, none, NOT, none, none, none, none]


def test_summary_of_a_step(design: DoseDesign) -> None:
    # Control and first two doses 1, the others 0.5 +- 0.1: plateaus 1 and 0.5.
    curves = fit_table(
        table_of(np.array([[1.0, 1.0, 0.6, 0.4, 0.5]]), design), design, FitSettings()
    )
    row = curves.iloc[0]
    assert row["Curve Front"] == pytest.approx(1.0, abs=1e-3)
    assert row["Curve Back"] == pytest.approx(0.5, abs=0.06)
    # null: mean of six points (1 + 1 + 1 + 0.6 + 0.4 + 0.5) / 6 = 0.75
    assert row["Null Model"] == pytest.approx(0.75)
    assert row["Null RMSE"] == pytest.approx(np.sqrt((3 * 0.0625 + 0.0225 + 0.1225 + 0.0625) / 6))
    residual = row["Curve RMSE"] ** 2 * 6
    assert residual <= 0.02
    # F = (SSE0 - SSE1) / SSE1 * n / k
    assert row["Curve F_Value"] == pytest.approx((0.395 - residual) / residual * 6 / 4)
    assert row["Curve R2"] == pytest.approx(1 - residual / 0.395, abs=1e-6)


def test_parameters_of_exact_curves_are_found_again(design: DoseDesign) -> None:
    x = design.log_doses
    truth = np.array([[6.5, 1.2, 1.0, 3.0], [5.8, 0.7, 1.0, 0.2], [6.9, 2.5, 1.0, 1.8]])
    pec50, slope, front, back = (column[:, None] for column in truth.T)
    fitted = fit_ratios(logistic(x, pec50, slope, front, back), x, FitSettings())
    np.testing.assert_allclose(fitted[:, :4], truth, rtol=1e-4)
    column = COLUMNS.index("Effect")
    ends = np.log2(logistic(x[-1], *truth.T)) - np.log2(logistic(x[0], *truth.T))
    np.testing.assert_allclose(fitted[:, column], ends, rtol=1e-5)
    for row, area in zip(truth, fitted[:, COLUMNS.index("AUC")], strict=True):
        expected, _ = integrate.quad(lambda at, r=row: float(logistic(at, *r)), x[0], x[-1])
        assert area == pytest.approx(expected / (x[-1] - x[0]), rel=1e-5)


def test_fixed_parameters_stay(design: DoseDesign) -> None:
    ratios = np.array([[1.0, 0.9, 0.7, 0.5, 0.4]])
    settings = FitSettings(front=1.1, slope=0.5, back=0.3)
    fitted = fit_ratios(ratios, design.log_doses, settings)
    np.testing.assert_allclose(fitted[0, 1:4], [0.5, 1.1, 0.3])


def test_fold_change_to_the_control(design: DoseDesign) -> None:
    table = table_of(np.array([[0.52, 0.5, 0.5, 0.49, 0.5]]), design)
    to_lowest = fit_table(table, design, FitSettings())
    to_control = fit_table(table, design, FitSettings(control_fold_change=True))
    assert abs(to_lowest["Curve Fold Change"][0]) < 0.1
    assert to_control["Curve Fold Change"][0] == pytest.approx(-1.0, abs=0.05)


def test_interpolation_halves_gaps_until_none_is_wide() -> None:
    np.testing.assert_allclose(
        interpolation_points(np.array([-6.0, -5.0])), [-6, -5.75, -5.5, -5.25, -5]
    )
    assert interpolation_points(np.array([-6.0, -5.9])).tolist() == [-6.0, -5.9]


def test_normalisation_brings_medians_together() -> None:
    data = np.array([[1.0, 4.0], [2.0, 8.0], [4.0, np.nan], [0.0, 16.0]])
    # log2 medians 1 and 3, mean 2: factors 2 and 1/2; zeros and missing values stay
    expected = np.array([[2.0, 2.0], [4.0, 4.0], [8.0, np.nan], [0.0, 8.0]])
    np.testing.assert_allclose(centre_medians(data), expected)


def test_imputation_value_is_a_quantile_of_the_controls() -> None:
    controls = np.array([[1.0, 3.0], [4.0, np.nan], [0.0, 0.0], [6.0, 6.0]])
    assert imputation_value(controls, 0.5) == 4.0


def test_filters_remove_curves(design: DoseDesign) -> None:
    ratios = np.ones((4, 5))
    ratios[0, :2] = np.nan
    ratios[1, 0] = 0.0
    table = table_of(ratios, design)
    table.loc[2, "Raw c"] = np.nan
    values = table.drop(columns="Name").to_numpy()
    prepared = prepare(values, design, FitSettings(max_missing=1))
    assert prepared.rows.tolist() == [1, 3]  # 0 misses two values, 2 its control
    assert prepared.ratios.tolist() == [[1, 0, 1, 1, 1, 1], [1] * 6]  # 0 is a ratio for the fit
    assert prepared.quality.tolist() == [np.log2(1000.0)] * 2
