"""The variance rule by hand, against SciPy's t, and its coverage with models trained in folds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from phenoprot.evaluation.uncertainty import (
    BESIDE_REPEATS,
    Uncertainty,
    combined,
    jackknife,
    uncertainty,
)


def test_the_jackknife_of_a_mean_is_the_variance_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=12)
    n = len(values)
    changes = (values.sum() - values) / (n - 1) - values.mean()
    variance, df = jackknife(changes)
    assert variance == pytest.approx(values.var(ddof=1) / n)
    assert 1 <= df <= n - 1


def test_few_compounds_make_few_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    everyone = rng.normal(size=(300, 200))
    handful = np.where(np.arange(300)[:, None] < 10, everyone, 0.0)
    assert np.median(jackknife(everyone)[1]) == pytest.approx(290, abs=60)
    assert 4 < np.median(jackknife(handful)[1]) < 15


def test_training_and_repeats_by_hand() -> None:
    found = combined(np.array(0.01), np.array(20.0), np.array([0.6, 0.7, 0.8]))
    # Variance of the three repeats 0.01, of their mean a third.
    fixed, drawn = BESIDE_REPEATS * 0.01, 0.01 / 3
    assert found.error == pytest.approx(np.sqrt(fixed + drawn))
    assert found.df == pytest.approx((fixed + drawn) ** 2 / (fixed**2 / 20 + drawn**2 / 2))


def test_one_repeat_adds_nothing_and_missing_ones_do_not_count() -> None:
    one = combined(np.array(0.01), np.array(20.0), np.array([0.6]))
    assert one.error == pytest.approx(np.sqrt(BESIDE_REPEATS * 0.01))
    assert one.df == pytest.approx(20)
    missing = combined(np.array(0.01), np.array(20.0), np.array([0.6, np.nan, 0.7]))
    assert missing.error == combined(np.array(0.01), np.array(20.0), np.array([0.6, 0.7])).error


def test_intervals_and_p_are_students() -> None:
    errors = Uncertainty(np.array([0.1, 0.0, 0.0, np.nan]), np.array([9.0, np.inf, np.inf, 3]))
    difference = np.array([0.15, 0.0, 0.2, 0.1])
    p = errors.p(difference)
    assert p[0] == pytest.approx(2 * stats.t.sf(1.5, 9))
    # No difference at all; one without any error cannot be tested; an unknown error.
    assert p[1] == 1
    assert np.isnan(p[2:]).all()
    low, high = errors.interval(difference, -1, 0.3)
    reach = stats.t.ppf(0.975, 9) * 0.1
    assert (low[0], high[0]) == (pytest.approx(0.15 - reach), 0.3)


def test_the_smallest_difference_is_found_in_four_of_five() -> None:
    errors = Uncertainty(np.array(0.1), np.array(30.0))
    size = float(errors.smallest_difference)
    assert size == pytest.approx((stats.t.ppf(0.975, 30) + stats.t.ppf(0.8, 30)) * 0.1)
    rng = np.random.default_rng(0)
    error = 0.1 * np.sqrt(rng.chisquare(30, 20_000) / 30)
    found = Uncertainty(error, np.full(20_000, 30.0)).p(rng.normal(size, 0.1, 20_000)) < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def test_nothing_changes_nothing_is_uncertain() -> None:
    found = uncertainty(np.full(8, 1e-17), np.full(5, 0.7))
    assert found.error == 0
    assert [float(end) for end in found.interval(0.7)] == [0.7, 0.7]
