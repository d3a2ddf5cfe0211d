"""Segment the fields of view of a screen: one shard per plate row, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.errors import listed
from phenoprot.core.files import fingerprint, write_json, write_parquet
from phenoprot.core.notices import warn
from phenoprot.execution.planning import plate_rows
from phenoprot.execution.publish import published, require_output
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.imaging.reader import field_name
from phenoprot.imaging.segmentation import compute
from phenoprot.imaging.segmentation.compute import MASKS, RowOfFields, segment_row
from phenoprot.imaging.segmentation.diameter import settle_diameter
from phenoprot.imaging.segmentation.folder import CONFLUENT, ENDING, NUCLEI, OBJECTS, SCORE
from phenoprot.imaging.segmentation.method import Segmenter
from phenoprot.imaging.segmentation.own import OwnMasks
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
    measure_on: pd.DataFrame | None = None,
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
    measure_on
        Rows of `fields` on which the diameter of nuclei is measured, for the method
        ``cellprofiler``; None: all. What is found is written to ``nuclei.json``.

    Returns
    -------
    pandas.DataFrame
        The table of objects: one row per field of view, key, ``Count_`` columns and
        ``Confluent`` (int32).

    Raises
    ------
    UserError
        Images are missing or unreadable, the weights are not there or not the right ones, or
        `output` holds what no run has written.
    """
    require_place(output, work, fields)
    rows, images = _read(fields)  # stops at missing files, before any work
    measured = None
    if settings.method == "cellprofiler":
        here = fields if measure_on is None or measure_on.empty else measure_on
        method, measured = settle_diameter(here, settings.cellprofiler)
        settings = settings.model_copy(update={"cellprofiler": method})
    shards = _plan(rows, images, settings)
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
            if measured is not None:
                write_json(new / NUCLEI, measured.record(settings.cellprofiler))
            if score is not None:
                write_json(new / SCORE, score(new))

    run_shards(segment_row, shards, work, title, execution, publish)
    objects = pd.concat(tables).sort_values(FIELD_KEY, ignore_index=True)
    _say_what_is_confluent(objects, title)
    return objects


def _say_what_is_confluent(objects: pd.DataFrame, title: str) -> None:
    rows = objects.loc[objects[CONFLUENT] == 1, FIELD_KEY].to_dict("records")
    if rows:
        warn(
            f"cells are confluent on {len(rows)} of {len(objects)} fields: their outlines are the "
            "distance cell_reach from the nuclei, not edges of cells: "
            f"{listed([field_name(row) for row in rows])}",
            title,
        )


def require_place(output: Path, work: Path, fields: pd.DataFrame) -> None:
    """Stop unless the masks of all plates have a place in `output`.

    Raises
    ------
    UserError
        `output` holds what no run has written or the work folder, or a plate's name leads
        elsewhere.
    """
    require_output(output, MADE_BY, work, fields[PLATE].astype(str), (OBJECTS, SCORE, NUCLEI))


def plan(fields: pd.DataFrame, settings: SegmentationSettings) -> list[Shard]:
    """Shards under the hash of all they depend on: images, method, code."""
    return _plan(*_read(fields), settings)


def _read(fields: pd.DataFrame) -> tuple[list[tuple[str, pd.DataFrame]], list[str]]:
    """Plate rows, and the hashes of their images."""
    rows = plate_rows(fields)
    return rows, images_fingerprints(table for _, table in rows)


def _plan(
    rows: list[tuple[str, pd.DataFrame]], images: list[str], settings: SegmentationSettings
) -> list[Shard]:
    method = find_segmenter(settings)
    decisive = (settings.method, method.fingerprint(), code_fingerprint(compute.__name__))
    return [
        Shard(
            name, fingerprint(image, decisive, *_files(table, method)), RowOfFields(table, method)
        )
        for (name, table), image in zip(rows, images, strict=True)
    ]


def _files(table: pd.DataFrame, method: Segmenter | OwnMasks) -> list[str]:
    """Hash of the masks of one's own that a plate row has."""
    if not isinstance(method, OwnMasks):
        return []
    return [method.row_fingerprint(table.to_dict("records"))]


def find_segmenter(settings: SegmentationSettings) -> Segmenter | OwnMasks:
    """Make the method that the settings name.

    Raises
    ------
    UserError
        Its weights are not there or not the right ones.
    """
    if settings.method == "masks":
        return OwnMasks(settings.masks)
    # Each is imported for those alone that run it: torch takes seconds.
    if settings.method == "cellprofiler":
        from phenoprot.imaging.segmentation.classical import Classical

        return Classical(settings.cellprofiler)
    from phenoprot.imaging.segmentation.cellpose import find_cellpose

    return find_cellpose(settings.cellpose)
