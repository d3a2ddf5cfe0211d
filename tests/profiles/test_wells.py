"""Well profiles from features of fields or wells, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from phenoprot.errors import UserError
from phenoprot.profiles.cli import profiles
from phenoprot.profiles.wells import read_features, read_layout, well_profiles

WELLS = pd.DataFrame(
    {
        "Metadata_Plate": "007",
        "Metadata_Well": ["A01", "A02", "A03"],
        "Metadata_Control": ["negcon", "negcon", ""],
    }
)
FIELDS = pd.DataFrame(
    [("a1", "1", 2, 1.0), ("A01", "2", 3, 3.0), ("A02", "1", 1, 4.0), ("A03", "1", 4, 6.0),
     ("A03", "2", 0, np.nan)],
    columns=["Metadata_Well", "Metadata_Site", "Metadata_CellCount", "x"],
)  # fmt: skip
FIELDS.insert(0, "Metadata_Plate", "007")
# Wells: (1 + 3) / 2 = 2, 4, 6. Controls 2 and 4: mean 3, sd 1.
NORMALISED = [-1, 1, 3]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    FIELDS.to_parquet(tmp_path / "fields.parquet")
    FIELDS.to_csv(tmp_path / "fields.csv", index=False)
    WELLS.to_csv(tmp_path / "wells.csv", index=False)
    return tmp_path


def run(*arguments: object) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()
    app.command()(profiles)
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.output, result.exception


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_command(files: Path, kind: str) -> None:
    out = files / "out" / "wells.parquet"
    code, said, _ = run(files / f"fields.{kind}", "--wells", files / "wells.csv", "--output", out)
    assert (code, said.split("\n")[0]) == (0, "3 wells, 1 features")
    table = pd.read_parquet(out)
    np.testing.assert_allclose(table["x"], NORMALISED)
    assert table["Metadata_Plate"].tolist() == ["007"] * 3
    assert table["Metadata_CellCount"].tolist() == [5, 1, 4]
    assert table["Metadata_EmptyFieldCount"].tolist() == [0, 0, 1]


def test_the_command_takes_wells_and_the_robust_way(files: Path) -> None:
    wells = WELLS.assign(x=[2.0, 4.0, 6.0]).drop(columns="Metadata_Control")
    wells.to_parquet(files / "w.parquet")
    out = files / "o.parquet"
    code, _, _ = run(
        files / "w.parquet", "--wells", files / "wells.csv", "--output", out,
        "--normalisation", "robust",
    )  # fmt: skip
    assert code == 0
    np.testing.assert_allclose(pd.read_parquet(out)["x"], np.array(NORMALISED) / 1.4826)


def test_fields_need_their_site(files: Path) -> None:
    table = read_features(files / "fields.parquet").drop(columns="Metadata_Site")
    with pytest.raises(UserError) as error:
        well_profiles(table, WELLS, "standardise")
    assert str(error.value) == (
        "features: 2 row(s) repeat an earlier well: 007/A01, 007/A03. Give each well one row, or "
        "name the fields in Metadata_Site."
    )


def test_wells_that_the_layout_does_not_have() -> None:
    with pytest.raises(UserError) as error:
        well_profiles(FIELDS.replace("a1", "A01"), WELLS.iloc[:1], "standardise")
    assert str(error.value) == (
        "features: 2 well(s) are not in the plate layout: 007/A02, 007/A03. Add them to the layout."
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (FIELDS.drop(columns="x"), "no feature. Name columns that are no features Metadata_..."),
        (FIELDS.assign(note="a"), "1 feature(s) are no numbers: note. Name columns"),
        (
            FIELDS.drop(columns="Metadata_Plate"),
            "1 required column(s) missing: Metadata_Plate. It needs Metadata_Plate, Metadata_Well.",
        ),
        (FIELDS.assign(Metadata_Well=None), "5 row(s) without plate or well. Fill these cells."),
        (
            FIELDS.assign(Metadata_CellCount="many"),
            "column 'Metadata_CellCount' has 5 value(s) that are no number.",
        ),
    ],
)
def test_tables_that_are_none(tmp_path: Path, table: pd.DataFrame, said: str) -> None:
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError) as error:
        read_features(tmp_path / "t.parquet")
    assert str(error.value).startswith(f"{tmp_path}/t.parquet: {said}")


def test_a_layout_without_controls(tmp_path: Path) -> None:
    WELLS.drop(columns="Metadata_Control").to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(
        UserError, match=r"w\.csv: 1 required column\(s\) missing: Metadata_Control"
    ):
        read_layout(tmp_path / "w.csv")
