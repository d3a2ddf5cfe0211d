"""CellProfiler's own output against pandas on the raw tables, and against CytoTable."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cytotable
import duckdb_extensions
import numpy as np
import pandas as pd
import pytest
from parsl.config import Config
from parsl.executors.threads import ThreadPoolExecutor

from phenoprot.core import sqlite

from .measured_plates import (
    COMPARTMENTS,
    REAL,
    Said,
    Tables,
    as_csv,
    as_sqlite,
    expected_means,
    import_cellprofiler,
    message,
)

pytestmark = pytest.mark.usefixtures("here")


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
) -> None:
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


def test_cells_that_are_lost_in_the_join(two: Tables, tmp_path: Path) -> None:
    orphans = two["Cytoplasm"].copy()
    orphans.loc[:8, "Parent_Cells"] = 0
    assert message(as_csv({**two, "Cytoplasm": orphans}, tmp_path / "a")) == (
        "SOURCE: 109 cytoplasms, of which 100 have one cell and one nucleus in their image. "
        "Parent_Cells and Parent_Nuclei of the cytoplasms must name objects of their image: export "
        "all tables from one analysis."
    )


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
def test_no_cell_anywhere(two: Tables, tmp_path: Path, write: Callable[..., Path]) -> None:
    none = {name: table if name == "Image" else table.iloc[:0] for name, table in two.items()}
    table = import_cellprofiler(write(none, tmp_path / "a"))
    assert table["Metadata_CellCount"].tolist() == [0, 0, 0]
    assert table.iloc[:, 4:].isna().all(axis=None)


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
@pytest.mark.parametrize("word", ["None", "NA", "nan", ""])
def test_words_among_numbers_are_missing_values(
    two: Tables, good: pd.DataFrame, tmp_path: Path, write: Callable[..., Path], word: str
) -> None:
    column = "Neighbors_NumberOfNeighbors_5"
    cells = two["Cells"].astype({column: object})
    cells.loc[cells["ImageNumber"] == 1, column] = word
    cells.loc[60, column] = word
    said = Said()
    table = import_cellprofiler(write({**two, "Cells": cells}, tmp_path / "a"), said)
    kept = two["Cells"].drop(index=60).query("ImageNumber == 2")[column]
    assert table[f"Cells_{column}"].tolist()[0] == pytest.approx(kept.mean(), rel=1e-12)
    assert np.isnan(table[f"Cells_{column}"][2])
    others = table.columns.drop(f"Cells_{column}")
    pd.testing.assert_frame_equal(table[others], good[others], check_exact=True)
    if word in {"None", "NA"}:  # nan is what CellProfiler itself writes
        (warning,) = said
        assert "41 cell(s) of 1 feature(s)" in warning
        assert f"'{word}': read as missing: Cells_{column}" in warning
    else:
        assert said == []


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
@pytest.mark.parametrize("text", ["1,5", "#DIV/0!", "x"])
def test_text_among_numbers_is_refused_by_name(
    two: Tables, tmp_path: Path, write: Callable[..., Path], text: str
) -> None:
    cells = two["Cells"].astype({"AreaShape_Area": object})
    cells.loc[5, "AreaShape_Area"] = text
    found = message(write({**two, "Cells": cells}, tmp_path / "a"))
    assert "table Cells: 1 feature(s) have text among their numbers" in found
    assert f"Cells_AreaShape_Area (1 cell(s): '{text}'" in found


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
def test_a_column_of_text_is_left_out_by_name(
    two: Tables, good: pd.DataFrame, tmp_path: Path, write: Callable[..., Path]
) -> None:
    cells = two["Cells"].assign(Classify_Phenotype="round", Metadata_Well="A01", Metadata_Site=1)
    said = Said()
    table = import_cellprofiler(write({**two, "Cells": cells}, tmp_path / "a"), said)
    pd.testing.assert_frame_equal(table, good)
    (warning,) = said
    assert "1 column(s) hold text only: left out: Cells_Classify_Phenotype ('round'" in warning


def test_a_column_that_is_empty_at_first_is_read(
    two: Tables, good: pd.DataFrame, tmp_path: Path
) -> None:
    # DuckDB takes the type of a column from its first rows.
    cells = two["Cells"].copy()
    cells["AreaShape_Late"] = [np.nan] * 108 + [2.5]
    table = import_cellprofiler(as_csv({**two, "Cells": cells}, tmp_path / "a"))
    assert table["Cells_AreaShape_Late"][0] == 2.5
    assert table.drop(columns="Cells_AreaShape_Late").equals(good)


def test_names_of_experiments(two: Tables, good: pd.DataFrame, tmp_path: Path) -> None:
    source = as_csv(two, tmp_path / "a")
    for path in sorted(source.glob("*.csv")):
        path.rename(source / f"MyExpt_{path.name}")
    (source / "MyExpt_Experiment.csv").write_text("Key,Value\n")
    (source / "MyExpt_Filtered_Cells.csv").write_text("ImageNumber\n")
    assert import_cellprofiler(source).equals(good)
    database = as_sqlite(two, tmp_path / "b")
    with closing(sqlite3.connect(database)) as connection:
        for name in ("Image", *COMPARTMENTS):
            odd = f'My "Expt"; DROP TABLE x--_Per_{name}'.replace('"', '""')
            connection.execute(f'ALTER TABLE Per_{name} RENAME TO "{odd}"')
        connection.commit()
    odd_place = database.rename(tmp_path / "it's 100% odd?#.DB")
    pd.testing.assert_frame_equal(import_cellprofiler(odd_place), good)


def test_a_folder_for_each_site(two: Tables, good: pd.DataFrame, tmp_path: Path) -> None:
    """Each folder counts its images from 1."""
    for image in (1, 2, 3):
        its = {name: table[table["ImageNumber"] == image] for name, table in two.items()}
        its = {name: table.assign(ImageNumber=1) for name, table in its.items()}
        (tmp_path / "analysis").mkdir(exist_ok=True)
        as_csv(its, tmp_path / "analysis" / f"site {image}")
    pd.testing.assert_frame_equal(import_cellprofiler(tmp_path / "analysis"), good)
    as_csv(two, tmp_path / "analysis" / "copy")
    found = message(tmp_path / "analysis")
    assert "3 row(s) repeat an earlier Metadata_Plate / Metadata_Well / Metadata_Site" in found
    (tmp_path / "analysis" / "copy" / "Cells.csv").unlink()
    found = message(tmp_path / "analysis")
    assert found.startswith("SOURCE/copy: 1 of 4 CellProfiler tables are missing: Cells.csv.")


def test_folders_of_different_pipelines(two: Tables, tmp_path: Path) -> None:
    (tmp_path / "analysis").mkdir()
    for image in (1, 2):
        its = {name: table[table["ImageNumber"] == image] for name, table in two.items()}
        if image == 2:
            its["Nuclei"] = its["Nuclei"].drop(columns="AreaShape_Eccentricity")
        as_csv(its, tmp_path / "analysis" / str(image))
    found = message(tmp_path / "analysis")
    assert "table Nuclei: 1 feature(s) are not in the tables of all folders" in found
    assert "Nuclei_AreaShape_Eccentricity" in found


@pytest.mark.parametrize(
    ("name", "column", "values", "expected"),
    [
        ("Image", "ImageNumber", ["1", "nan", "3"], "1 value(s) of ImageNumber are no whole"),
        ("Image", "ImageNumber", ["1", "2.5", "3"], "1 value(s) of ImageNumber are no whole"),
        ("Image", "ImageNumber", ["1", "1e30", "3"], "1 value(s) of ImageNumber are no whole"),
        ("Image", "Metadata_Plate", ["nan", "None", "P"], "2 image(s) without plate, well or"),
        ("Image", "Metadata_Well", ["A00", "A01", "AG1"], "2 name(s) of Metadata_Well are no"),
        ("Cells", "ImageNumber", "", "109 value(s) of ImageNumber are no whole numbers"),
        ("Cells", "ObjectNumber", 1, "107 row(s) repeat an earlier ImageNumber / ObjectNumber"),
        ("Nuclei", "ObjectNumber", "x", "109 value(s) of ObjectNumber are no whole numbers"),
        ("Cytoplasm", "Parent_Cells", "1.5", "109 value(s) of Parent_Cells are no whole numbers"),
    ],
)
def test_keys_that_are_none(
    two: Tables, tmp_path: Path, name: str, column: str, values: object, expected: str
) -> None:
    source = as_csv({**two, name: two[name].assign(**{column: values})}, tmp_path / "a")
    assert f"SOURCE, table {name}: {expected}" in message(source)


def test_a_table_that_is_damaged(two: Tables, tmp_path: Path) -> None:
    source = as_csv(two, tmp_path / "a")
    text = (source / "Nuclei.csv").read_text()
    (source / "Nuclei.csv").write_text(text[:-30])
    assert "1 line(s) do not have the" in message(source)
    (source / "Nuclei.csv").write_text(text + "1,2\n")
    assert "line 111 has 2" in message(source)
    (source / "Nuclei.csv").write_text("")
    assert "the file is empty" in message(source)


def test_text_that_is_not_utf8(two: Tables, tmp_path: Path) -> None:
    source = as_csv(two, tmp_path / "a")
    cells = source / "Cells.csv"
    good = cells.read_bytes()
    cells.write_bytes(good[:-2] + b"\xff" + good[-2:])  # whether its column is read or not
    assert "1 line(s) are not UTF-8 text: line 110 (byte 0xff)" in message(source)
    cells.write_bytes(good)
    plate = two["Image"]["Metadata_Plate"].iloc[0].encode()
    image = source / "Image.csv"
    image.write_bytes(image.read_bytes().replace(plate, b"\xb5x", 1))
    assert "1 line(s) are not UTF-8 text: line 2 (byte 0xb5)" in message(source)
    path = as_sqlite(two, tmp_path / "b")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE Per_Image SET Image_Metadata_Plate = CAST(X'B578' AS TEXT)")
        connection.commit()
    assert "table Per_Image: holds text that is not UTF-8: " in message(path)
    assert "xb5x" in message(path)


def test_sqlite_files_that_cannot_be_read(two: Tables, tmp_path: Path) -> None:
    path = as_sqlite(two, tmp_path / "a")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "cannot be read as CellProfiler's SQLite file: " in message(path)
    path.write_bytes(b"")
    assert "4 of 4 CellProfiler tables are missing" in message(path)
    path.write_bytes(content)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        monkey = pytest.MonkeyPatch()
        monkey.setattr(sqlite, "LOCK_SECONDS", 0.1)
        assert "database is locked. Close the program" in message(path)
        monkey.undo()
    with closing(sqlite3.connect(path)) as connection:
        for name in ("Image", *COMPARTMENTS):
            connection.execute(f"CREATE TABLE Other_Per_{name} AS SELECT * FROM Per_{name}")
        connection.commit()
    assert "holds 2 analyses: 'Per_Image', 'Other_Per_Image'" in message(path)


def test_an_sqlite_file_that_lacks_its_last_bytes(two: Tables, tmp_path: Path) -> None:
    path = as_sqlite(two, tmp_path / "a")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert f"SOURCE: is cut: it has {len(content) - 1} bytes" in message(path)
    path.write_bytes(content + b"more")  # harmless: SQLite does not read it
    assert import_cellprofiler(path)["Metadata_CellCount"].sum() == 109


def test_an_sqlite_file_with_pages_in_its_log(two: Tables, tmp_path: Path) -> None:
    path = as_sqlite(two, tmp_path / "a")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE Notes AS SELECT * FROM Per_Cells")
        connection.commit()
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0
        assert import_cellprofiler(path)["Metadata_CellCount"].sum() == 109


def test_special_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.sqlite")
    assert message(tmp_path / "x.sqlite").startswith("SOURCE: is a named pipe, expected a file")


def test_cells_without_a_cytoplasm_are_counted(two: Tables, tmp_path: Path) -> None:
    said = Said()
    source = as_csv({**two, "Cytoplasm": two["Cytoplasm"].iloc[:-9]}, tmp_path / "a")
    table = import_cellprofiler(source, said)
    assert table["Metadata_CellCount"].sum() == 100
    assert said == [f"{source}: 9 of 109 cells have no cytoplasm: left out"]


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
def test_cells_and_no_cytoplasm_at_all(
    two: Tables, tmp_path: Path, write: Callable[..., Path]
) -> None:
    source = write({**two, "Cytoplasm": two["Cytoplasm"].iloc[:0]}, tmp_path / "a")
    assert message(source).startswith("SOURCE: 109 cells, and no cytoplasm. Export the table")


@pytest.mark.parametrize("write", [as_csv, as_sqlite])
@pytest.mark.parametrize("number", ["inf", "-Infinity", "1e999", "9" * 400])
def test_infinite_numbers_are_missing_and_counted(
    two: Tables, tmp_path: Path, write: Callable[..., Path], number: str
) -> None:
    cells = two["Cells"].astype({"AreaShape_Area": object})
    # SQLite holds infinity as a number.
    cells.loc[[50, 60], "AreaShape_Area"] = number if write is as_csv else float(number)
    said = Said()
    table = import_cellprofiler(write({**two, "Cells": cells}, tmp_path / "a"), said)
    kept = two["Cells"].drop(index=[50, 60]).query("ImageNumber == 2")["AreaShape_Area"]
    assert table["Cells_AreaShape_Area"][0] == pytest.approx(kept.mean(), rel=1e-12)
    (warning,) = said
    assert "2 cell(s) of 1 feature(s) hold " in warning
    assert "read as missing: Cells_AreaShape_Area" in warning


def test_cytotable_joins_the_same_cells(two: Tables, tmp_path: Path) -> None:
    """Values of CytoTable's own table, averaged by pandas."""
    renumbered = two["Cytoplasm"].sample(frac=1, random_state=5)
    swap = {n: 41 - n for n in range(1, 41)}
    tables = {**two, "Cytoplasm": renumbered}

    def swapped(table: pd.DataFrame, column: str) -> pd.Series:
        """Numbers of cells that are not those of their cytoplasms, in the first image."""
        first = table["ImageNumber"] == 1
        return table[column].map(lambda n: swap.get(n, n)).where(first, table[column])

    numbers = swapped(two["Cells"], "ObjectNumber")
    tables["Cells"] = two["Cells"].assign(ObjectNumber=numbers, Number_Object_Number=numbers)
    tables["Cytoplasm"] = renumbered.assign(Parent_Cells=swapped(renumbered, "Parent_Cells"))
    source = as_csv(tables, tmp_path / "csv")
    for extension in ("sqlite_scanner", "httpfs"):  # from packages: nothing is downloaded
        duckdb_extensions.import_extension(extension)
    config = Config(
        executors=[ThreadPoolExecutor(max_threads=1)],
        run_dir=str(tmp_path / "parsl"),
        initialize_logging=False,
    )
    joined = pd.read_parquet(
        cytotable.convert(
            source_path=str(source),
            dest_path=str(tmp_path / "cells.parquet"),
            source_datatype="csv",
            preset="cellprofiler_csv",
            parsl_config=config,
        )
    )
    table = import_cellprofiler(source)
    assert len(joined) == table["Metadata_CellCount"].sum() == 109
    features = list(table.columns[4:])
    means = joined.groupby("Metadata_ImageNumber")[features].mean()
    ours = table.set_index("Metadata_Well").loc[["B01", "A02"], features]
    np.testing.assert_allclose(ours, means.loc[[1, 2]], rtol=1e-12)
