"""Nuclei and cells that were found apart from each other."""

from __future__ import annotations

import numpy as np

from phenoprot.imaging.segmentation.agreement import intersections
from phenoprot.imaging.segmentation.masks import Labels, Segmented, paired


def pair(nuclei: Labels, cells: Labels) -> Segmented:
    """Give each nucleus to the cell that holds most of it, and each cell its largest nucleus.

    Parameters
    ----------
    nuclei, cells
        (Y, X), labels 1..m and 1..n, found apart from each other.

    Returns
    -------
    Segmented
        Cells with a nucleus; what of it lies outside the cell is cut off. The rest is counted as
        unpaired.
    """
    shared = intersections(nuclei, cells)
    outside, within = shared[1:, 0], shared[1:, 1:]
    count = within.shape[1]
    if not within.size:
        return Segmented(paired(np.zeros_like(cells), cells), unpaired=count + len(within))
    cell, overlap = within.argmax(axis=1), within.max(axis=1)
    cell = np.where((overlap > 0) & (overlap >= outside), cell, -1)
    owner = np.zeros(len(within) + 1, np.int32)
    for candidate in range(count):
        mine = np.flatnonzero(cell == candidate)
        if len(mine):
            owner[1 + mine[overlap[mine].argmax()]] = candidate + 1
    masks = paired(owner[nuclei], cells)
    return Segmented(masks, unpaired=count + len(within) - 2 * masks.count)
