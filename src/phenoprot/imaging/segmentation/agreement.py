"""How well predicted objects agree with true ones: average precision at an overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from phenoprot.imaging.segmentation.masks import Labels, relabel


@dataclass(frozen=True)
class Matches:
    """Counts of matched objects; those of several fields add up."""

    true_positives: int = 0
    """Predicted objects that match a true one."""
    false_positives: int = 0
    """Predicted objects that match none."""
    false_negatives: int = 0
    """True objects that are not matched."""

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN), 0..1; 1 where there is nothing and nothing was found."""
        total = self.true_positives + self.false_positives + self.false_negatives
        return self.true_positives / total if total else 1.0


def match(truth: Labels, predicted: Labels, iou: float = 0.5) -> Matches:
    """Match predicted objects to true ones, one to one.

    Parameters
    ----------
    truth, predicted
        (Y, X), any labels.
    iou
        Least intersection over union of a match, above 0 and at most 1. Of all one-to-one
        assignments the one with most matches counts.

    Raises
    ------
    ValueError
        The images have two shapes.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth is {truth.shape}, predicted {predicted.shape}")
    overlap = overlaps(relabel(truth), relabel(predicted))
    matched = linear_sum_assignment(overlap >= iou, maximize=True)
    hits = int((overlap[matched] >= iou).sum())
    true, found = overlap.shape
    return Matches(hits, found - hits, true - hits)


def average_precision(truth: Labels, predicted: Labels, iou: float = 0.5) -> float:
    """TP / (TP + FP + FN) of one field of view, as Stringer et al. 2021 define it.

    Parameters are those of :func:`match`. Source: doi:10.1038/s41592-020-01018-x, Methods,
    "Quantification of segmentation quality".
    """
    return match(truth, predicted, iou).average_precision


def overlaps(first: Labels, second: Labels) -> npt.NDArray[np.float64]:
    """Intersection over union of each pair of objects.

    Parameters
    ----------
    first, second
        (Y, X), labels 1..n and 1..m.

    Returns
    -------
    numpy.ndarray
        Shape (n, m), 0..1.
    """
    shared = intersections(first, second)
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return shared[1:, 1:] / np.maximum(union[1:, 1:], 1)


def intersections(first: Labels, second: Labels) -> npt.NDArray[np.int64]:
    """Pixels that each pair of labels shares, background included, shape (n + 1, m + 1)."""
    rows, columns = int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1
    joint = first.astype(np.int64).ravel() * columns + second.ravel()
    return np.bincount(joint, minlength=rows * columns).reshape(rows, columns)
