"""Take features from the fields of view of a screen: one shard per plate row, resumable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import file_sha256, fingerprint, write_parquet
from phenoprot.execution.planning import code_fingerprint, plate_rows
from phenoprot.execution.run import run_shards
from phenoprot.execution.settings import LOCAL, ExecutionSettings
from phenoprot.execution.shards import Shard, shard_folder
from phenoprot.features.aggregate import mean_of_cells
from phenoprot.features.registry import FeatureMethod, Measure, Values
from phenoprot.features.settings import FeatureSettings
from phenoprot.imaging.crops.cut import inner_labels
from phenoprot.imaging.crops.run import check_masks, masks_files
from phenoprot.imaging.crops.store import CROP_COUNT, ENDINGS, CropStore
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.masks import read_masks
from phenoprot.imaging.sources import images_fingerprints
from phenoprot.screens.contract import CELL_COUNT, FIELD_KEY

CODE = (
    "phenoprot.imaging.crops.cut",
    "phenoprot.imaging.crops.store",
    "phenoprot.features.aggregate",
    "phenoprot.features.extract",
    "phenoprot.imaging.reader",
    "phenoprot.imaging.segmentation.masks",
)
"""Parts of the library that decide what a shard computes, the method aside."""
RESULT = "fields.parquet"
"""The file of a shard."""
CROPS_AT_ONCE = 256
"""Crops that a method gets at a time."""
FIELDS_AT_ONCE = 8
"""Fields of view that a method gets at a time."""


@dataclass(frozen=True)
class Sources:
    """What features are taken from."""

    fields: pd.DataFrame
    """Fields of view by key; with the places of their images if the method reads them."""
    masks: Path | None = None
    """Folder of masks, for methods that read cells."""
    crops: Path | None = None
    """Crop store, for methods that read crops."""


@dataclass(frozen=True)
class RowOfFields:
    """The payload of a shard: a plate row."""

    method: FeatureMethod
    name: str
    """E.g. ``BR00117010/C``."""
    fields: pd.DataFrame
    """Its rows of the images table."""
    masks: Path | None
    """Its file of masks."""
    crops: Path | None
    """The crop store."""
    keep_border: bool
    """Whether cells that the border of the image cuts count."""


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
        What is measured.
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
        inputs = _crops_fingerprints(_needed(sources.crops, method, "crops"), names)
    else:
        inputs = images_fingerprints(table for _, table in rows)
    if method.reads == "cells":
        masks = [*masks_files(_needed(sources.masks, method, "masks"), names)]
    keep_border = method.reads == "cells" and settings.border_cells == "keep"
    code = code_fingerprint(CODE, ("numpy", "pandas", "pyarrow"))
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


def _needed(folder: Path | None, method: FeatureMethod, what: str) -> Path:
    if folder is None:
        raise UserError(
            f"reads {what}, and none are given", where=method.name, remedy=f"Name the {what}."
        )
    return folder


def _crops_fingerprints(folder: Path, names: list[str]) -> list[str]:
    CropStore.open(folder, names)  # missing and damaged files are named here
    return [
        fingerprint([file_sha256(folder / f"{name}{ending}") for ending in ENDINGS])
        for name in names
    ]


def extract_row(payload: RowOfFields, folder: Path) -> None:
    """In a worker process: write the features of a plate row."""
    measure = _prepared(payload.method)
    readers = {"cells": _from_cells, "crops": _from_crops, "fields": _from_fields}
    counts, values = readers[payload.method.reads](payload, measure)
    table = payload.fields[FIELD_KEY].reset_index(drop=True)
    if counts is not None:
        table = table.assign(**{CELL_COUNT: np.array(counts, dtype=np.int32)})
    features = pd.DataFrame(values, columns=list(payload.method.columns))
    write_parquet(folder / RESULT, pd.concat([table, features], axis=1))


@lru_cache(maxsize=1)
def _prepared(method: FeatureMethod) -> Measure:
    return method.prepare()


Means = tuple[list[int] | None, Values]
"""Cells behind the mean of each field, and the means, (fields, F)."""


def _from_cells(payload: RowOfFields, measure: Measure) -> Means:
    rows = payload.fields.to_dict("records")
    path = _needed(payload.masks, payload.method, "masks")
    masks = read_masks(path)
    check_masks(masks, [field_name(row) for row in rows], path)
    counts, means = [], []
    for row in rows:
        its, image = masks[field_name(row)], read_field(row)
        if its.cells.shape != image.shape[1:]:
            raise UserError(
                f"the masks of {field_name(row)} are {_size(its.cells)}, its images {_size(image)}",
                where=str(path),
                remedy="Segment the fields of view again (stage segment).",
            )
        labels, values = measure(image, its)
        if not payload.keep_border:
            values = values[np.isin(labels, inner_labels(its))]
        counts.append(len(values))
        means.append(mean_of_cells(values))
    return counts, np.stack(means)


def _size(image: npt.NDArray[np.generic]) -> str:
    return f"{image.shape[-2]} x {image.shape[-1]}"


def _from_crops(payload: RowOfFields, measure: Measure) -> Means:
    folder = _needed(payload.crops, payload.method, "crops")
    store = CropStore.open(folder, [payload.name])
    _same_fields(payload, store, folder)
    parts = [
        measure(store.read(np.arange(first, min(first + CROPS_AT_ONCE, len(store)))))
        for first in range(0, len(store), CROPS_AT_ONCE)
    ]
    width = len(payload.method.columns)
    values = np.concatenate(parts) if parts else np.empty((0, width), dtype=np.float32)
    counts = store.field_table[CROP_COUNT].tolist()
    per_field = np.split(values, np.cumsum(counts)[:-1])
    return counts, np.stack([mean_of_cells(part) for part in per_field])


def _same_fields(payload: RowOfFields, store: CropStore, folder: Path) -> None:
    wanted = payload.fields[FIELD_KEY].agg("/".join, axis=1).tolist()
    there = store.field_table[FIELD_KEY].agg("/".join, axis=1).tolist()
    if wanted != there:
        odd = sorted(set(wanted) ^ set(there))
        raise UserError(
            f"{len(odd)} field(s) of view are in the images table or in the crops only: "
            f"{listed(odd)}",
            where=str(folder),
            remedy="Cut the crops again (stage crops).",
        )


def _from_fields(payload: RowOfFields, measure: Measure) -> Means:
    return None, np.concatenate([measure(batch) for batch in _batches(payload.fields)])


def _batches(fields: pd.DataFrame) -> Iterator[Values]:
    """Fields in their order, those of one size together, at most `FIELDS_AT_ONCE`."""
    images = (read_field(row) for row in fields.to_dict("records"))
    for _, alike in groupby(images, key=lambda image: image.shape):
        batch = []
        for image in alike:
            batch.append(image)
            if len(batch) == FIELDS_AT_ONCE:
                yield np.stack(batch)
                batch = []
        if batch:
            yield np.stack(batch)
