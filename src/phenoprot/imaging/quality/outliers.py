"""The table of fields, and which of them stand out among the fields of their plate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.artefacts import read_table
from phenoprot.core.files import write_json, write_parquet
from phenoprot.imaging.crops.store import CELL_COUNT, CROP_COUNT, CUT_COUNT
from phenoprot.imaging.quality.measure import (
    AREA_RATIO,
    BACKGROUND,
    FOCUS,
    OF_STAINS,
    SATURATED,
)
from phenoprot.screens.contract import FIELD_KEY, PLATE, STAINS

TABLE = "fields.parquet"
"""One row per field of view: its key, `CELL_COUNT`, `CROP_COUNT`, `OVERFLOW`, `AREA_RATIO`, the
columns of the stains, and `OUTLIER`."""
SUMMARY = "summary.json"
OVERFLOW = "Overflow"
"""Column: share of the crops whose cell reaches beyond them; none without crops."""
OUTLIER = "Outlier"
"""Column: why a field stands out; empty: it does not."""
NUMBERS = (CELL_COUNT, CROP_COUNT, OVERFLOW, AREA_RATIO,
           *(f"{name}_{stain}" for stain in STAINS for name in OF_STAINS))  # fmt: skip

ENOUGH = 8
"""Fields that a plate needs: the spread of fewer says nothing."""
TO_SD = 1.4826
"""Standard deviation of a normal distribution, in median absolute deviations."""


def _least_spread(column: str, median: float) -> float:
    """The spread that a plate has at least: fields that hardly differ have no outliers."""
    name = column.partition("_")[0]
    known = {
        CELL_COUNT: max(median, 1.0) ** 0.5,  # counts scatter so by chance
        AREA_RATIO: 0.05 * median,
        OVERFLOW: 0.05,
        FOCUS: 0.1,
        SATURATED: 0.0005,
        BACKGROUND: max(0.03 * median, 1.0),
    }
    return known[name]


_OF_THE_MICROSCOPE = (FOCUS, SATURATED, BACKGROUND)
JUDGED = (CELL_COUNT, AREA_RATIO, OVERFLOW,
          *(f"{name}_{stain}" for stain in STAINS for name in _OF_THE_MICROSCOPE))  # fmt: skip
"""Columns in which a field may stand out. Median and top follow what the treatment does."""


def fields_table(counts: pd.DataFrame, numbers: pd.DataFrame, limit: float) -> pd.DataFrame:
    """Make the table of fields.

    Parameters
    ----------
    counts
        The key, and the counts of the crop store (:attr:`CropStore.field_table`).
    numbers
        The key, and the columns of :func:`phenoprot.imaging.quality.measure.measure_field`.
    limit
        Robust z from which a field is an outlier.

    Returns
    -------
    pandas.DataFrame
        Sorted by the key.
    """
    table = counts.merge(numbers, on=FIELD_KEY, validate="one_to_one")
    crops = table[CROP_COUNT]
    table[OVERFLOW] = (table[CUT_COUNT] / crops).where(crops > 0)
    table = table[[*FIELD_KEY, *NUMBERS]].sort_values(FIELD_KEY, ignore_index=True)
    return table.assign(**{OUTLIER: reasons(table, limit)})


def reasons(table: pd.DataFrame, limit: float) -> list[str]:
    """Why each field stands out among those of its plate; empty where it does not."""
    found: list[list[str]] = [[] for _ in range(len(table))]
    for _, rows in table.groupby(PLATE, sort=False):
        places = table.index.get_indexer(rows.index)
        for column in JUDGED if len(rows) >= ENOUGH else ():
            values = rows[column].to_numpy(dtype=np.float64)
            for i, median, z in _far(column, values, limit):
                found[places[i]].append(
                    f"{column} {values[i]:.3g} (plate {median:.3g}, z {z:+.1f})"
                )
    return ["; ".join(each) for each in found]


def _far(
    column: str, values: npt.NDArray[np.float64], limit: float
) -> Iterator[tuple[int, float, float]]:
    """Places of the values that are far from the plate's median, the median, their robust z."""
    known = values[np.isfinite(values)]
    if not len(known):
        return
    median = float(np.median(known))
    spread = TO_SD * float(np.median(np.abs(known - median)))
    z = (values - median) / max(spread, _least_spread(column, median))
    for i in np.flatnonzero(np.abs(z) > limit):
        yield int(i), median, float(z[i])


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """Few numbers of a table of fields, for JSON.

    ``fields``; ``fields_judged``: on plates with enough of them; ``outliers``; by stain the median
    focus and the largest share saturated; the median cell / nucleus area; the overflow of all
    crops. None where there is no such number.
    """
    per_plate = table.groupby(PLATE)[PLATE].transform("size")
    cut = (table[OVERFLOW] * table[CROP_COUNT]).sum()
    crops = table[CROP_COUNT].sum()
    return {
        "fields": len(table),
        "fields_judged": int((per_plate >= ENOUGH).sum()),
        "outliers": int((table[OUTLIER] != "").sum()),
        "cells": int(table[CELL_COUNT].sum()),
        "crop_overflow": float(cut / crops) if crops else None,
        "area_ratio": _number(table[AREA_RATIO].median()),
        "focus": {stain: _number(table[f"{FOCUS}_{stain}"].median()) for stain in STAINS},
        "saturated": {stain: _number(table[f"{SATURATED}_{stain}"].max()) for stain in STAINS},
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def write_quality(folder: Path, table: pd.DataFrame, size: Mapping[str, Any]) -> None:
    """Write the table of fields and its summary, with the size of the crops."""
    write_parquet(folder / TABLE, table)
    write_json(folder / SUMMARY, summary(table) | {"crop_size": dict(size)})


def read_quality(folder: Path) -> pd.DataFrame:
    """Read the table of fields that the stage crops left in ``data/quality/<screen>``.

    Raises
    ------
    UserError
        It is missing or damaged.
    """
    return read_table(
        folder / TABLE, (*FIELD_KEY, *NUMBERS, OUTLIER), remedy="Run the stage crops (dvc repro)."
    )
