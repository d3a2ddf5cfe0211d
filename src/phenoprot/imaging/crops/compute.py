"""Cut the crops of one plate row: what a worker process of the crops does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.files import write_parquet
from phenoprot.imaging.crops.cut import CUT_OFF, cut_crops, inner_labels
from phenoprot.imaging.crops.store import (
    BORDER_COUNT,
    CELL_COUNT,
    CELLS,
    COUNT_COLUMNS,
    CROP_COUNT,
    CUT_COUNT,
    FIELDS,
    PIXELS,
)
from phenoprot.imaging.quality.measure import measure_field
from phenoprot.imaging.reader import correct_field, field_name, read_images
from phenoprot.imaging.segmentation.masks import check_masks, read_masks
from phenoprot.screens.contract import FIELD_KEY, STAINS

QUALITY = "crops.quality.parquet"
"""The file of a shard with the numbers of its fields; no part of the store."""


@dataclass(frozen=True)
class RowOfCrops:
    """The payload of a shard: a plate row."""

    fields: pd.DataFrame
    """Its rows of the images table."""
    masks: Path
    """Its file of masks."""
    size: int
    """Side of a crop (px)."""


def cut_row(payload: RowOfCrops, folder: Path) -> None:
    """In a worker process: write the three files of a plate row, and its fields' quality."""
    masks = read_masks(payload.masks)
    rows = payload.fields.to_dict("records")
    check_masks(masks, [field_name(row) for row in rows], payload.masks)
    counts, tables, numbers = [], [], []
    size = payload.size
    # The number of crops comes first in the file, and follows from the masks alone: so no more
    # than one field of view is in memory.
    total = sum(len(inner_labels(masks[field_name(row)])) for row in rows)
    with (folder / f"crops{PIXELS}").open("wb") as stream:
        header = {"descr": "<u2", "fortran_order": False, "shape": (total, len(STAINS), size, size)}
        np.lib.format.write_array_header_1_0(stream, header)
        for row in rows:
            cut = masks[field_name(row)]
            images = read_images(row)
            pixels, cells = cut_crops(correct_field(row, images), cut, size)
            stream.write(pixels.tobytes())
            key = {column: row[column] for column in FIELD_KEY}
            numbers.append(key | measure_field(images, cut))
            tables.append(cells.assign(**key)[[*FIELD_KEY, *cells.columns]])
            counts.append(
                {
                    **key,
                    CELL_COUNT: cut.count,
                    BORDER_COUNT: cut.count - len(cells),
                    CROP_COUNT: len(cells),
                    CUT_COUNT: int((cells[CUT_OFF] > 0).sum()),
                }
            )
    write_parquet(folder / QUALITY, _with_text_keys(pd.DataFrame(numbers)))
    write_parquet(folder / f"crops{CELLS}", _with_text_keys(pd.concat(tables, ignore_index=True)))
    write_parquet(
        folder / f"crops{FIELDS}",
        _with_text_keys(pd.DataFrame(counts).astype(dict.fromkeys(COUNT_COLUMNS, np.int32))),
    )


def _with_text_keys(table: pd.DataFrame) -> pd.DataFrame:
    """Have a table without rows write its key as strings, as others do."""
    return table.astype(dict.fromkeys(FIELD_KEY, "string"))
