"""ROC AUC against scikit-learn, brute force and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.auc import auc_by_target, bootstrap_auc, permuted_auc

NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


@st.composite
def tasks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels 1 / 0 / NaN and scores with heavy ties; a target may lack a class."""
    rows, targets = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.choice([0.0, 1.0, NAN], size=(rows, targets), p=draw(st.sampled_from(MIXES)))
    levels = draw(st.sampled_from([2, 4, 1000]))
    return labels, rng.integers(-levels, levels, size=(rows, targets)) / 7


MIXES = [(0.5, 0.5, 0.0), (0.6, 0.1, 0.3), (0.05, 0.05, 0.9), (1.0, 0.0, 0.0), (0.0, 0.7, 0.3)]


def test_hand_computed() -> None:
    # Pairs (1, 0): (3, 1) won, (3, 3) tied, (2, 1) won, (2, 3) lost: 2.5 of 4.
    assert auc_by_target(column(1, 0, 1, 0), column(3, 1, 2, 3)) == [2.5 / 4]


def test_masked_rows_count_nothing() -> None:
    # The masked rows' scores, above and below all others, and even NaN, are not looked at.
    labels, scores = column(1, 0, NAN, 1, 0, NAN, NAN), column(3, 1, 99, 2, 3, -99, NAN)
    assert auc_by_target(labels, scores) == [2.5 / 4]


@pytest.mark.parametrize("labels", [(1, 1), (0, 0), (1, NAN), (0, NAN), (NAN, NAN)])
def test_a_target_without_both_classes_has_no_auc(labels: tuple[float, float]) -> None:
    assert np.isnan(auc_by_target(column(*labels), column(1, 2))).all()
    assert np.isnan(permuted_auc(column(*labels), column(1, 2), 3, seed=0)).all()
    assert np.isnan(bootstrap_auc(column(*labels), column(1, 2), np.ones((3, 2)))).all()


@given(tasks())
@settings(max_examples=100, deadline=None)
def test_equals_scikit_learn(task: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = task
    for auc, label, score in zip(auc_by_target(labels, scores), labels.T, scores.T, strict=True):
        there = ~np.isnan(label)
        if len(np.unique(label[there])) < 2:
            assert np.isnan(auc)
        else:
            assert auc == pytest.approx(roc_auc_score(label[there], score[there]), abs=1e-12)


@given(tasks())
@settings(max_examples=100, deadline=None)
def test_only_the_order_of_the_scores_counts(task: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = task
    # cubes of multiples of 1/7 below 143: monotone, and no two distinct ones round together
    np.testing.assert_array_equal(
        auc_by_target(labels, scores), auc_by_target(labels, scores**3 + 5)
    )


@given(tasks())
@settings(max_examples=100, deadline=None)
def test_flipped_labels_and_flipped_scores_mirror(task: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = task
    auc = auc_by_target(labels, scores)
    np.testing.assert_allclose(auc_by_target(1 - labels, scores), 1 - auc, atol=1e-12)
    np.testing.assert_allclose(auc_by_target(labels, -scores), 1 - auc, atol=1e-12)


def test_float32_scores_are_compared_as_they_are() -> None:
    # 0.1 in float32 is not 0.1 in float64: both rows hold the same float32.
    scores = column(0.1, 0.1).astype(np.float32)
    assert auc_by_target(column(1, 0), scores) == [0.5]


def brute_force(label: np.ndarray, score: np.ndarray, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([roc_auc_score(rng.permutation(label), score) for _ in range(n)])


def test_permuted_auc_has_the_distribution_of_brute_force() -> None:
    rng = np.random.default_rng(1)
    labels = np.where(np.arange(40) < 6, 1.0, 0.0)[:, None].repeat(2, axis=1)
    labels[30:, 1] = NAN
    scores = rng.integers(0, 8, size=(40, 2)).astype(float)
    permuted = permuted_auc(labels, scores, 4000, seed=0)
    assert permuted.shape == (4000, 2)
    for target in (0, 1):
        there = ~np.isnan(labels[:, target])
        brute = brute_force(labels[there, target], scores[there, target], 800, seed=2)
        # Standard errors: 0.12 / sqrt(4000) = 0.002 of the mean.
        assert permuted[:, target].mean() == pytest.approx(0.5, abs=0.008)
        assert permuted[:, target].std() == pytest.approx(brute.std(), rel=0.1)
        for threshold in (0.6, 0.7):
            share, expected = (permuted[:, target] >= threshold).mean(), (brute >= threshold).mean()
            assert share == pytest.approx(expected, abs=0.06)
        # Every value is one that a permutation can give.
        n_one = labels[there, target].sum()
        steps = permuted[:, target] * 2 * n_one * (there.sum() - n_one)
        np.testing.assert_allclose(steps, steps.round(), atol=1e-9)


def test_permutations_of_one_positive_by_hand() -> None:
    # One positive among three distinct scores: AUC 0, 0.5 or 1, each in a third of the cases.
    permuted = permuted_auc(column(1, 0, 0), column(1, 2, 3), 3000, seed=0)[:, 0]
    values, counts = np.unique(permuted, return_counts=True)
    np.testing.assert_array_equal(values, [0, 0.5, 1])
    np.testing.assert_allclose(counts / 3000, 1 / 3, atol=0.04)


def test_doses_of_a_compound_are_permuted_together() -> None:
    # 8 compounds with 1 to 3 doses; their labels trade places, whole.
    compounds = np.repeat([f"c{i}" for i in range(8)], [1, 2, 3, 1, 2, 3, 2, 2])
    of_compound = {f"c{i}": float(i < 3) for i in range(8)}
    labels = np.array([of_compound[name] for name in compounds])
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, size=16).astype(float)
    permuted = permuted_auc(labels[:, None], scores[:, None], 4000, 0, compounds)[:, 0]
    brute = []
    for _ in range(800):
        traded = dict(zip(of_compound, rng.permutation(list(of_compound.values())), strict=True))
        brute.append(roc_auc_score([traded[name] for name in compounds], scores))
    assert permuted.mean() == pytest.approx(np.mean(brute), abs=0.025)
    assert permuted.std() == pytest.approx(np.std(brute), rel=0.1)
    assert set(np.round(brute, 9)) <= set(np.round(permuted, 9))
    # Rows that went their own ways would make chance look smaller.
    assert permuted.std() > 1.1 * permuted_auc(labels[:, None], scores[:, None], 4000, 0).std()


def test_permutations_are_drawn_by_seed() -> None:
    labels, scores = column(1, 0, 0, 1, 0), column(1, 2, 3, 4, 5)
    one = permuted_auc(labels, scores, 50, seed=3)
    np.testing.assert_array_equal(one, permuted_auc(labels, scores, 50, seed=3))
    assert not np.array_equal(one, permuted_auc(labels, scores, 50, seed=4))


@given(tasks(), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_bootstrap_equals_scikit_learn_with_weights(
    task: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    labels, scores = task
    draws = np.random.default_rng(seed).integers(0, 4, size=(3, len(labels))).astype(float)
    drawn = bootstrap_auc(labels, scores, draws)
    assert drawn.shape == (3, labels.shape[1])
    for b, weights in enumerate(draws):
        for target in range(labels.shape[1]):
            there = ~np.isnan(labels[:, target]) & (weights > 0)
            label = labels[there, target]
            if len(np.unique(label)) < 2:
                assert np.isnan(drawn[b, target])
                continue
            expected = roc_auc_score(label, scores[there, target], sample_weight=weights[there])
            assert drawn[b, target] == pytest.approx(expected, abs=1e-12)


def test_bootstrap_with_every_row_once_is_the_auc() -> None:
    labels, scores = column(1, 0, 1, 0, NAN), column(3, 1, 2, 3, 7)
    np.testing.assert_array_equal(bootstrap_auc(labels, scores, np.ones((1, 5))), [[2.5 / 4]])
