"""The pixels of all objects of a label image, listed object by object."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from phenoprot.core.compiled import kernel

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
LabelImage = npt.NDArray[np.int32]


class Objects(NamedTuple):
    """Objects in ascending order of label; the pixels of an object in C order.

    Object ``k`` has the pixels ``start[k]`` to ``start[k + 1]`` of `y` and `x`.
    """

    labels: IntArray
    """Labels that occur, shape (N,)."""
    start: IntArray
    """First pixel of each object and the number of pixels, shape (N + 1,)."""
    y: IntArray
    """Rows of the pixels, shape (P,)."""
    x: IntArray
    """Columns of the pixels, shape (P,)."""
    box: IntArray
    """First row, first column, end row, end column (exclusive) of each object, shape (N, 4)."""
    edge: npt.NDArray[np.bool_]
    """Pixel has a 4-neighbour with another label, or none; the image border is no edge. (P,)."""

    @property
    def size(self) -> int:
        """Number of objects."""
        return len(self.labels)


@kernel
def _count(image: LabelImage, highest: int) -> IntArray:
    counts = np.zeros(highest + 1, np.int64)
    for label in image.flat:
        counts[label] += 1
    return counts


@kernel
def _list(image: LabelImage, rank: IntArray, start: IntArray) -> Any:
    height, width = image.shape
    n = len(start) - 1
    cursor = start[:-1].copy()
    y, x = np.empty(start[n], np.int64), np.empty(start[n], np.int64)
    edge = np.empty(start[n], np.bool_)
    box = np.empty((n, 4), np.int64)
    box[:, 0], box[:, 1], box[:, 2], box[:, 3] = height, width, 0, 0
    for i in range(height):
        for j in range(width):
            label = image[i, j]
            if label == 0:
                continue
            k = rank[label]
            at = cursor[k]
            cursor[k] = at + 1
            y[at], x[at] = i, j
            edge[at] = (
                (i > 0 and image[i - 1, j] != label)
                or (i < height - 1 and image[i + 1, j] != label)
                or (j > 0 and image[i, j - 1] != label)
                or (j < width - 1 and image[i, j + 1] != label)
            )
            box[k, 0] = min(box[k, 0], i)
            box[k, 1] = min(box[k, 1], j)
            box[k, 2] = max(box[k, 2], i + 1)
            box[k, 3] = max(box[k, 3], j + 1)
    return y, x, box, edge


def list_objects(image: LabelImage) -> Objects:
    """List the objects of a label image, shape (Y, X), 0 background, labels at most Y * X."""
    counts = _count(image, int(image.max(initial=0)))
    labels = np.flatnonzero(counts[1:]).astype(np.int64) + 1
    rank = np.full(len(counts), -1, np.int64)
    rank[labels] = np.arange(len(labels))
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[labels])])
    y, x, box, edge = _list(image, rank, start)
    return Objects(labels, start, y, x, box, edge)
