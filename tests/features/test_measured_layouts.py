"""CellProfiler's own output in each layout of a plate: the same values as from one folder."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from phenoprot.features import measured, sites
from phenoprot.features.exports import find_exports
from phenoprot.features.objects import Columns

from .measured_plates import (
    Said,
    Tables,
    as_cytominer_database,
    as_per_object,
    import_cellprofiler,
    message,
    one_folder_each,
)

pytestmark = pytest.mark.usefixtures("here")


def test_names_of_folders_stand_in_for_metadata(
    two: Tables, good: pd.DataFrame, tmp_path: Path
) -> None:
    source = one_folder_each(two, tmp_path / "BR00116991", metadata=False)
    pd.testing.assert_frame_equal(import_cellprofiler(source), good, check_exact=True)


@pytest.mark.parametrize("number", [lambda n: n, lambda n: f"{n:032x}", lambda n: str(n * 10**30)])
def test_cytominer_database(
    two: Tables, good: pd.DataFrame, tmp_path: Path, number: Callable[[int], object]
) -> None:
    source = as_cytominer_database(two, tmp_path / "plate.sqlite", number)
    pd.testing.assert_frame_equal(import_cellprofiler(source), good, check_exact=True)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("UPDATE Nuclei SET TableNumber = 'other' WHERE ObjectNumber < 4")
        connection.commit()
    assert "table Nuclei: 1 image number(s) are not in the table Image: 1." in message(source)


def test_one_table_of_all_objects(two: Tables, good: pd.DataFrame, tmp_path: Path) -> None:
    cells = pd.concat([two["Cells"], two["Cells"].tail(1).assign(ObjectNumber=500)])
    source = as_per_object({**two, "Cells": cells}, tmp_path / "x.db")
    said = Said()
    pd.testing.assert_frame_equal(import_cellprofiler(source, said), good, check_exact=True)
    assert said == [f"{source}: 1 of 110 cells have no cytoplasm: left out"]


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("write", [as_per_object, None])
def test_a_large_file_is_read_image_by_image(
    two: Tables,
    good: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Tables, Path], Path] | None,
    scattered: bool,
) -> None:
    monkeypatch.setattr(measured, "LARGE", 1)
    monkeypatch.setattr(measured, "PART", 2**14)
    tables = two
    if scattered:
        tables = {name: t if name == "Image" else t.sample(frac=1, random_state=3)
                  for name, t in two.items()}  # fmt: skip
    path = tmp_path / "x.sqlite"
    write = write or (lambda its, to: as_cytominer_database(its, to, str))
    source = write(tables, path)
    parts = measured._cut(find_exports(source)[0])
    assert len(parts) == (1 if scattered and write is not as_per_object else 3)
    pd.testing.assert_frame_equal(import_cellprofiler(source), good, check_exact=True)
    with closing(sqlite3.connect(source)) as connection:
        table = "MyPer_Object" if write is as_per_object else "Cytoplasm"
        connection.execute(f"UPDATE {table} SET ImageNumber = 7 WHERE rowid = 4")
        connection.commit()
    assert "1 image number(s) are not in the table Image: 7" in message(source)


def test_sites_that_cannot_be_read_are_named_together(two: Tables, tmp_path: Path) -> None:
    source = one_folder_each(two, tmp_path / "p")
    second, first, third = sorted((source / "analysis").iterdir())
    (first / "Cells.csv").write_text((first / "Cells.csv").read_text()[:-30])
    (third / "Image.csv").write_text("ImageNumber,Metadata_Plate,Metadata_Well,Metadata_Site\n")
    found = message(source)
    assert found.startswith("SOURCE: 2 of 3 sites cannot be read: ")
    assert "analysis/BR00116991-B01-1/Cells.csv: 1 line(s) do not have" in found
    assert "analysis/BR00116991-a2-1, table Image: the table has no row" in found
    assert second.name not in found


def test_sites_are_counted_that_have_other_features(two: Tables, tmp_path: Path) -> None:
    source = one_folder_each(two, tmp_path / "p")
    more = shutil.copytree(
        source / "analysis" / "BR00116991-B01-1", source / "analysis" / "BR00116991-C01-1"
    )
    image = pd.read_csv(more / "Image.csv").assign(Metadata_Well="C01")
    image.to_csv(more / "Image.csv", index=False)
    odd = source / "analysis" / "BR00116991-a2-1"
    cells = pd.read_csv(odd / "Cells.csv").rename(columns={"AreaShape_Area": "AreaShape_Other"})
    cells.to_csv(odd / "Cells.csv", index=False)
    found = message(source)
    assert "table Cells: 2 feature(s) are not in the tables of all folders" in found
    assert "1 of 3 differ from the rest: SOURCE/analysis/BR00116991-a2-1." in found


def test_only_sites_that_have_changed_are_read_again(
    two: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = one_folder_each(two, tmp_path / "p")
    read: list[str] = []
    real = sites.measure

    def measure(part: sites.Part, columns: dict[str, Columns]) -> sites.Measured:
        read.append(part.export.source.name)
        return real(part, columns)

    monkeypatch.setattr(sites, "measure", measure)
    first = import_cellprofiler(source)
    assert len(read) == 3
    path = source / "analysis" / "BR00116991-B01-1" / "Cells.csv"
    table = pd.read_csv(path)
    table.assign(AreaShape_Area=table["AreaShape_Area"] * 2).to_csv(path, index=False)
    second = import_cellprofiler(source)
    assert read[3:] == ["BR00116991-B01-1"]
    area = "Cells_AreaShape_Area"
    assert second[area][2] == 2 * first[area][2]
    assert second.drop(columns=area).equals(first.drop(columns=area))
