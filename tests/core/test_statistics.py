"""Adjusted p values by hand and against scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from phenoprot.core.statistics import benjamini_hochberg

NAN = np.nan


def test_adjusted_by_hand() -> None:
    # Ranks 1..4 of 4: 0.01 * 4, 0.02 * 2, 0.04 * 4 / 3, 0.5; steps from the largest down.
    p = np.array([0.5, 0.01, 0.04, 0.02])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.5, 0.04, 0.16 / 3, 0.04])


@given(arrays(float, st.integers(1, 30), elements=st.sampled_from([0, 1e-9, 0.01, 0.03, 0.5, 1])))
@settings(max_examples=100, deadline=None)
def test_adjusted_equals_scipy(p: np.ndarray) -> None:
    expected = stats.false_discovery_control(p)
    np.testing.assert_allclose(benjamini_hochberg(p), expected, rtol=1e-12)


def test_columns_are_adjusted_apart_and_missing_values_left_out() -> None:
    p = np.random.default_rng(0).random((20, 3)) ** 3
    p[[1, 7, 8], 1] = NAN
    p[:, 2] = NAN
    q = benjamini_hochberg(p)
    there = ~np.isnan(p[:, 1])
    np.testing.assert_allclose(q[:, 0], stats.false_discovery_control(p[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(q[there, 1], stats.false_discovery_control(p[there, 1]), rtol=1e-12)
    np.testing.assert_array_equal(np.isnan(q), np.isnan(p))
