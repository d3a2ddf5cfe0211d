"""Embeddings computed elsewhere: means by hand and by pandas, faults by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.errors import UserError
from phenoprot.features.imported import import_embeddings

WELLS = pd.DataFrame({"Metadata_Plate": ["P1", "P1", "P2"], "Metadata_Well": ["A01", "A02", "A01"]})
FIELDS = pd.DataFrame(
    {
        "Metadata_Plate": ["P1", "P1", "P2", "P1"],
        "Metadata_Well": ["a1", "A01", "A01", "A02"],
        "Metadata_Site": ["1", "2", "1", "1"],
        "Metadata_Model": ["mine"] * 4,
        "e0": [1.0, 3.0, 10.0, 7.0],
        "e1": [np.nan, 4.0, 5.0, np.nan],
    }
)


def write(table: pd.DataFrame, folder: Path, name: str = "mine.parquet") -> Path:
    path = folder / name
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("name", ["mine.parquet", "mine.csv"])
def test_fields_are_averaged_to_wells(tmp_path: Path, name: str) -> None:
    found = import_embeddings(write(FIELDS, tmp_path, name), WELLS)
    assert found[["Metadata_Plate", "Metadata_Well"]].to_numpy().tolist() == [
        ["P1", "A01"], ["P1", "A02"], ["P2", "A01"],
    ]  # fmt: skip
    assert found["Metadata_FieldCount"].tolist() == [2, 1, 1]
    assert found[["e0", "e1"]].dtypes.tolist() == [np.float32, np.float32]
    np.testing.assert_array_equal(found[["e0", "e1"]], [[2, 4], [7, np.nan], [10, 5]])
    assert "Metadata_Model" not in found


def test_wells_are_taken_as_they_are(tmp_path: Path) -> None:
    table = FIELDS.drop(columns="Metadata_Site").iloc[1:]
    found = import_embeddings(write(table, tmp_path), WELLS)
    np.testing.assert_array_equal(found[["e0", "e1"]], [[3, 4], [7, np.nan], [10, 5]])


def test_many_fields_equal_pandas(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 60
    table = pd.DataFrame(rng.normal(size=(n, 20)), columns=[f"e{i}" for i in range(20)])
    keys = pd.DataFrame(
        {
            "Metadata_Plate": "P1",
            "Metadata_Well": rng.choice(["A01", "A02"], n),
            "Metadata_Site": [str(i) for i in range(n)],
        }
    )
    found = import_embeddings(write(pd.concat([keys, table], axis=1), tmp_path), WELLS)
    expected = table.groupby(keys["Metadata_Well"]).mean()
    np.testing.assert_allclose(found[table.columns], expected, rtol=1e-6)


def test_a_field_without_a_cell_takes_no_part(tmp_path: Path) -> None:
    table = FIELDS.assign(Metadata_CellCount=[0, 5, 6, 0])
    if_text = table.astype({"Metadata_CellCount": "int64"})
    found = import_embeddings(write(if_text, tmp_path), WELLS)
    np.testing.assert_array_equal(found["e0"], [3, np.nan, 10])
    assert found["Metadata_CellCount"].tolist() == [5, 0, 6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.drop(columns="Metadata_Well"),
            "1 key column(s) missing: Metadata_Well. A table of embeddings has Metadata_Plate",
        ),
        (
            lambda t: t.assign(Metadata_Site=[1, 2, 1, 1]),
            "Metadata_Site holds int64, expected text",
        ),
        (lambda t: t.assign(Metadata_Plate=["P1", None, "", "P1"]), "is empty in 2 row(s)"),
        (lambda t: t.assign(Metadata_Site="1"), "1 row(s) repeat a key: P1/A01/1. Give each field"),
        (
            lambda t: t.assign(Metadata_Well=["A01", "A01", "H12", "Z99"]),
            "2 well(s) are not in the plate layout: P2/H12, P1/Z99",
        ),
        (lambda t: t.drop(columns=["e0", "e1"]), "there is no feature. Add numeric columns"),
        (lambda t: t.assign(e1="x"), "1 of 2 features hold no numbers: e1. Name columns that"),
        (lambda t: t.assign(e0=[1.0, np.inf, 1.0, 1.0]), "1 feature(s) are infinite in 1 row(s)"),
        (lambda t: t.assign(e0=1e300), "1 feature(s) are infinite in 4 row(s): e0"),
        (lambda t: t.assign(e1=np.nan), "1 feature(s) have no value: e1. Drop them."),
        (lambda t: t.iloc[:0], "there is no row"),
    ],
)
def test_faults(tmp_path: Path, change, message: str) -> None:
    path = write(change(FIELDS), tmp_path)
    with pytest.raises(UserError) as fault:
        import_embeddings(path, WELLS)
    assert str(fault.value).startswith(f"{path}: ")
    assert message in str(fault.value)


def test_all_faults_of_the_rows_are_named_at_once(tmp_path: Path) -> None:
    table = FIELDS.assign(Metadata_Well="H12", e1=np.nan)
    with pytest.raises(UserError) as fault:
        import_embeddings(write(table, tmp_path), WELLS)
    for part in ("2 well(s) are not in the plate layout", "have no value: e1", "repeat a key"):
        assert part in str(fault.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        import_embeddings(tmp_path / "mine.parquet", WELLS)
