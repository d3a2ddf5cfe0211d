"""Masks and counts of one plate row: what a worker process of the segmentation does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from phenoprot.core.files import write_parquet
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.folder import (
    BORDER,
    CELLS,
    CONFLUENT,
    DEAD,
    OBJECTS,
    UNPAIRED,
)
from phenoprot.imaging.segmentation.masks import Segmented, touching_border, write_masks
from phenoprot.imaging.segmentation.own import OwnMasks
from phenoprot.screens.contract import FIELD_KEY

if TYPE_CHECKING:
    from phenoprot.imaging.segmentation.method import Segmenter

MASKS = "masks.zip"
"""The masks of a shard; the counts are in `OBJECTS`."""


@dataclass(frozen=True)
class RowOfFields:
    """The payload of a shard: a plate row."""

    fields: pd.DataFrame
    """Its rows of the images table."""
    method: Segmenter | OwnMasks
    """What to do."""


def segment_row(payload: RowOfFields, folder: Path) -> None:
    """In a worker process: write the masks and counts of a plate row."""
    rows = payload.fields.to_dict("records")
    if isinstance(payload.method, OwnMasks):
        found = list(payload.method.read(rows))
    else:
        fields = (read_field(row) for row in rows)  # no more in memory than the method asks for
        found = list(payload.method(fields))
    names = [field_name(row) for row in rows]
    write_masks(folder / MASKS, {n: s.masks for n, s in zip(names, found, strict=True)})
    counts = pd.DataFrame([count_objects(each) for each in found]).astype(np.int32)
    write_parquet(folder / OBJECTS, pd.concat([payload.fields[FIELD_KEY], counts], axis=1))


def count_objects(segmented: Segmented) -> dict[str, int]:
    """The ``Count_`` columns and ``Confluent`` of one field of view."""
    return {
        CELLS: segmented.masks.count,
        BORDER: len(touching_border(segmented.masks.cells)),
        DEAD: segmented.dead,
        UNPAIRED: segmented.unpaired,
        CONFLUENT: int(segmented.confluent),
    }
