"""Joint permutations against scoring permuted label vectors, and exact null distributions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.chance import (
    drawn_compounds,
    joint_permutations,
    permuted_auc,
    resampled_auc,
)
from phenoprot.evaluation.repeated import repeated_auc
from phenoprot.evaluation.uncertainty import jackknife

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


@pytest.mark.parametrize("doses", [1, 3])
def test_a_resampled_draw_is_the_weighted_score(doses: int) -> None:
    labels, scores, compounds, repeats = problem(4, n=30, doses=doses)
    of_compound = labels[np.unique(compounds, return_index=True)[1]]
    found = resampled_auc(of_compound, scores, compounds, repeats, 8, 5)
    times = drawn_compounds(30, 8, 5)
    assert (times.sum(axis=1) == 30).all()
    for draw, weight in enumerate(times[:, compounds]):
        for target in range(labels.shape[1]):
            of_repeats = []
            for folds in repeats:
                total = count = 0.0
                for rows in folds:
                    kept = rows[~np.isnan(labels[rows, target]) & (weight[rows] > 0)]
                    label, own = labels[kept, target], weight[kept]
                    if len(np.unique(label)) == 2:
                        auc = roc_auc_score(label, scores[kept, target], sample_weight=own)
                        total += auc * own[label == 1].sum()
                        count += own[label == 1].sum()
                of_repeats.append(total / count if count else np.nan)
            expected = np.nanmean(of_repeats)
            assert found[draw, target] == pytest.approx(expected, abs=1e-11)


def test_resampling_spreads_as_the_jackknife_says() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice([0.0, 1.0], size=(300, 2), p=[0.7, 0.3])
    compounds = np.repeat(np.arange(300), 2)
    scores = rng.normal(size=(600, 2)) + labels[compounds]
    folds = [[np.arange(300), np.arange(300, 600)]]
    drawn = resampled_auc(labels, scores, compounds, folds, 2000, 1)
    scored = repeated_auc(labels[compounds], scores, compounds, folds)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(jackknife(scored.changes)[0]), rel=0.06)


def test_folds_too_large_for_narrow_counters() -> None:
    """More than 2 ** 31 won pairs in a fold: 80,000 rows, half of them positive."""
    rng = np.random.default_rng(0)
    labels = np.arange(80_000)[:, None] % 2 * 1.0
    scores = (rng.normal(size=labels.shape) + 2 * labels).round(3)
    number, folds = np.arange(80_000), [[np.arange(80_000)]]
    drawn = permuted_auc(labels, -labels, number, folds, 2, 0)
    order = joint_permutations(80_000, 2, 0)
    expected = [roc_auc_score(labels[one], -labels) for one in order]
    np.testing.assert_allclose(drawn[:, 0], expected, atol=1e-12)
    constant = np.zeros((100_000, 1))  # more than 2 ** 31 in one group of equal scores
    many, one = np.arange(100_000), [[np.arange(100_000)]]
    drawn = permuted_auc(many[:, None] % 2 * 1.0, constant, many, one, 2, 0)
    np.testing.assert_array_equal(drawn, 0.5)
    weight = drawn_compounds(80_000, 1, 0)[0]
    expected = roc_auc_score(labels[:, 0], scores[:, 0], sample_weight=weight)
    found = resampled_auc(labels, scores, number, folds, 1, 0)
    np.testing.assert_allclose(found[0], expected, atol=1e-12)
