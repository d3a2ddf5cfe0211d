"""Joint permutations against scoring permuted label vectors, and exact null distributions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from phenoprot.evaluation.chance import joint_permutations, permuted_auc
from phenoprot.evaluation.repeated import repeated_auc

from .test_repeated import problem


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize("doses", [1, 3])
def test_a_draw_is_the_score_of_permuted_label_vectors(doses: int, unknown: bool) -> None:
    labels, scores, compounds, folds = problem(1, n=20, doses=doses)
    of_compound = labels[np.unique(compounds, return_index=True)[1]]
    if not unknown:
        of_compound = np.nan_to_num(of_compound)
    found = permuted_auc(of_compound, scores, compounds, folds, 6, 3)
    order = joint_permutations(20, 6, 3)
    assert all(sorted(draw) == list(range(20)) for draw in order.tolist())
    for draw, expected in zip(order, found, strict=True):
        scored = repeated_auc(of_compound[draw][compounds], scores, compounds, folds)
        np.testing.assert_allclose(scored.auc, expected, atol=1e-9)


def test_every_permutation_of_a_tiny_case_is_as_likely() -> None:
    """Five compounds in two folds, two targets: the distribution over all 120 permutations."""
    labels = np.array([[1.0, 0], [1, 1], [0, 1], [0, 0], [0, np.nan]])
    scores = np.array([[5.0, 1], [4, 2], [3, 3], [2, 2], [1, 4]])
    folds = [[np.array([0, 2, 3]), np.array([1, 4])]]
    number = np.arange(5)
    exact = np.array(
        [
            np.nanmean(repeated_auc(labels[list(order)], scores, number, folds).auc)
            for order in permutations(range(5))
        ]
    )
    drawn = np.nanmean(permuted_auc(labels, scores, number, folds, 4000, 0), axis=1)
    values = np.unique(exact[~np.isnan(exact)].round(9))
    assert set(drawn[~np.isnan(drawn)].round(9)) == set(values)
    for value in values:
        share = np.isclose(exact, value).mean()
        # Standard error at most 0.008.
        assert np.isclose(drawn, value).mean() == pytest.approx(share, abs=0.035)


def test_permutations_are_drawn_by_seed() -> None:
    one = joint_permutations(9, 20, 3)
    np.testing.assert_array_equal(one, joint_permutations(9, 20, 3))
    assert not np.array_equal(one, joint_permutations(9, 20, 4))
