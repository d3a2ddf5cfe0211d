"""Feature tables of other programs: keys, features, cells, and what is left out."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.imports.profiles import Profiles, cleaned, is_normalised, read_profiles

WELLS = pd.DataFrame(
    {
        "Metadata_Plate": "P1",
        "Metadata_Well": [f"A{i:02d}" for i in range(1, 13)],
        "Metadata_Control": ["negcon"] * 8 + [""] * 4,
    }
)


def table(**columns: object) -> pd.DataFrame:
    wells = [name.lower().replace("a0", "A") for name in WELLS["Metadata_Well"]]
    first = {"Metadata_Plate": "P1", "Metadata_Well": wells}
    return pd.DataFrame(
        first | {"Cells_x": np.arange(12.0), "Nuclei_y": np.arange(12.0) ** 2}
    ).assign(**columns)


def test_text_and_parquet_and_anndata_are_one(tmp_path: Path) -> None:
    given = table(Metadata_pert_iname="X")
    given.to_csv(tmp_path / "a.csv.gz", index=False)
    given.to_csv(tmp_path / "b.tsv", sep="\t", index=False)
    given.to_csv(tmp_path / "c.csv", sep=";", index=False)
    given.to_parquet(tmp_path / "d.parquet")
    anndata.AnnData(
        X=given[["Cells_x", "Nuclei_y"]].to_numpy(),
        obs=given[["Metadata_Plate", "Metadata_Well"]]
        .assign(pert_iname="X")
        .set_axis([f"r{i}" for i in range(12)]),
        var=pd.DataFrame(index=["Cells_x", "Nuclei_y"]),
    ).write_h5ad(tmp_path / "e.h5ad")
    for path in sorted(tmp_path.iterdir()):
        read = read_profiles([path])
        assert read.name == "cellprofiler"
        assert read.table["Metadata_Well"].tolist() == WELLS["Metadata_Well"].tolist(), path
        assert read.table["Nuclei_y"].tolist() == (np.arange(12.0) ** 2).tolist()
        assert set(read.about["Metadata_pert_iname"]) == {"X"}


def test_cells_are_averaged_and_counted(tmp_path: Path) -> None:
    cells = pd.DataFrame(
        {
            "Image_Metadata_Plate": "P1",
            "Image_Metadata_Well": ["A01", "A01", "A01", "A02"],
            "Image_Metadata_Site": [1, 1, 2, 1],
            "Metadata_ImageNumber": [1, 1, 2, 3],
            "Cells_Number_Object_Number": [1, 2, 1, 1],
            "Cells_Location_Center_X": [5.0, 6.0, 7.0, 8.0],
            "Cells_AreaShape_Area": [10.0, 20.0, 50.0, 7.0],
        }
    )
    cells.to_parquet(tmp_path / "cytotable.parquet")
    read = read_profiles([tmp_path / "cytotable.parquet"])
    assert read.table["Cells_AreaShape_Area"].tolist() == [15.0, 50.0, 7.0]
    assert read.table["Metadata_CellCount"].tolist() == [2, 1, 1]
    assert read.table["Metadata_Site"].tolist() == ["1", "2", "1"]
    assert [column for column in read.table if not column.startswith("Metadata_")] == [
        "Cells_AreaShape_Area"
    ]


def test_features_that_every_file_has(tmp_path: Path) -> None:
    table(Cells_z=1.0).to_parquet(tmp_path / "a.parquet")
    table(Metadata_Plate="P2").to_parquet(tmp_path / "b.parquet")
    read = read_profiles([tmp_path])
    assert list(read.table) == ["Metadata_Plate", "Metadata_Well", "Cells_x", "Nuclei_y"]
    assert read.lines == ["1 of 3 features are not in all files: left out"]
    table(Metadata_Plate="P3").rename(columns={"Cells_x": "x", "Nuclei_y": "y"}).to_parquet(
        tmp_path / "c.parquet"
    )
    with pytest.raises(UserError, match="0 of 5 features stand in all 3 files"):
        read_profiles([tmp_path])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (table().drop(columns="Metadata_Plate"), "no column names the plate.*--plate"),
        (table(Metadata_Well="A01"), "1 of the wells or fields have more than one row: P1/A01"),
        (table(Metadata_Well="A99"), "'A99' lies beyond"),
        (table()[["Metadata_Plate", "Metadata_Well"]], "no column is a feature"),
    ],
)
def test_what_is_refused(tmp_path: Path, given: pd.DataFrame, message: str) -> None:
    given.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=message):
        read_profiles([tmp_path / "t.csv"])


def test_what_is_left_out() -> None:
    holes = np.arange(12.0)
    holes[3] = np.inf
    more = {f"Cells_{i}": np.arange(12.0) + i for i in range(4)}
    given = table(Metadata_Well=WELLS["Metadata_Well"], Cells_hole=holes, Cells_flat=2.0, **more)
    empty = given.iloc[[0]].assign(Metadata_Well="B01")
    nothing = given.iloc[[-1]].copy()
    nothing.iloc[:, 2:] = np.nan
    given = pd.concat([given.iloc[:-1], nothing, empty], ignore_index=True)
    out = cleaned(Profiles("t", given, given), WELLS)
    assert list(out.table)[2:] == ["Cells_x", "Nuclei_y", *more]
    assert out.lines == [
        "1 row(s) of wells that are not in the layout left out",
        "1 row(s) without any feature left out",
        "1 feature(s) missing or infinite in some well: left out",
        "1 feature(s) equal in all wells: left out",
    ]
    with pytest.raises(UserError, match="no row is of a well of the layout: plates P1"):
        cleaned(Profiles("t", given, given), WELLS.assign(Metadata_Plate="Q"))


@pytest.mark.parametrize(
    ("shift", "scale", "expected"), [(0, 1, True), (0, 10, False), (2, 1, False), (0, 0.01, False)]
)
def test_normalised_is_told_from_the_controls(shift: float, scale: float, expected: bool) -> None:
    values = np.random.default_rng(0).normal(size=(12, 30))
    values[:8] = (values[:8] - values[:8].mean(0)) / values[:8].std(0, ddof=1)
    features = pd.DataFrame(values * scale + shift, columns=[f"f{i}" for i in range(30)])
    given = pd.concat([WELLS[["Metadata_Plate", "Metadata_Well"]], features], axis=1)
    assert is_normalised(given, WELLS) == expected
