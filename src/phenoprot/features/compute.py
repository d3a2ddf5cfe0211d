"""Features of one plate row: what a worker process of the extraction does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import write_parquet
from phenoprot.features.aggregate import mean_of_cells
from phenoprot.features.method import Sampling
from phenoprot.features.sample import sampled
from phenoprot.imaging.crops.cut import inner_labels
from phenoprot.imaging.crops.store import CROP_COUNT, CropStore
from phenoprot.imaging.reader import field_name, read_field
from phenoprot.imaging.segmentation.masks import check_masks, read_masks
from phenoprot.screens.contract import CELL_COUNT, FIELD_KEY

if TYPE_CHECKING:
    from phenoprot.features.method import FeatureMethod, Measure, Values

RESULT = "fields.parquet"
"""The file of a shard."""
CROPS_AT_ONCE = 256
"""Crops that a method gets at a time."""
FIELDS_AT_ONCE = 8
"""Fields of view that a method gets at a time."""


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


Means = tuple[list[int] | None, npt.NDArray[np.floating]]
"""Cells behind the mean of each field, and the means, (fields, F)."""


def _from_cells(payload: RowOfFields, measure: Measure) -> Means:
    rows = payload.fields.to_dict("records")
    path = needed(payload.masks, payload.method, "masks")
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
    folder = needed(payload.crops, payload.method, "crops")
    store = CropStore.open(folder, [payload.name])
    _same_fields(payload, store, folder)
    chosen, counts = _chosen(payload.method, store)
    parts = [
        measure(store.read(chosen[first : first + CROPS_AT_ONCE]))
        for first in range(0, len(chosen), CROPS_AT_ONCE)
    ]
    width = len(payload.method.columns)
    values = np.concatenate(parts) if parts else np.empty((0, width), dtype=np.float32)
    per_field = np.split(values, np.cumsum(counts)[:-1])
    return counts, np.stack([mean_of_cells(part) for part in per_field])


def _chosen(method: FeatureMethod, store: CropStore) -> tuple[npt.NDArray[np.integer], list[int]]:
    """Crops that are measured, field by field, and how many of each field."""
    counts = store.field_table[CROP_COUNT]
    sample = method.sample if isinstance(method, Sampling) else None
    if sample is None:
        return np.arange(len(store)), counts.tolist()
    return sampled(store.index, sample), counts.clip(upper=sample.cells).tolist()


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


def needed(folder: Path | None, method: FeatureMethod, what: str) -> Path:
    """The folder or file that a method reads.

    Raises
    ------
    UserError
        None is given.
    """
    if folder is None:
        raise UserError(
            f"reads {what}, and none are given", where=method.name, remedy=f"Name the {what}."
        )
    return folder
