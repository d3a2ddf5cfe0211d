"""Cut the crops of a screen: one shard per plate row, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import file_sha256, fingerprint, write_parquet
from phenoprot.execution.planning import code_fingerprint, plate_rows
from phenoprot.execution.publish import published, require_output
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.imaging.crops.cut import CUT_OFF, cut_crops, inner_labels
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.store import (
    BORDER_COUNT,
    CELL_COUNT,
    CELLS,
    COUNT_COLUMNS,
    CROP_COUNT,
    CUT_COUNT,
    ENDINGS,
    FIELDS,
    PIXELS,
    CropStore,
)
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.masks import Masks, read_masks
from phenoprot.imaging.sources import images_fingerprints
from phenoprot.screens.contract import FIELD_KEY, PLATE, STAINS

CODE = (
    "phenoprot.imaging.crops.cut",
    "phenoprot.imaging.crops.run",
    "phenoprot.imaging.reader",
    "phenoprot.imaging.segmentation.masks",
)
"""Parts of the library that decide what a shard computes."""
MADE_BY = "crops"
"""The one that may replace the output folder."""


@dataclass(frozen=True)
class RowOfCrops:
    """The payload of a shard: a plate row."""

    fields: pd.DataFrame
    """Its rows of the images table."""
    masks: Path
    """Its file of masks."""
    settings: CropSettings


def crop_fields(
    fields: pd.DataFrame,
    masks: Path,
    output: Path,
    work: Path,
    title: str,
    settings: CropSettings | None = None,
    execution: ExecutionSettings = LOCAL,
) -> CropStore:
    """Cut out all cells of the fields of view and write the crop store.

    Parameters
    ----------
    fields
        Images table, as of :func:`phenoprot.screens.load_data.read_load_data`.
    masks
        Folder of masks, one file per plate row.
    output
        Folder of the store; replaced as a whole when all crops are there, if it is empty or of an
        earlier run.
    work
        Work folder of the shards, kept between runs.
    title
        For progress lines and errors.
    settings
        Size of the crops; the defaults if left out.
    execution
        Where and how many at a time; the bytes of the store do not depend on it.

    Raises
    ------
    UserError
        Images or masks are missing, unreadable, or do not fit each other; or `output` holds what
        no run has written.
    """
    require_output(output, MADE_BY, work, fields[PLATE].astype(str))
    shards = plan(fields, masks, settings or CropSettings())

    def publish(folders: list[Path]) -> None:
        files = {
            f"{shard.name}{ending}": folder / f"crops{ending}"
            for shard, folder in zip(shards, folders, strict=True)
            for ending in ENDINGS
        }
        with published(output, MADE_BY, files):
            pass

    run_shards(cut_row, shards, work, title, execution, publish)
    return CropStore.open(output)


def plan(fields: pd.DataFrame, masks: Path, settings: CropSettings) -> list[Shard]:
    """Shards under the hash of all they depend on: images, masks, settings, code."""
    rows = plate_rows(fields)
    files = masks_files(masks, [name for name, _ in rows])
    images = images_fingerprints(table for _, table in rows)
    code = code_fingerprint(CODE, ("numpy", "pyarrow"))
    return [
        Shard(
            name=name,
            fingerprint=fingerprint(image, file_sha256(file), settings.model_dump(), code),
            payload=RowOfCrops(table, file, settings),
        )
        for (name, table), file, image in zip(rows, files, images, strict=True)
    ]


def cut_row(payload: RowOfCrops, folder: Path) -> None:
    """In a worker process: write the three files of a plate row."""
    masks = read_masks(payload.masks)
    rows = payload.fields.to_dict("records")
    check_masks(masks, [field_name(row) for row in rows], payload.masks)
    counts, tables = [], []
    size = payload.settings.size
    # The number of crops comes first in the file, and follows from the masks alone: so no more
    # than one field of view is in memory.
    total = sum(len(inner_labels(masks[field_name(row)])) for row in rows)
    with (folder / f"crops{PIXELS}").open("wb") as stream:
        header = {"descr": "<u2", "fortran_order": False, "shape": (total, len(STAINS), size, size)}
        np.lib.format.write_array_header_1_0(stream, header)
        for row in rows:
            cut = masks[field_name(row)]
            pixels, cells = cut_crops(read_field(row), cut, payload.settings)
            stream.write(pixels.tobytes())
            key = {column: row[column] for column in FIELD_KEY}
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
    write_parquet(folder / f"crops{CELLS}", _with_text_keys(pd.concat(tables, ignore_index=True)))
    write_parquet(
        folder / f"crops{FIELDS}",
        _with_text_keys(pd.DataFrame(counts).astype(dict.fromkeys(COUNT_COLUMNS, np.int32))),
    )


def _with_text_keys(table: pd.DataFrame) -> pd.DataFrame:
    """Have a table without rows write its key as text, as others do."""
    return table.astype(dict.fromkeys(FIELD_KEY, "string"))


def masks_files(folder: Path, rows: Sequence[str]) -> list[Path]:
    """Find the file of masks of each plate row.

    Parameters
    ----------
    folder
        What the stage segment wrote: ``<plate>/<row>.zip``.
    rows
        Plate rows, e.g. ``BR00117010/C``.

    Raises
    ------
    UserError
        Plate rows have no file; the message counts and lists them.
    """
    from phenoprot.imaging.segmentation.run import ENDING

    files = [folder / f"{row}{ENDING}" for row in rows]
    missing = [row for row, path in zip(rows, files, strict=True) if not path.is_file()]
    if missing:
        raise UserError(
            f"no masks for {len(missing)} of {len(rows)} plate rows: {listed(missing)}",
            where=str(folder),
            remedy="Segment the fields of view first (stage segment).",
        )
    return files


def check_masks(masks: Mapping[str, Masks], names: Sequence[str], path: Path) -> None:
    """Check that a file of masks has every field of view.

    Raises
    ------
    UserError
        It lacks some; the message counts and lists them.
    """
    missing = [name for name in names if name not in masks]
    if missing:
        raise UserError(
            f"no masks for {len(missing)} of {len(names)} field(s) of view: {listed(missing)}",
            where=str(path),
            remedy="Segment the fields of view again (stage segment).",
        )
