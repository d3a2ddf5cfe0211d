"""Segment the fields of view of a screen: one shard per plate row, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import fingerprint, write_json, write_parquet
from phenoprot.execution.planning import plate_rows
from phenoprot.execution.publish import published, require_output
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.imaging.segmentation import compute
from phenoprot.imaging.segmentation.compute import MASKS, RowOfFields, segment_row
from phenoprot.imaging.segmentation.folder import ENDING, OBJECTS, SCORE
from phenoprot.imaging.segmentation.method import Segmenter
from phenoprot.imaging.segmentation.settings import SegmentationSettings
from phenoprot.imaging.sources import images_fingerprints
from phenoprot.screens.contract import FIELD_KEY, PLATE

MADE_BY = "segment"
"""The one that may replace the output folder."""


def segment_fields(
    fields: pd.DataFrame,
    settings: SegmentationSettings,
    output: Path,
    work: Path,
    title: str,
    execution: ExecutionSettings = LOCAL,
    score: Callable[[Path], Any] | None = None,
) -> pd.DataFrame:
    """Segment all fields of view of a screen.

    Parameters
    ----------
    fields
        Rows of :func:`phenoprot.screens.load_data.read_load_data`.
    settings
        Method and its settings.
    output
        Folder that gets ``<plate>/<row>.zip`` (see
        :func:`phenoprot.imaging.segmentation.masks.read_masks`) and ``objects.parquet``; replaced
        as a whole when all masks are there, if it is empty or of an earlier run.
    work
        Work folder of the shards, kept between runs.
    title
        For progress lines and errors.
    execution
        Where and how many at a time; the bytes of the output do not depend on it.
    score
        Takes the folder of the masks; what it returns is written to ``score.json`` beside them.

    Returns
    -------
    pandas.DataFrame
        The table of objects: one row per field of view, key and ``Count_`` columns (int32).

    Raises
    ------
    UserError
        Images are missing or unreadable, the weights are not there or not the right ones, or
        `output` holds what no run has written.
    """
    require_place(output, work, fields)
    shards = plan(fields, settings)
    tables: list[pd.DataFrame] = []

    def publish(folders: list[Path]) -> None:
        tables.extend(read_table(folder / OBJECTS) for folder in folders)
        objects = pd.concat(tables).sort_values(FIELD_KEY, ignore_index=True)
        masks = {
            f"{shard.name}{ENDING}": folder / MASKS
            for shard, folder in zip(shards, folders, strict=True)
        }
        with published(output, MADE_BY, masks) as new:
            write_parquet(new / OBJECTS, objects)
            if score is not None:
                write_json(new / SCORE, score(new))

    run_shards(segment_row, shards, work, title, execution, publish)
    return pd.concat(tables).sort_values(FIELD_KEY, ignore_index=True)


def require_place(output: Path, work: Path, fields: pd.DataFrame) -> None:
    """Stop unless the masks of all plates have a place in `output`.

    Raises
    ------
    UserError
        `output` holds what no run has written or the work folder, or a plate's name leads
        elsewhere.
    """
    require_output(output, MADE_BY, work, fields[PLATE].astype(str), (OBJECTS, SCORE))


def plan(fields: pd.DataFrame, settings: SegmentationSettings) -> list[Shard]:
    """Shards under the hash of all they depend on: images, method, code."""
    method = find_segmenter(settings)
    decisive = (settings.method, method.fingerprint(), code_fingerprint(compute.__name__))
    rows = plate_rows(fields)
    images = images_fingerprints(table for _, table in rows)
    return [
        Shard(name, fingerprint(image, decisive), RowOfFields(table, method))
        for (name, table), image in zip(rows, images, strict=True)
    ]


def find_segmenter(settings: SegmentationSettings) -> Segmenter:
    """Make the method that the settings name.

    Raises
    ------
    UserError
        Its weights are not there or not the right ones.
    """
    # Each is imported for those alone that run it: torch takes seconds.
    if settings.method == "cellprofiler":
        from phenoprot.imaging.segmentation.classical import Classical

        return Classical(settings.cellprofiler)
    from phenoprot.imaging.segmentation.cellpose import find_cellpose

    return find_cellpose(settings.cellpose)
