"""CellProfiler's own output, through CytoTable, against pandas on the raw tables."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.errors import UserError
from phenoprot.features import cytotable
from phenoprot.features.cytotable import import_cellprofiler

REAL = Path(__file__).parent / "data" / "cellprofiler_csv"
COMPARTMENTS = ("Cells", "Nuclei", "Cytoplasm")

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def real() -> Tables:
    """109 cells of one field of view."""
    return {name: pd.read_csv(REAL / f"{name}.csv") for name in ("Image", *COMPARTMENTS)}


@pytest.fixture(scope="module")
def two(real: Tables) -> Tables:
    """Three fields: the cells dealt out to the first two, renumbered; the third has none."""
    tables = {}
    for name in COMPARTMENTS:
        table = real[name].copy()
        first = table["ObjectNumber"] <= 40
        table["ImageNumber"] = np.where(first, 1, 2)
        for column in table.columns.intersection(
            ["ObjectNumber", "Number_Object_Number", "Parent_Cells", "Parent_Nuclei"]
        ):
            table[column] = np.where(first, table[column], table[column] - 40)
        tables[name] = table
    images = pd.concat([real["Image"]] * 3, ignore_index=True)
    wells = {"ImageNumber": [1, 2, 3], "Metadata_Well": ["B01", "a2", "A03"]}
    return {"Image": images.assign(**wells), **tables}


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


def test_the_real_tables_are_the_published_ones() -> None:
    lines = (REAL / "SOURCE.txt").read_text().split("sha256\n")[1].splitlines()
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((REAL / name).read_bytes()).hexdigest() == digest
    assert len(lines) == 4


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
def test_means_of_three_fields(
    two: Tables,
    tmp_path: Path,
    write: Callable[[Tables, Path], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    table = import_cellprofiler(write(two, tmp_path / "source"))
    assert table.iloc[:, :4].to_numpy().tolist() == [
        ["BR00116991", "A02", "1", 69],
        ["BR00116991", "A03", "1", 0],
        ["BR00116991", "B01", "1", 40],
    ]
    for row, image in ((0, 2), (2, 1)):
        expected = expected_means(two, image)
        assert set(table.columns[4:]) == set(expected)
        for column, mean in expected.items():
            assert table.loc[row, column] == pytest.approx(mean, rel=1e-9), column
    assert table.iloc[1, 4:].isna().all()
    # Neither Parsl nor CytoTable leaves a trace.
    assert not list((tmp_path / "cwd").iterdir())


def message(source: Path) -> str:
    with pytest.raises(UserError) as error:
        import_cellprofiler(source)
    return str(error.value).replace(str(source), "SOURCE")


def test_no_such_tables(two: Tables, tmp_path: Path) -> None:
    source = as_csv({"Image": two["Image"], "Cells": two["Cells"]}, tmp_path / "a")
    remedy = (
        "Name the folder that ExportToSpreadsheet wrote, or the SQLite file of ExportToDatabase."
    )
    assert message(source) == (
        f"SOURCE: 2 of 4 CellProfiler tables are missing: Nuclei.csv, Cytoplasm.csv. {remedy}"
    )
    assert message(tmp_path / "nowhere") == f"SOURCE: no such file or folder. {remedy}"
    source = as_sqlite({"Image": two["Image"], "Cells": two["Cells"]}, tmp_path / "b")
    assert message(source) == (
        "SOURCE: 2 of 4 CellProfiler tables are missing: Per_Nuclei, Per_Cytoplasm. Export one "
        "table per object type (ExportToDatabase)."
    )


def test_files_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("no database, but long enough to be told apart" * 10)
    assert message(tmp_path / "x.sqlite") == (
        "SOURCE: cannot be read as CellProfiler's SQLite file: file is not a database. Export it "
        "again (ExportToDatabase)."
    )
    (tmp_path / "x.txt").touch()
    assert message(tmp_path / "x.txt").startswith("SOURCE: is neither a folder nor an .sqlite file")


def test_image_numbers_that_do_not_fit(two: Tables, tmp_path: Path) -> None:
    source = as_csv({**two, "Image": two["Image"].iloc[[0, 2]]}, tmp_path / "a")
    assert message(source) == (
        "SOURCE, table Nuclei: 1 image number(s) are not in the table Image: 2. All tables must "
        "come from one analysis."
    )
    source = as_sqlite({**two, "Image": two["Image"].iloc[[1, 2]]}, tmp_path / "b")
    assert "1 image number(s) are not in the table Image: 1." in message(source)


def test_images_that_occur_twice(two: Tables, tmp_path: Path) -> None:
    image = two["Image"]
    source = as_csv({**two, "Image": image.assign(ImageNumber=[1, 2, 2])}, tmp_path / "a")
    assert "table Image: 1 row(s) repeat an earlier ImageNumber: 2." in message(source)
    source = as_csv({**two, "Image": image.assign(Metadata_Well="A01")}, tmp_path / "b")
    assert (
        "2 row(s) repeat an earlier Metadata_Plate / Metadata_Well / Metadata_Site: "
        "BR00116991/A01/1, BR00116991/A01/1." in message(source)
    )


def test_images_without_a_key(two: Tables, tmp_path: Path) -> None:
    source = as_csv({**two, "Image": two["Image"].drop(columns="Metadata_Site")}, tmp_path / "a")
    assert message(source) == (
        "SOURCE, table Image: column(s) missing: Metadata_Site. They come from the Metadata_ "
        "columns of LoadData."
    )
    empty = two["Image"].assign(Metadata_Well=["A01", None, None])
    source = as_csv({**two, "Image": empty}, tmp_path / "b")
    assert message(source) == (
        "SOURCE, table Image: 2 image(s) without plate, well or site: ImageNumber 2, 3. Fill these "
        "cells."
    )


def test_cells_that_are_lost_in_the_join(
    two: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What CytoTable joins is counted against the cytoplasms that there are.
    joined = pd.DataFrame({"Metadata_ImageNumber": [1] * 100})
    monkeypatch.setattr(cytotable, "_single_cells", lambda _: joined)
    assert message(as_csv(two, tmp_path / "a")) == (
        "SOURCE: 109 cytoplasms, of which 100 have one cell and one nucleus in their image. "
        "Parent_Cells and Parent_Nuclei of the cytoplasms must name objects of their image: export "
        "all tables from one analysis."
    )
