"""Wide readouts, one column per protein, are the long ones in another form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tests.screens.test_loader import INFO, WELLS

from phenoprot.core.errors import UserError
from phenoprot.core.tables import read_parquet
from phenoprot.screens import readout
from phenoprot.screens.contract import PROTEIN, VALUE, WELL, WELL_KEY
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.summary import describe

WIDE = pd.DataFrame(
    {
        "Metadata_Plate": "007",
        "Metadata_Well": ["a1", "B02"],
        "Metadata_Note": ["x", "y"],
        "TP53": [1.5, np.nan],
        "ALB": np.array([3, 4], dtype=np.int32),
        "GONE": [None, None],
    }
)
LONG = pd.DataFrame(
    {
        "Metadata_Plate": "007",
        "Metadata_Well": ["A01"] * 3 + ["B02"] * 3,
        "Metadata_Protein": ["TP53", "ALB", "GONE"] * 2,
        "Value": [1.5, 3.0, np.nan, np.nan, 4.0, np.nan],
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "mini"
    place.mkdir()
    (place / "wells.csv").write_text(WELLS)
    return place


def screen_of(folder: Path, table: pd.DataFrame, name: str = "p.parquet") -> Screen:
    entry = {"path": name, "content": "c", "cell_line": "c", "kind": "level",
             "design": "single_dose"}  # fmt: skip
    tables = {"wells": "wells.csv", "proteomics": entry}
    (folder / "screen.yaml").write_text(yaml.safe_dump(INFO | {"tables": tables}))
    if name.endswith(".csv"):
        table.to_csv(folder / name, index=False)
    else:
        table.to_parquet(folder / name)
    return load_screen(folder)


def test_a_wide_table_is_read_as_the_long_one(folder: Path) -> None:
    screen = screen_of(folder, WIDE)
    pd.testing.assert_frame_equal(screen.proteomics(), LONG)
    assert screen.proteins() == ["ALB", "GONE", "TP53"]


@pytest.mark.parametrize("table", [WIDE, LONG], ids=["wide", "long"])
@pytest.mark.parametrize("name", ["p.parquet", "p.csv"])
def test_some_proteins_are_read(folder: Path, table: pd.DataFrame, name: str) -> None:
    if table is WIDE and name == "p.csv":
        return  # wide tables are parquet
    screen = screen_of(folder, table, name)
    chosen = screen.proteomics({"TP53", "GONE", "unknown"})
    expected = LONG[LONG[PROTEIN] != "ALB"].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen, expected)
    assert screen.proteins() == ["ALB", "GONE", "TP53"]


@pytest.mark.parametrize("limit", [1, 100])
def test_a_large_readout_is_described_without_its_values(
    folder: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readout, "LARGEST_IN_MEMORY", limit)
    screen_of(folder, WIDE)
    if limit == 1:
        monkeypatch.setattr(Screen, "proteomics", None)
    assert "proteomics: 3 proteins x 2 wells - c" in describe(folder)


@pytest.mark.parametrize("table", [WIDE, LONG], ids=["wide", "long"])
def test_wells_of_the_readout(folder: Path, table: pd.DataFrame) -> None:
    wells = screen_of(folder, table).readout_wells()
    assert wells.to_numpy().tolist() == [["007", "A01"], ["007", "B02"]]


def test_a_row_without_its_protein_is_told(folder: Path) -> None:
    screen = screen_of(folder, LONG.assign(Metadata_Protein=["TP53", " ", None] * 2))
    with pytest.raises(UserError, match=r"p\.parquet, column Metadata_Protein: 4 of 6 row\(s\)"):
        screen.proteins()


def test_row_groups_are_read_one_by_one(tmp_path: Path) -> None:
    table = LONG.astype({PROTEIN: "category"})
    pq.write_table(pa.Table.from_pandas(table), tmp_path / "p.parquet", row_group_size=2)
    whole = read_parquet(tmp_path / "p.parquet")
    some = read_parquet(tmp_path / "p.parquet", rows=(PROTEIN, {"ALB"}))
    pd.testing.assert_frame_equal(some, whole[whole[PROTEIN] == "ALB"].reset_index(drop=True))
    none = read_parquet(tmp_path / "p.parquet", rows=(PROTEIN, set()))
    assert list(none) == list(whole)
    assert none.empty


def test_categories_of_a_wide_table_are_strings(folder: Path) -> None:
    table = WIDE.astype({"Metadata_Plate": "category", "Metadata_Well": "category"})
    read = screen_of(folder, table).proteomics()
    assert read[WELL_KEY].dtypes.tolist() == [object, object]
    assert len(read.groupby(WELL_KEY).size()) == 2  # and no well that does not exist


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (WIDE.assign(TP53=["high", "low"]), r"1 column\(s\) hold no numbers: TP53 \(object\)"),
        (WIDE.assign(TP53=[True, False]), r"1 column\(s\) hold no numbers: TP53 \(bool\)"),
        (WIDE.drop(columns=WELL), r"1 required column\(s\) missing: Metadata_Well"),
        (WIDE.assign(Metadata_Plate=7), "'Metadata_Plate' holds int64, expected strings"),
        (LONG.drop(columns=PROTEIN), r"1 required column\(s\) missing: Metadata_Protein"),
        (LONG.drop(columns=VALUE), r"1 required column\(s\) missing: Value"),
        (LONG[WELL_KEY], r"2 required column\(s\) missing: Metadata_Protein, Value"),
    ],
)
def test_faults_are_told(folder: Path, table: pd.DataFrame, said: str) -> None:
    with pytest.raises(UserError, match=rf"p\.parquet: .*{said}"):
        screen_of(folder, table).proteomics()


def test_a_wide_table_that_cannot_be_read_is_told(folder: Path) -> None:
    screen = screen_of(folder, WIDE)
    content = (folder / "p.parquet").read_bytes()
    (folder / "p.parquet").write_bytes(content[:-20])
    with pytest.raises(UserError, match=r"p\.parquet: cannot be read"):
        screen.proteomics()
