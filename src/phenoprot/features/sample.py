"""A sample of the cells of each field of view: the same cells on each run and machine."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.features.method import Sample
from phenoprot.imaging.crops.cut import LABEL
from phenoprot.screens.contract import FIELD_KEY


def sampled(cells: pd.DataFrame, sample: Sample) -> npt.NDArray[np.int64]:
    """Draw cells of each field without replacement.

    A cell's place in the draw is a hash of the seed, its field and its label: it depends neither on
    other cells nor on their order.

    Parameters
    ----------
    cells
        One row per cell: ``Metadata_Plate``, ``Metadata_Well``, ``Metadata_Site``, ``Label``.
    sample
        How many, and the seed.

    Returns
    -------
    numpy.ndarray
        Numbers of the rows drawn, ascending.
    """
    keys = cells[[*FIELD_KEY, LABEL]].to_numpy().tolist()
    hashes = [blake2b(repr([sample.seed, *key]).encode(), digest_size=8).digest() for key in keys]
    field = cells.groupby(FIELD_KEY, sort=False).ngroup().to_numpy()
    order = np.lexsort((np.frombuffer(b"".join(hashes), dtype=">u8"), field))
    place = np.arange(len(order)) - np.searchsorted(field[order], field[order])
    return np.sort(order[place < sample.cells])
