from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phenoprot.imaging.segmentation.agreement import Matches, average_precision, match, overlaps


def blocks(*slices: tuple[slice, slice]) -> np.ndarray:
    labels = np.zeros((20, 20), np.int32)
    for number, (rows, columns) in enumerate(slices, start=1):
        labels[rows, columns] = number
    return labels


TRUTH = blocks(
    (slice(0, 4), slice(0, 4)), (slice(6, 10), slice(0, 4)), (slice(12, 16), slice(0, 4))
)


def test_by_hand() -> None:
    # Exactly half of the union; a third of it; nothing in the third place.
    predicted = blocks((slice(0, 4), slice(0, 2)), (slice(6, 10), slice(2, 6)))
    assert overlaps(TRUTH, predicted).tolist() == [[0.5, 0], [0, 8 / 24], [0, 0]]
    assert match(TRUTH, predicted) == Matches(1, 1, 2)
    assert average_precision(TRUTH, predicted) == 1 / 4
    assert average_precision(TRUTH, predicted, iou=0.3) == 2 / 3


def test_nothing_there() -> None:
    nothing = np.zeros((20, 20), np.int32)
    assert average_precision(nothing, nothing) == 1
    assert match(nothing, TRUTH) == Matches(0, 3, 0)
    assert match(TRUTH, nothing) == Matches(0, 0, 3)


def test_one_to_one_with_most_matches() -> None:
    # At a low overlap the first object could take the partner that the second one needs.
    truth = blocks((slice(0, 4), slice(0, 4)), (slice(4, 8), slice(0, 4)))
    predicted = blocks((slice(2, 6), slice(0, 4)), (slice(0, 2), slice(0, 4)))
    assert match(truth, predicted, iou=0.3).true_positives == 2


def test_two_shapes() -> None:
    with pytest.raises(ValueError, match=r"truth is \(20, 20\), predicted \(2, 20\)"):
        match(TRUTH, TRUTH[:2])


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.75, 0.9]))
@example(191256, 0.3)  # no background at all
@settings(max_examples=25, deadline=None)
def test_equals_cellpose(seed: int, iou: float) -> None:
    from cellpose.metrics import average_precision as reference

    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, 5, (5, 5)), np.ones((4, 4))).astype(np.int32)
    predicted = np.where(rng.random(truth.shape) < 0.15, rng.integers(0, 6), truth)
    predicted = np.roll(predicted, rng.integers(0, 2), axis=0).astype(np.int32)
    if not (truth.any() and predicted.any()):
        return
    # Its counts take for granted that some pixel is background: one less object where none is.
    framed = [np.pad(dense(labels), 1) for labels in (truth, predicted)]
    _, true, false, missed = reference(*framed, [iou])
    assert match(truth, predicted, iou) == Matches(int(true[0]), int(false[0]), int(missed[0]))


def dense(labels: np.ndarray) -> np.ndarray:
    return np.unique(np.append(0, labels), return_inverse=True)[1][1:].reshape(labels.shape)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_does_not_depend_on_the_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, (8, 8)).astype(np.int32)
    predicted = rng.integers(0, 4, (8, 8)).astype(np.int32)
    other = np.append(0, 10 + rng.permutation(3))[predicted].astype(np.int32)
    assert match(truth, predicted) == match(truth, other)
    assert average_precision(truth, truth) == 1
