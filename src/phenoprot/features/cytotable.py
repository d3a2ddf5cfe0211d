"""Features that CellProfiler has measured, joined by CytoTable (Cytomining).

CytoTable finds the cell and the nucleus of every cytoplasm; the cells of an image are then averaged
like those of any other method. It gets the keys of the objects only. Their measurements, thousands
of columns, are read here (:mod:`phenoprot.features.objects`): DuckDB, which CytoTable reads with,
guesses the type of a column from its first rows, and a column in which it meets text is lost.

DuckDB's extensions ``sqlite_scanner`` and ``httpfs`` come in the packages duckdb-extension-*:
nothing is fetched from the internet.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core import notices
from phenoprot.core.errors import UserError, as_user_error, listed, quoted, shortened
from phenoprot.core.files import scratch_folder
from phenoprot.features.aggregate import mean_of_cells
from phenoprot.features.cellprofiler.names import COMPARTMENTS
from phenoprot.features.exports import IMAGE, Export, find_exports
from phenoprot.features.objects import (
    IMAGE_NUMBER,
    Columns,
    Objects,
    read_images,
    read_objects,
)
from phenoprot.screens.contract import CELL_COUNT, FIELD_KEY

EXTENSIONS = ("sqlite_scanner", "httpfs")
"""Of DuckDB; CytoTable loads the first and wants the second installed."""
ORDER = ("Cytoplasm", "Cells", "Nuclei")
"""Compartments in the order of the columns, as CytoTable has them."""
PARENTS = {"Cytoplasm": ("Cells", "Nuclei")}
"""Whose numbers a compartment holds."""

Warn = Callable[[str], None]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compartment:
    """One compartment of all exports."""

    objects: Objects
    """Image numbers are those of the rows of the table of images, from 1."""
    found: Columns
    """What was found in its columns."""


def import_cellprofiler(source: Path, warn: Warn = notices.warn) -> pd.DataFrame:
    """Average the cells of every field of view that CellProfiler has measured.

    Parameters
    ----------
    source
        Folder with ``Image.csv``, ``Nuclei.csv``, ``Cells.csv`` and ``Cytoplasm.csv``, or with such
        folders, one per site, at any depth; or CellProfiler's SQLite file with the tables
        ``Per_Image``, ``Per_Nuclei`` and so on. A prefix such as ``MyExpt_`` may stand before
        these names.
    warn
        Gets what was left out, one line each.

    Returns
    -------
    pandas.DataFrame
        One row per image, those without a cell too, sorted by field: the key,
        ``Metadata_CellCount``, and float64 means over the cells. Columns that say where a cell
        lies or which one it is are left out, and, with a warning, those that hold text only.

    Raises
    ------
    UserError
        Tables or keys are missing, keys do not fit each other, a field of view occurs twice, a
        feature has text among its numbers, or the tables of several folders differ in features.
    """
    source = source.absolute()
    exports = find_exports(source)
    images = _images(exports, source)
    tables = {name: _compartment(exports, images, name, source) for name in COMPARTMENTS}
    joined = _joined(tables, source)
    cytoplasms, cells = (len(tables[name].objects.number) for name in ("Cytoplasm", "Cells"))
    if len(joined) != cytoplasms:
        raise UserError(
            f"{cytoplasms} cytoplasms, of which {len(joined)} have one cell and one nucleus in "
            "their image",
            where=str(source),
            remedy="Parent_Cells and Parent_Nuclei of the cytoplasms must name objects of their "
            "image: export all tables from one analysis.",
        )
    if cytoplasms == 0 < cells:
        raise UserError(
            f"{cells} cells, and no cytoplasm",
            where=str(source),
            remedy="Export the table Cytoplasm again: cells without a cytoplasm are not counted.",
        )
    if cells > cytoplasms:
        warn(f"{source}: {cells - cytoplasms} of {cells} cells have no cytoplasm: left out")
    rows_of = [
        np.flatnonzero(joined["image"].to_numpy() == image) for image in range(1, len(images) + 1)
    ]
    counts = np.array([len(rows) for rows in rows_of], dtype=np.int32)
    parts = [images[FIELD_KEY].assign(**{CELL_COUNT: counts})]
    for name in ORDER:
        table = tables[name]
        text = _say_what_is_missing(name, table.found, source, warn)
        objects = table.objects
        order = sorted(set(objects.features) - text)
        at = _positions(objects.features, order)
        values = objects.values[joined[name].to_numpy()][:, at]
        means = np.stack([mean_of_cells(np.ascontiguousarray(values[rows])) for rows in rows_of])
        parts.append(pd.DataFrame(means, columns=order, index=images.index))
    means_of_all = pd.concat(parts, axis=1)
    return means_of_all.sort_values(FIELD_KEY, kind="stable", ignore_index=True)


def _say_what_is_missing(name: str, found: Columns, source: Path, warn: Warn) -> set[str]:
    """Warn of what is not read as a number; returns the features that hold text only."""
    try:
        text = found.text_columns()
    except UserError as error:
        raise UserError(error.what, where=f"{source}, table {name}", remedy=error.remedy) from None
    if text:
        shown = [f"{column} ({found.wrong[column][0]})" for column in text]
        warn(
            f"{source}, table {name}: {len(text)} column(s) hold text only: left out: "
            f"{listed(shown, 3)}"
        )
    missing = {column: words for column, words in found.missing.items() if column not in text}
    if missing:
        every: Counter[str] = sum(missing.values(), Counter())
        words = listed([quoted(word) for word in every])
        warn(
            f"{source}, table {name}: {every.total()} cell(s) of {len(missing)} feature(s) hold "
            f"{words}: read as missing: {listed(list(missing), 3)}"
        )
    return set(text)


def _images(exports: list[Export], source: Path) -> pd.DataFrame:
    """Every image: its export, number and field key."""
    images = pd.concat(
        [read_images(export).assign(export=n) for n, export in enumerate(exports)],
        ignore_index=True,
    )
    twice = images.loc[images.duplicated(FIELD_KEY), FIELD_KEY].agg("/".join, axis=1)
    if len(twice):
        raise UserError(
            f"{len(twice)} row(s) repeat an earlier {' / '.join(FIELD_KEY)}: "
            f"{listed(twice.tolist())}",
            where=exports[0].where(IMAGE) if len(exports) == 1 else str(source),
            remedy="Import one analysis at a time.",
        )
    return images


def _compartment(
    exports: list[Export], images: pd.DataFrame, name: str, source: Path
) -> Compartment:
    """Objects of all exports, by the rows of the table of images, from 1."""
    found = Columns()
    parents = PARENTS.get(name, ())
    parts, rows = [], []
    for number, export in enumerate(exports):
        objects = read_objects(export, name, parents, found)
        of = images.index[images["export"] == number]
        known = pd.Series(of + 1, index=images.loc[of, IMAGE_NUMBER])
        strange = sorted(set(objects.image.tolist()) - set(known.index))
        if strange:
            raise UserError(
                f"{len(strange)} image number(s) are not in the table {IMAGE}: {listed(strange)}",
                where=export.where(name),
                remedy="All tables must come from one analysis.",
            )
        rows.append(known.reindex(objects.image).to_numpy(dtype=np.int64))
        parts.append(objects)
    # A table without an object may lack columns.
    filled = [part for part in parts if len(part.number)] or parts[:1]
    features = filled[0].features
    odd = sorted({f for part in filled for f in set(part.features) ^ set(features)})
    if odd:
        raise UserError(
            f"{len(odd)} feature(s) are not in the tables of all folders: {listed(odd, 3)}",
            where=f"{source}, table {name}",
            remedy="Import folders of one pipeline at a time.",
        )
    values = [part.values[:, _positions(part.features, features)] for part in filled]
    return Compartment(
        Objects(
            image=np.concatenate(rows),
            number=np.concatenate([part.number for part in parts]),
            parents={
                parent: np.concatenate([part.parents[parent] for part in parts])
                for parent in parents
            },
            features=features,
            values=np.concatenate(values),
        ),
        found,
    )


def _positions(names: list[str], wanted: list[str]) -> list[int]:
    at = {name: position for position, name in enumerate(names)}
    return [at[name] for name in wanted]


def _joined(tables: dict[str, Compartment], source: Path) -> pd.DataFrame:
    """CytoTable's join: for every cytoplasm its ``image``, and the row of each compartment."""
    objects = {name: table.objects for name, table in tables.items()}
    if not len(objects["Cytoplasm"].number):
        return pd.DataFrame({name: np.empty(0, np.int64) for name in ("image", *ORDER)})
    frames = {
        name: pd.DataFrame(
            {
                IMAGE_NUMBER: its.image,
                "ObjectNumber": its.number,
                "Number_Object_Number": its.number,
                **{f"Parent_{parent}": numbers for parent, numbers in its.parents.items()},
                "Row": np.arange(len(its.number)),
            }
        )
        for name, its in objects.items()
    }
    images = np.unique(objects["Cytoplasm"].image)
    frames[IMAGE] = pd.DataFrame({IMAGE_NUMBER: images, "FileName_DNA": "-"})
    if not all(len(frame) for frame in frames.values()):  # cytoplasms without any cell or nucleus
        return pd.DataFrame({name: np.empty(0, np.int64) for name in ("image", *ORDER)})
    try:
        joined = _cytotable(frames)
    except Exception as error:
        known = as_user_error(error)
        raise known or UserError(
            f"CytoTable cannot join the tables: {type(error).__name__}: "
            f"{shortened(str(error), 300)}",
            where=str(source),
            remedy="Check that the folder for temporary files can be written to (TMPDIR).",
        ) from None
    names = {"image": f"Metadata_{IMAGE_NUMBER}"} | {name: f"{name}_Row" for name in ORDER}
    rows = pd.DataFrame({to: joined[column].astype(np.int64) for to, column in names.items()})
    # Sums over cells depend on their order in the last digit.
    return rows.iloc[np.lexsort((objects["Cytoplasm"].number[rows["Cytoplasm"]], rows["image"]))]


def _cytotable(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per cytoplasm that has a cell and a nucleus."""
    import cytotable
    import duckdb_extensions
    from parsl.config import Config
    from parsl.executors.threads import ThreadPoolExecutor

    with scratch_folder("cytotable") as folder, _writable_home(folder):
        for extension in EXTENSIONS:
            duckdb_extensions.import_extension(extension)
        source = folder / "keys"
        source.mkdir()
        for name, frame in frames.items():
            frame.to_csv(source / f"{name}.csv", index=False)
        # Parsl would start processes and write its logs to the working folder.
        config = Config(
            executors=[ThreadPoolExecutor(max_threads=1)],
            run_dir=str(folder / "parsl"),
            initialize_logging=False,
        )
        joined = cytotable.convert(
            source_path=str(source),
            dest_path=str(folder / "cells.parquet"),
            source_datatype="csv",
            preset="cellprofiler_csv",
            parsl_config=config,
        )
        return pd.read_parquet(joined)


@contextmanager
def _writable_home(folder: Path) -> Iterator[None]:
    """Let DuckDB, which keeps its extensions in HOME, have another one where that is read-only."""
    home = os.environ.get("HOME")
    if home is not None and os.access(home, os.W_OK):
        yield
        return
    os.environ["HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["HOME"]
        if home is not None:
            os.environ["HOME"] = home
