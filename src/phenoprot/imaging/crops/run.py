"""Cut the crops of a screen: one shard per plate row, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.execution.planning import plate_rows
from phenoprot.execution.publish import published, require_output
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.imaging.crops import compute
from phenoprot.imaging.crops.compute import QUALITY, RowOfCrops, cut_row
from phenoprot.imaging.crops.settings import CropSettings
from phenoprot.imaging.crops.size import CropSize, settle_size
from phenoprot.imaging.crops.store import ENDINGS, CropStore
from phenoprot.imaging.segmentation.folder import masks_files
from phenoprot.imaging.sources import images_fingerprints
from phenoprot.screens.contract import PLATE

MADE_BY = "crops"
"""The one that may replace the output folder."""


def crop_fields(
    fields: pd.DataFrame,
    masks: Path,
    output: Path,
    work: Path,
    title: str,
    settings: CropSettings | None = None,
    execution: ExecutionSettings = LOCAL,
    measure_on: pd.DataFrame | None = None,
    report: Callable[[CropStore, pd.DataFrame, CropSize], None] | None = None,
) -> CropStore:
    """Cut out all cells of the fields of view and write the crop store.

    Parameters
    ----------
    fields
        Images table, see :func:`phenoprot.screens.load_data.read_load_data`.
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
    measure_on
        Rows of `fields` whose cells are measured to judge or choose the size; None or empty: all.
    report
        Takes the store, the key and numbers of each field
        (:func:`phenoprot.imaging.quality.measure.measure_field`), and the size with what it was
        judged by.

    Raises
    ------
    UserError
        Images or masks are missing, unreadable, or do not fit each other; or `output` holds what
        no run has written.
    """
    require_output(output, MADE_BY, work, fields[PLATE].astype(str))
    here = fields if measure_on is None or measure_on.empty else measure_on
    size = settle_size(here, masks, settings or CropSettings())
    shards = plan(fields, masks, size.size)
    tables: list[pd.DataFrame] = []

    def publish(folders: list[Path]) -> None:
        tables.extend(read_table(folder / QUALITY) for folder in folders)
        files = {
            f"{shard.name}{ending}": folder / f"crops{ending}"
            for shard, folder in zip(shards, folders, strict=True)
            for ending in ENDINGS
        }
        with published(output, MADE_BY, files):
            pass

    run_shards(cut_row, shards, work, title, execution, publish)
    store = CropStore.open(output)
    if report is not None:
        report(store, pd.concat(tables, ignore_index=True), size)
    return store


def plan(fields: pd.DataFrame, masks: Path, size: int) -> list[Shard]:
    """Shards under the hash of all they depend on: images, masks, size of the crops, code."""
    rows = plate_rows(fields)
    files = masks_files(masks, [name for name, _ in rows])
    images = images_fingerprints(table for _, table in rows)
    code = code_fingerprint(compute.__name__)
    return [
        Shard(
            name=name,
            fingerprint=fingerprint(image, file_sha256(file), size, code),
            payload=RowOfCrops(table, file, size),
        )
        for (name, table), file, image in zip(rows, files, images, strict=True)
    ]
