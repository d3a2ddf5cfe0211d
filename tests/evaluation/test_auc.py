"""Placements and ROC AUC against scikit-learn, every pair, and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from phenoprot.evaluation.auc import auc_by_target, placements

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


@given(tasks())
@settings(max_examples=50, deadline=None)
def test_placements_are_shares_of_the_other_class(task: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = task
    found = placements(labels, scores)
    for target in range(labels.shape[1]):
        label, score = labels[:, target], scores[:, target]
        for row in range(len(label)):
            others = score[label == 1 - label[row]]
            if np.isnan(label[row]) or not len(others):
                assert found[row, target] == 0
                continue
            ahead = score[row] - others if label[row] else others - score[row]
            assert found[row, target] == pytest.approx(((np.sign(ahead) + 1) / 2).mean())
