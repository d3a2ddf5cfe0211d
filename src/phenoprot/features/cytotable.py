"""Features that CellProfiler has measured, read through CytoTable (Cytomining).

CytoTable joins CellProfiler's tables of images, cells, nuclei and cytoplasms to one row per cell;
here the cells of an image are averaged like those of any other method. It reads its input by
DuckDB's extensions ``sqlite_scanner`` and ``httpfs``, which the packages duckdb-extension-* bring:
nothing is fetched from the internet.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.errors import UserError, listed
from phenoprot.features.aggregate import mean_of_cells
from phenoprot.features.cellprofiler.names import COMPARTMENTS
from phenoprot.features.cellprofiler.shape import POSITION_NAMES
from phenoprot.screens.contract import CELL_COUNT, FIELD_KEY
from phenoprot.screens.tables import canonical_well
from phenoprot.tables import read_delimited

IMAGE = "Image"
IMAGE_NUMBER = "ImageNumber"
EXTENSIONS = ("sqlite_scanner", "httpfs")
"""Of DuckDB; CytoTable loads the first and wants the second installed."""
NOT_FEATURES = ("Location", "Number", "Parent", "Children", "ObjectNumber", "ImageNumber")
"""Groups of columns that say where a cell lies, or which one it is."""


def import_cellprofiler(source: Path) -> pd.DataFrame:
    """Average the cells of every field of view that CellProfiler has measured.

    Parameters
    ----------
    source
        Folder with ``Image.csv``, ``Nuclei.csv``, ``Cells.csv`` and ``Cytoplasm.csv``, or
        CellProfiler's SQLite file with the tables ``Per_Image``, ``Per_Nuclei`` and so on.

    Returns
    -------
    pandas.DataFrame
        One row per image, those without a cell too, sorted by field: the key,
        ``Metadata_CellCount``, and float64 means over the cells. Columns that say where a cell
        lies or which one it is are left out, and those that hold text.

    Raises
    ------
    UserError
        Tables or keys are missing, image numbers do not fit each other, or a field of view occurs
        twice.
    """
    source = source.absolute()
    tables = _sqlite_tables(source) if source.is_file() else _csv_tables(source)
    images = _images(tables, source)
    cells = _single_cells(source)
    if len(cells) != len(tables["Cytoplasm"]):
        raise UserError(
            f"{len(tables['Cytoplasm'])} cytoplasms, of which {len(cells)} have one cell and one "
            "nucleus in their image",
            where=str(source),
            remedy="Parent_Cells and Parent_Nuclei of the cytoplasms must name objects of their "
            "image: export all tables from one analysis.",
        )
    features = [column for column in cells if _is_feature(column, cells[column])]
    values = cells[features].to_numpy(dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    number = cells[f"Metadata_{IMAGE_NUMBER}"].to_numpy(dtype=np.int64)
    of = [np.flatnonzero(number == image) for image in images[IMAGE_NUMBER]]
    means = np.stack([mean_of_cells(values[rows]) for rows in of])
    counts = np.array([len(rows) for rows in of], dtype=np.int32)
    table = pd.concat(
        [
            images[FIELD_KEY].assign(**{CELL_COUNT: counts}),
            pd.DataFrame(means, columns=features, index=images.index),
        ],
        axis=1,
    )
    return table.sort_values(FIELD_KEY, kind="stable", ignore_index=True)


def _is_feature(column: str, values: pd.Series) -> bool:
    compartment, _, name = column.partition("_")
    group = name.split("_")[0]
    return (
        compartment in COMPARTMENTS
        and group not in NOT_FEATURES
        and name not in {f"AreaShape_{position}" for position in POSITION_NAMES}
        and "ObjectNumber" not in name
        and pd.api.types.is_numeric_dtype(values)
    )


def _csv_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Image table and the keys of the compartments, from CSV files."""
    names = [IMAGE, *COMPARTMENTS]
    there = {path.stem.lower(): path for path in folder.glob("*.csv")}
    missing = [f"{name}.csv" for name in names if name.lower() not in there]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(names)} CellProfiler tables are missing: {listed(missing)}"
            if folder.is_dir()
            else "no such file or folder",
            where=str(folder),
            remedy="Name the folder that ExportToSpreadsheet wrote, or the SQLite file of "
            "ExportToDatabase.",
        )
    return {name: read_delimited(there[name.lower()]) for name in names}


def _sqlite_tables(path: Path) -> dict[str, pd.DataFrame]:
    """Image table and the keys of the compartments, from an SQLite file."""
    if path.suffix != ".sqlite":
        raise UserError(
            "is neither a folder nor an .sqlite file",
            where=str(path),
            remedy="Name the folder of the CSV files, or the file of ExportToDatabase.",
        )
    tables = {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            known = {
                name.lower(): name
                for (name,) in connection.execute("SELECT name FROM sqlite_master")
            }
            names = {name: f"Per_{name}" for name in (IMAGE, *COMPARTMENTS)}
            missing = [name for name in names.values() if name.lower() not in known]
            if missing:
                raise UserError(
                    f"{len(missing)} of {len(names)} CellProfiler tables are missing: "
                    f"{listed(missing)}",
                    where=str(path),
                    remedy="Export one table per object type (ExportToDatabase).",
                )
            for name, table in names.items():
                columns = "*" if name == IMAGE else IMAGE_NUMBER
                tables[name] = pd.read_sql_query(
                    f"SELECT {columns} FROM {known[table.lower()]}", connection
                )
    except (sqlite3.DatabaseError, pd.errors.DatabaseError) as error:
        raise UserError(
            f"cannot be read as CellProfiler's SQLite file: {' '.join(str(error).split())}",
            where=str(path),
            remedy="Export it again (ExportToDatabase).",
        ) from None
    return tables


def _images(tables: dict[str, pd.DataFrame], source: Path) -> pd.DataFrame:
    """Image number and field key of every image, checked against the compartments."""
    table = tables[IMAGE].rename(columns=lambda name: name.removeprefix("Image_"))
    missing = [column for column in (IMAGE_NUMBER, *FIELD_KEY) if column not in table]
    if missing:
        raise UserError(
            f"column(s) missing: {', '.join(missing)}",
            where=f"{source}, table {IMAGE}",
            remedy="They come from the Metadata_ columns of LoadData.",
        )
    images = table[[IMAGE_NUMBER, *FIELD_KEY]].copy()
    images[IMAGE_NUMBER] = _numbers(images[IMAGE_NUMBER], source, IMAGE)
    empty = images[FIELD_KEY].isna().to_numpy().any(axis=1)
    if empty.any():
        raise UserError(
            f"{int(empty.sum())} image(s) without plate, well or site: {IMAGE_NUMBER} "
            f"{listed(images.loc[empty, IMAGE_NUMBER].tolist())}",
            where=f"{source}, table {IMAGE}",
            remedy="Fill these cells.",
        )
    images[FIELD_KEY] = images[FIELD_KEY].astype(str)
    images["Metadata_Well"] = images["Metadata_Well"].map(canonical_well)
    for column in ([IMAGE_NUMBER], FIELD_KEY):
        twice = images.loc[images.duplicated(column), column].astype(str).agg("/".join, axis=1)
        if len(twice):
            raise UserError(
                f"{len(twice)} row(s) repeat an earlier {' / '.join(column)}: "
                f"{listed(twice.tolist())}",
                where=f"{source}, table {IMAGE}",
                remedy="Import one analysis at a time.",
            )
    for name in COMPARTMENTS:
        numbers = _numbers(tables[name][IMAGE_NUMBER], source, name)
        strange = sorted(set(numbers) - set(images[IMAGE_NUMBER]))
        if strange:
            raise UserError(
                f"{len(strange)} image number(s) are not in the table {IMAGE}: {listed(strange)}",
                where=f"{source}, table {name}",
                remedy="All tables must come from one analysis.",
            )
    return images


def _numbers(values: pd.Series, source: Path, table: str) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.isna().any():
        raise UserError(
            f"{int(numbers.isna().sum())} value(s) of {IMAGE_NUMBER} are no numbers",
            where=f"{source}, table {table}",
        )
    return numbers.astype(np.int64)


def _single_cells(source: Path) -> pd.DataFrame:
    """CytoTable's join: one row per cell."""
    import cytotable
    import duckdb_extensions
    from parsl.config import Config
    from parsl.executors.threads import ThreadPoolExecutor

    for extension in EXTENSIONS:
        duckdb_extensions.import_extension(extension)
    kind = "sqlite" if source.is_file() else "csv"
    with tempfile.TemporaryDirectory() as folder:
        # Parsl would start processes and write its logs to the working folder.
        config = Config(
            executors=[ThreadPoolExecutor(max_threads=1)],
            run_dir=str(Path(folder) / "parsl"),
            initialize_logging=False,
        )
        joined = cytotable.convert(
            source_path=str(source),
            dest_path=str(Path(folder) / "cells.parquet"),
            source_datatype=kind,
            preset=f"cellprofiler_{kind}",
            parsl_config=config,
        )
        return pd.read_parquet(joined)
