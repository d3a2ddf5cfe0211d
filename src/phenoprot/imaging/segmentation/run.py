"""Segment the fields of view of a screen: one shard per plate row, in parallel, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import file_sha256, fingerprint, write_json, write_parquet
from phenoprot.execution.planning import code_fingerprint, plate_rows
from phenoprot.execution.publish import published, require_output
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation import classical
from phenoprot.imaging.segmentation.masks import Segmented, touching_border, write_masks
from phenoprot.imaging.segmentation.settings import SegmentationSettings
from phenoprot.imaging.sources import images_fingerprints
from phenoprot.screens.contract import FIELD_KEY, PLATE
from phenoprot.weights.store import locate

Floats = npt.NDArray[np.float32]

CODE = (
    "phenoprot.imaging.segmentation.cellpose",
    "phenoprot.imaging.segmentation.classical",
    "phenoprot.imaging.segmentation.masks",
    "phenoprot.imaging.segmentation.run",
    "phenoprot.imaging.reader",
)
"""Parts of the library that decide what a shard computes."""
LIBRARIES = {
    "cellprofiler": ("numpy", "scipy", "scikit-image"),
    "cellpose": ("numpy", "torch", "cellpose"),
}
"""Distributions that decide it, by method."""
MASKS, OBJECTS = "masks.zip", "objects.parquet"
"""Files of a shard; the second is also the table of the whole screen."""
ENDING = ".zip"
"""Of the files of masks in the output folder."""
SCORE = "score.json"
"""File of the output folder that says how good the masks are, where the true ones are known."""
MADE_BY = "segment"
"""The one that may replace the output folder."""

CELLS, BORDER, DEAD, UNPAIRED = "Count_Cells", "Count_Border", "Count_Dead", "Count_Unpaired"
"""Columns of the table of objects: cells in the masks, those of them that touch the border of the
field, dead cells left out, and cells or nuclei left out because they had no counterpart."""
COUNTS = (CELLS, BORDER, DEAD, UNPAIRED)


@dataclass(frozen=True)
class RowOfFields:
    """The payload of a shard: a plate row."""

    fields: pd.DataFrame
    """Its rows of the images table."""
    settings: SegmentationSettings
    """What to do."""
    weights: Path | None
    """Weights of the network, checked; None where the method has none."""


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
    require_output(output, MADE_BY, work, fields[PLATE].astype(str), (OBJECTS, SCORE))
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


def plan(fields: pd.DataFrame, settings: SegmentationSettings) -> list[Shard]:
    """Shards under the hash of all they depend on: images, settings, weights, code."""
    rows = plate_rows(fields)
    weights = locate(settings.cellpose.weights) if settings.method == "cellpose" else None
    decisive = (
        settings.method,
        # The weights count by content, not by where they lie.
        getattr(settings, settings.method).model_dump(exclude={"weights"}),
        file_sha256(weights) if weights else None,
        code_fingerprint(CODE, LIBRARIES[settings.method]),
    )
    images = images_fingerprints(table for _, table in rows)
    return [
        Shard(name, fingerprint(image, decisive), RowOfFields(table, settings, weights))
        for (name, table), image in zip(rows, images, strict=True)
    ]


def segment_row(payload: RowOfFields, folder: Path) -> None:
    """In a worker process: write the masks and counts of a plate row."""
    rows = payload.fields.to_dict("records")
    fields = (read_field(row) for row in rows)  # no more in memory than the method asks for
    found = list(segment(fields, payload.settings, payload.weights))
    names = [field_name(row) for row in rows]
    write_masks(folder / MASKS, {n: s.masks for n, s in zip(names, found, strict=True)})
    counts = pd.DataFrame([count_objects(each) for each in found]).astype(np.int32)
    write_parquet(folder / OBJECTS, pd.concat([payload.fields[FIELD_KEY], counts], axis=1))


def segment(
    fields: Iterable[Floats], settings: SegmentationSettings, weights: Path | None = None
) -> Iterator[Segmented]:
    """Segment fields of view with the method of the settings, in their order.

    Parameters
    ----------
    fields
        (C, Y, X) float32 in [0, 1] each, stains in the order of the contract.
    settings
        Method and its settings.
    weights
        Checked file of weights, for the method ``cellpose``.
    """
    if settings.method == "cellprofiler":
        return map(partial(classical.segment_field, settings=settings.cellprofiler), fields)
    if weights is None:
        raise ValueError("the method cellpose needs weights")
    from phenoprot.imaging.segmentation import cellpose

    return cellpose.segment_fields(fields, _model(weights), settings.cellpose)


@lru_cache(maxsize=1)
def _model(weights: Path):  # type: ignore[no-untyped-def]  # of a package that is not imported here
    """The network, once for all shards of a process."""
    from phenoprot.imaging.segmentation.cellpose import load_model

    return load_model(weights)


def count_objects(segmented: Segmented) -> dict[str, int]:
    """The ``Count_`` columns of one field of view."""
    return {
        CELLS: segmented.masks.count,
        BORDER: len(touching_border(segmented.masks.cells)),
        DEAD: segmented.dead,
        UNPAIRED: segmented.unpaired,
    }
