"""Repeated AUCs against loops over folds, leaving out each compound, and DeLong's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phenoprot.evaluation.repeated import RepeatedAuc, repeated_auc

NAN = np.nan
Problem = tuple[np.ndarray, np.ndarray, np.ndarray, list[list[np.ndarray]]]


def problem(seed: int, n: int = 24, doses: int = 2, repeats: int = 3, targets: int = 3) -> Problem:
    """Labels with unknown ones, tied scores, compounds with doses, folds of each repeat."""
    rng = np.random.default_rng(seed)
    compounds = np.repeat(np.arange(n), doses)
    of_compound = rng.choice([0.0, 1.0, NAN], size=(n, targets), p=[0.6, 0.3, 0.1])
    rows = n * doses
    scores = rng.integers(0, 9, size=(repeats * rows, targets)) / 7
    folds = []
    for i in range(repeats):
        fold = rng.permutation(n) % 4
        folds.append([np.flatnonzero(fold[compounds] == k) + i * rows for k in range(4)])
    everywhere = np.tile(compounds, repeats)
    return of_compound[everywhere], scores, everywhere, folds


def auc_of_pairs(label: np.ndarray, score: np.ndarray) -> float:
    """Share of the pairs of both classes in the right order, ties by half: what an AUC is."""
    pairs = np.sign(score[label == 1][:, None] - score[label == 0][None, :])
    return float((pairs + 1).mean() / 2)


def by_loops(task: Problem, left_out: int | None = None) -> np.ndarray:
    """(repeats, targets): AUC of each fold from its pairs, weighted by its positive rows."""
    labels, scores, compounds, repeats = task
    found = np.full((len(repeats), labels.shape[1]), NAN)
    for i, folds in enumerate(repeats):
        for target in range(labels.shape[1]):
            total = count = 0.0
            for rows in folds:
                kept = rows[(compounds[rows] != left_out) & ~np.isnan(labels[rows, target])]
                label = labels[kept, target]
                if len(np.unique(label)) == 2:
                    total += label.sum() * auc_of_pairs(label, scores[kept, target])
                    count += label.sum()
            found[i, target] = total / count if count else NAN
    return found


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]))
@settings(max_examples=25, deadline=None)
def test_the_auc_weighs_folds_by_their_positives(seed: int, doses: int) -> None:
    task = problem(seed, doses=doses)
    np.testing.assert_allclose(repeated_auc(*task).by_repeat, by_loops(task), atol=1e-12)


@pytest.mark.parametrize("doses", [1, 3])
def test_the_influence_is_that_of_leaving_a_compound_out(doses: int) -> None:
    task = problem(5, n=16, doses=doses)
    found = repeated_auc(*task)
    whole = by_loops(task).mean(axis=0)
    for compound in range(16):
        without = by_loops(task, compound).mean(axis=0)
        np.testing.assert_allclose(found.changes[compound], without - whole, atol=1e-12)


def test_rows_of_a_compound_in_several_folds_are_left_out_together() -> None:
    """As under the leak gauge's folds."""
    labels, scores, compounds, repeats = problem(3, n=16, doses=3)
    rng = np.random.default_rng(0)
    torn = []
    for folds in repeats:
        rows = rng.permutation(np.concatenate(folds))
        torn.append([np.sort(part) for part in np.array_split(rows, 4)])
    task = labels, scores, compounds, torn
    found = repeated_auc(*task)
    whole = by_loops(task).mean(axis=0)
    for compound in range(16):
        without = by_loops(task, compound).mean(axis=0)
        np.testing.assert_allclose(found.changes[compound], without - whole, atol=1e-12)


def test_two_folds_by_hand() -> None:
    # Fold 0: one positive above one of two negatives, 0.5. Fold 1: two positives above the only
    # negative, 1. Weighted by positives: (0.5 + 2) / 3.
    labels = np.array([1.0, 0, 0, 1, 1, 0])[:, None]
    scores = np.array([2.0, 1, 3, 8, 9, 7])[:, None]
    folds = [[np.array([0, 1, 2]), np.array([3, 4, 5])]]
    found = repeated_auc(labels, scores, np.arange(6), folds)
    assert found.auc.tolist() == [pytest.approx(2.5 / 3)]
    # Without the first positive fold 1 alone is left; without its lower negative fold 0 has 0;
    # without fold 1's negative fold 0 alone is left.
    expected = np.array([1, 2 / 3, 3 / 3, 1.5 / 2, 1.5 / 2, 0.5]) - 2.5 / 3
    np.testing.assert_allclose(found.changes[:, 0], expected, atol=1e-12)
    assert found.skipped.tolist() == [0]


def test_skipped_folds_are_averaged_over_the_repeats() -> None:
    labels = np.array([1.0, 0, 1, 0] * 2)[:, None]
    scores = np.arange(8.0)[:, None]
    # Repeat 0 has two folds of both classes, repeat 1 two of one class each.
    folds = [[np.array([0, 1]), np.array([2, 3])], [np.array([4, 6]), np.array([5, 7])]]
    found = repeated_auc(labels, scores, np.tile(np.arange(4), 2), folds)
    assert found.skipped.tolist() == [1]
    assert found.by_repeat[0, 0] == 0
    assert np.isnan(found.by_repeat[1, 0])
    assert found.auc.tolist() == [0]


def test_one_compound_as_all_of_a_class_leaves_the_variance_unknown() -> None:
    labels = np.array([[1.0, 1], [0, 1], [0, 0], [0, 0]])
    found = repeated_auc(labels, np.arange(8.0).reshape(4, 2), np.arange(4), [[np.arange(4)]])
    assert np.isnan(found.changes[:, 0]).all()
    assert np.isfinite(found.changes[:, 1]).all()
    assert np.isnan(found.mean(np.array([True, False])).uncertainty.error)
    assert np.isfinite(found.mean().uncertainty.error)


def test_the_mean_is_over_the_targets_that_have_an_auc() -> None:
    by_repeat = np.array([[0.6, NAN, 0.7], [0.8, NAN, 0.5]])
    changes = np.array([[0.1, NAN, 0.0], [-0.1, NAN, 0.02], [0.0, NAN, -0.02]])
    mean = RepeatedAuc(by_repeat, changes, np.zeros(3)).mean()
    assert mean.value == pytest.approx(0.65)
    assert mean.repeat_sd == pytest.approx(0)
    low, high = mean.uncertainty.interval(mean.value)
    assert low < 0.65 < high
    first = RepeatedAuc(by_repeat, changes, np.zeros(3)).mean(np.array([True, True, False]))
    assert (first.value, first.repeat_sd) == (pytest.approx(0.7), pytest.approx(0.1 * np.sqrt(2)))
    none = RepeatedAuc(by_repeat, changes, np.zeros(3)).mean(np.array([False, True, False]))
    assert np.isnan(none.value)
