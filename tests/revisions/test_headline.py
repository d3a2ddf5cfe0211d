"""The test of a difference, against scipy and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.revisions.tiny import row

from phenoprot.revisions.headline import corrected, like, over_common

KEY = "mean_auc"


@pytest.mark.parametrize(
    ("new", "sd", "repeats"), [(0.72, 0.01, 5), (0.701, 0.02, 3), (0.65, 0.0, 5), (0.7, 0.03, 4)]
)
def test_like_data_is_welchs_test(new: float, sd: float, repeats: int) -> None:
    found = like("up", "a", KEY, row(0.7, 0.012), row(new, sd, n_repeats=repeats))
    expected = stats.ttest_ind_from_stats(0.7, 0.012, 5, new, sd, repeats, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    # At the size of the noise, p is 0.05.
    edge = stats.ttest_ind_from_stats(0, 0.012, 5, found.noise, sd, repeats, equal_var=False)
    assert edge.pvalue == pytest.approx(0.05)
    assert found.change == pytest.approx(new - 0.7)


def test_draws_that_make_no_difference() -> None:
    assert like("up", "a", KEY, row(0.5, 0.0), row(0.5, 0.0)).p == 1
    found = like("up", "a", KEY, row(0.5, 0.0), row(0.6, 0.0))
    assert (found.p, found.noise) == (0, 0)


def test_without_a_spread_noise_is_unknown() -> None:
    (found,) = corrected([like("up", "a", KEY, row(0.5, None), row(0.6))])
    assert found.p is None
    assert found.noise is None
    assert found.beyond_noise is None
    assert like("up", "a", KEY, row(0.5, 0.01, n_repeats=1), row(0.6)).p is None
    assert like("up", "a", KEY, row(0.5, None), row(0.5, None)).p == 1  # no change at all


def test_unlike_data_is_tested_by_the_intervals() -> None:
    new = row(0.9) | {"mean_auc_ci_low": 0.86, "mean_auc_ci_high": 0.94}
    found = over_common("up", "a", KEY, (0.70, 0.75, 3), row(0.7), new)
    assert found.noise == pytest.approx(0.05)  # 0.03 and 0.04: a triangle of 3, 4, 5
    assert found.p == pytest.approx(0.05, abs=1e-6)
    assert (found.old, found.new, found.common_targets) == (0.70, 0.75, 3)
    bare = {"mean_auc": 0.7}
    assert over_common("up", "a", KEY, (0.7, 0.8, 3), bare, new).p is None


def test_p_are_corrected_over_the_rows() -> None:
    rows = [like("up", str(i), KEY, row(0.7), row(0.7 + i / 200)) for i in range(6)]
    unknown = like("up", "x", KEY, row(0.7, None), row(0.8))
    found = corrected([*rows, unknown])
    p = np.array([each.p for each in rows], dtype=float)
    q = [each.q for each in found[:-1]]
    assert q == pytest.approx(stats.false_discovery_control(p))
    assert found[-1].q is None
    assert [each.beyond_noise for each in found[:-1]] == [value <= 0.05 for value in q]
    assert any(value <= 0.05 for value in q)
    assert corrected([]) == []
