"""CellProfiler's tables of a plate, in the layouts that programs write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core import notices
from phenoprot.core.errors import UserError
from phenoprot.features import measured

REAL = Path(__file__).parent / "data" / "cellprofiler_csv"
COMPARTMENTS = ("Cells", "Nuclei", "Cytoplasm")

Tables = dict[str, pd.DataFrame]


def import_cellprofiler(source: Path, warn: Callable[[str], None] = notices.warn) -> pd.DataFrame:
    return measured.import_cellprofiler(source, source.parent / "work", warn=warn)


def as_csv(tables: Tables, folder: Path) -> Path:
    folder.mkdir()
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def as_sqlite(tables: Tables, folder: Path) -> Path:
    """As ExportToDatabase names tables and columns."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "cells.sqlite")) as connection:
        for name, table in tables.items():
            prefixed = table.drop(columns="ObjectNumber", errors="ignore").rename(
                columns=lambda column, name=name: (
                    column if column == "ImageNumber" else f"{name}_{column}"
                )
            )
            prefixed.to_sql(f"Per_{name}", connection, index=False)
    return folder / "cells.sqlite"


def expected_means(tables: Tables, image: int) -> dict[str, float]:
    """Means of the raw columns; what is no feature written out by hand."""
    left_out = (
        "ImageNumber", "ObjectNumber", "Parent_Nuclei", "Parent_Cells", "Number_Object_Number",
        "AreaShape_Center_X", "AreaShape_BoundingBoxMinimum_Y", "Location_Center_X",
        "Location_CenterMassIntensity_Y_RNA", "Neighbors_FirstClosestObjectNumber_5",
        "Neighbors_FirstClosestObjectNumber_1",
    )  # fmt: skip
    return {
        f"{name}_{column}": table.loc[table["ImageNumber"] == image, column].mean()
        for name, table in tables.items()
        if name != "Image"
        for column in table
        if column not in left_out and not column.startswith("Children_")
    }


def message(source: Path) -> str:
    with pytest.raises(UserError) as error:
        import_cellprofiler(source)
    return str(error.value).replace(str(source), "SOURCE")


class Said(list[str]):
    """Warnings."""

    def __call__(self, text: str) -> None:
        self.append(text)


def one_folder_each(tables: Tables, folder: Path, *, metadata: bool = True) -> Path:
    """JUMP's layout; each folder counts its images from 1."""
    images = tables["Image"]
    for number, well in zip(images["ImageNumber"], images["Metadata_Well"], strict=True):
        its = {name: table[table["ImageNumber"] == number] for name, table in tables.items()}
        its = {name: table.assign(ImageNumber=1) for name, table in its.items()}
        if not metadata:
            its["Image"] = its["Image"].drop(columns=["Metadata_Plate", "Metadata_Site"])
            its["Image"]["Metadata_Well"] = np.nan
        (folder / "analysis").mkdir(exist_ok=True, parents=True)
        as_csv(its, folder / "analysis" / f"BR00116991-{well}-1")
    return folder


def as_cytominer_database(
    tables: Tables, path: Path, table_number: Callable[[int], object]
) -> Path:
    """As cytominer-database collects folders: each image has number 1 in a table of its own."""
    with closing(sqlite3.connect(path)) as connection:
        for name, table in tables.items():
            own = {c: c if c == "ObjectNumber" else f"{name}_{c}" for c in table.columns}
            numbered = table.rename(columns=own).drop(columns=f"{name}_ImageNumber")
            numbers = table["ImageNumber"].map(table_number)
            numbered.insert(0, "TableNumber", numbers)
            numbered.insert(1, "ImageNumber", 1)
            numbered.to_sql(name, connection, index=False)
    return path


def as_per_object(tables: Tables, path: Path) -> Path:
    """As ExportToDatabase writes one table of all objects: row by object number."""
    key = ["ImageNumber", "ObjectNumber"]
    every = None
    for name in ("Cytoplasm", "Cells", "Nuclei"):
        table = tables[name].assign(Number_Object_Number=tables[name]["ObjectNumber"])
        table = table.set_index(key).add_prefix(f"{name}_").reset_index()
        every = table if every is None else every.merge(table, on=key, how="outer")
    assert every is not None
    with closing(sqlite3.connect(path)) as connection:
        tables["Image"].to_sql("MyPer_Image", connection, index=False)
        every.to_sql("MyPer_Object", connection, index=False)
    return path
