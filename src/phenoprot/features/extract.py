"""Take features from the fields of view of a screen: one shard per plate row, resumable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.closure import code_fingerprint
from phenoprot.core.files import file_sha256, fingerprint
from phenoprot.execution.planning import plate_rows
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard, shard_folder
from phenoprot.features import compute
from phenoprot.features.compute import RESULT, RowOfFields, extract_row, needed
from phenoprot.features.method import FeatureMethod
from phenoprot.features.settings import FeatureSettings
from phenoprot.imaging.crops.store import ENDINGS, CropStore
from phenoprot.imaging.segmentation.folder import COUNTS, OBJECTS, masks_files
from phenoprot.imaging.sources import images_fingerprints
from phenoprot.screens.aggregate import aggregate_wells
from phenoprot.screens.contract import FIELD_KEY


@dataclass(frozen=True)
class Sources:
    """What features are taken from."""

    fields: pd.DataFrame
    """Fields of view by key; with the places of their images if the method reads them."""
    masks: Path | None = None
    """Folder of masks, for methods that read cells."""
    crops: Path | None = None
    """Crop store, for methods that read crops."""


def extract_wells(
    method: FeatureMethod,
    sources: Sources,
    work: Path,
    title: str,
    settings: FeatureSettings | None = None,
    execution: ExecutionSettings = LOCAL,
) -> pd.DataFrame:
    """Take the features of every well: the mean over its fields of view.

    Parameters are those of :func:`extract`.

    Returns
    -------
    pandas.DataFrame
        One row per well, sorted: plate, well, the counts of
        :func:`phenoprot.screens.aggregate.aggregate_wells`, and the method's features. A method
        that reads objects makes the table by itself.

    Raises
    ------
    UserError
        See :func:`extract`.
    """
    if method.reads == "objects":
        path = needed(sources.masks, method, "masks") / OBJECTS
        wells: pd.DataFrame = method.prepare()(read_table(path, [*FIELD_KEY, *COUNTS]))
        return wells
    return aggregate_wells(extract(method, sources, work, title, settings, execution))


def extract(
    method: FeatureMethod,
    sources: Sources,
    work: Path,
    title: str,
    settings: FeatureSettings | None = None,
    execution: ExecutionSettings = LOCAL,
) -> pd.DataFrame:
    """Take the features of every field of view: the mean over its cells.

    Parameters
    ----------
    method
        What is measured: cells, crops or fields.
    sources
        Fields, and the masks or crops that the method reads.
    work
        Work folder of the shards, kept between runs.
    title
        For progress lines and errors.
    settings
        What becomes of cells at the border; the defaults if left out.
    execution
        Where and how many at a time; no number depends on it.

    Returns
    -------
    pandas.DataFrame
        One row per field, by plate, plate row, well and site: the key, ``Metadata_CellCount`` (the
        cells behind the mean; not for methods that read whole fields), and the method's features.
        A field without a cell has the count 0 and missing features.

    Raises
    ------
    UserError
        Images, masks or crops are missing, unreadable, or do not fit each other.
    """
    shards = plan(method, sources, settings or FeatureSettings())
    if not all(shard_folder(work, shard).exists() for shard in shards):
        method.warm()
    folders = run_shards(extract_row, shards, work, title, execution)
    tables = [read_table(folder / RESULT, FIELD_KEY) for folder in folders]
    return pd.concat(tables, ignore_index=True)


def plan(method: FeatureMethod, sources: Sources, settings: FeatureSettings) -> list[Shard]:
    """Shards under the hash of all they depend on: images, masks or crops, method, code."""
    rows = plate_rows(sources.fields)
    names = [name for name, _ in rows]
    masks: list[Path | None] = [None] * len(rows)
    if method.reads == "crops":
        inputs = _crops_fingerprints(needed(sources.crops, method, "crops"), names)
    else:
        inputs = images_fingerprints(table for _, table in rows)
    if method.reads == "cells":
        masks = [*masks_files(needed(sources.masks, method, "masks"), names)]
    keep_border = method.reads == "cells" and settings.border_cells == "keep"
    code = code_fingerprint(compute.__name__)
    return [
        Shard(
            name=name,
            fingerprint=fingerprint(
                table[FIELD_KEY].to_numpy().tolist(),
                images,
                file_sha256(file) if file else None,
                [method.name, method.reads, method.columns, method.fingerprint()],
                keep_border,
                code,
            ),
            payload=RowOfFields(method, name, table, file, sources.crops, keep_border),
        )
        for (name, table), file, images in zip(rows, masks, inputs, strict=True)
    ]


def _crops_fingerprints(folder: Path, names: list[str]) -> list[str]:
    CropStore.open(folder, names)  # missing and damaged files are named here
    return [
        fingerprint([file_sha256(folder / f"{name}{ending}") for ending in ENDINGS])
        for name in names
    ]
