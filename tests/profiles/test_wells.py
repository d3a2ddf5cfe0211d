"""Well profiles from features of fields or wells, and the command."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from phenoprot.core.errors import UserError
from phenoprot.wells.cli import profiles
from phenoprot.wells.wells import read_features, read_layout, well_profiles

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
    assert code == 0
    assert "3 wells, 1 features" in said
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
        (FIELDS.assign(Metadata_Well=None), "5 row(s) without plate, well or site. Fill these"),
        (FIELDS.assign(Metadata_Site=""), "5 row(s) without plate, well or site. Fill these"),
        (FIELDS.assign(Metadata_Plate="None"), "column 'Metadata_Plate' has 5 cell(s) that a prog"),
        (FIELDS.assign(Metadata_Plate="../x"), "column 'Metadata_Plate' has 1 name(s) that cannot"),
        (FIELDS.assign(Metadata_Plate=0.5), "column 'Metadata_Plate' holds float64, expected text"),
        (FIELDS.iloc[:0], "the table has no row"),
        (FIELDS.assign(x=pd.Timestamp(0)), "1 feature(s) are no numbers: x"),
        (
            FIELDS.assign(Metadata_CellCount="many"),
            "column 'Metadata_CellCount' has 5 value(s) that are no whole number of 0 or more",
        ),
        (
            FIELDS.assign(Metadata_CellCount=[1, 2.5, -1, np.inf, 3]),
            "column 'Metadata_CellCount' has 3 value(s) that are no whole number of 0 or more",
        ),
    ],
)
def test_tables_that_are_none(tmp_path: Path, table: pd.DataFrame, said: str) -> None:
    table.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError) as error:
        read_features(tmp_path / "t.parquet")
    assert str(error.value).startswith(f"{tmp_path}/t.parquet: {said}")


@pytest.mark.parametrize(
    ("layout", "parts"),
    [
        (WELLS.assign(Metadata_Control=["Negcon", "negcon", " negcon"]),
         ["2 of 3 wells have an unknown control type: 007/A01 'Negcon', 007/A03 ' negcon'"]),
        (WELLS.assign(Metadata_Control="DMSO"), ["3 of 3 wells", "'DMSO'", "negcon, poscon or"]),
        (WELLS.assign(Metadata_Well=["A01", "a1", "Q99"]),
         ["1 name(s) in Metadata_Well are not wells: 'Q99'", "1 row(s) repeat an earlier well"]),
        (WELLS.assign(Metadata_Well=["A01", "nan", "A03"]), ["'Metadata_Well' has 1 cell(s)"]),
    ],
)  # fmt: skip
def test_layouts_that_are_none(tmp_path: Path, layout: pd.DataFrame, parts: list[str]) -> None:
    layout.to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(UserError) as error:
        read_layout(tmp_path / "w.csv")
    for part in parts:
        assert part in str(error.value)


def plate(n_controls: int, **features: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and layout of a plate of 12 wells."""
    names = [f"A{n:02d}" for n in range(1, 13)]
    key = pd.DataFrame({"Metadata_Plate": "P1", "Metadata_Well": names})
    values = {"x": np.arange(12.0) ** 2} | features
    controls = ["negcon"] * n_controls + [""] * (12 - n_controls)
    return key.assign(**values), key.assign(Metadata_Control=controls)


def test_a_good_plate_is_passed_over_in_silence() -> None:
    profile, warnings = well_profiles(*plate(8), "standardise")
    assert warnings == []
    assert np.isfinite(profile["x"]).all()


@pytest.mark.parametrize(
    ("table", "layout", "said"),
    [
        (*plate(1), "1 plate(s) have fewer than 2 negative-control wells with a cell: P1 (1)"),
        (*plate(0), "1 plate(s) have fewer than 2 negative-control wells with a cell: P1 (0)"),
        (*plate(4, x=[np.nan] * 3 + [1.0] * 9), "P1 (1 of 4 with a cell)"),
        (*plate(8, y=[np.inf] + [1.0] * 11), "1 of 2 features have infinite values: y"),
        (*plate(8, y=[1e300] + [1.0] * 11), "1 of 2 features have infinite values: y"),
        (*plate(8, y=np.r_[np.arange(8) * 1e-5, [1e35] * 4]), "infinite values after normal"),
    ],
)
def test_what_makes_profiles_wrong_is_refused(
    table: pd.DataFrame, layout: pd.DataFrame, said: str
) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        well_profiles(table, layout, "standardise")


@pytest.mark.parametrize(
    ("table", "layout", "parts"),
    [
        (*plate(3), ["1 plate(s) have fewer than 8 negative-control wells", "P1 (3)"]),
        (*plate(8, y=[5.0] * 8 + [9.0] * 4), ["1 of 2 features do not vary", "P1", "y"]),
        (*plate(8, y=np.r_[np.arange(8) * 0.01, [1e6] * 4]), ["1 of 2 features exceed", "y ("]),
        (*plate(8, y=[np.nan, *range(11)]), ["1 of 2 features have missing values", "y"]),
        (plate(8)[0].iloc[:-2], plate(8)[1], ["2 well(s) of the layout have no", "P1/A11, P1/A12"]),
        (*plate(9, x=[np.nan, *range(11)]), ["1 well(s) have no cell", "P1/A01"]),
        (plate(8)[0], pd.concat([plate(8)[1], plate(8)[1].assign(Metadata_Plate="P2")]),
         ["1 plate(s) of the layout have no features: P2"]),
        (*plate(8, ImageNumber=range(12), Cells_Parent_Nuclei=range(12)),
         ["2 of 3 features name a row", "'ImageNumber'", "'Cells_Parent_Nuclei'"]),
    ],
)  # fmt: skip
def test_what_makes_profiles_poor_is_said(
    table: pd.DataFrame, layout: pd.DataFrame, parts: list[str]
) -> None:
    _, warnings = well_profiles(table, layout, "standardise")
    assert len(warnings) == 1
    for part in parts:
        assert part in warnings[0]


def test_warnings_of_the_command_and_thresholds_of_params(files: Path) -> None:
    (files / "p.yaml").write_text("validation:\n  min_negative_controls: 2\n")
    out = files / "o.parquet"
    arguments = (files / "fields.csv", "--wells", files / "wells.csv", "--output", out)
    _, said, _ = run(*arguments)
    assert "warning: 1 plate(s) have fewer than 8 negative-control wells" in said
    _, said, _ = run(*arguments, "--params", files / "p.yaml")
    assert "warning:" not in said


def test_a_layout_without_controls(tmp_path: Path) -> None:
    WELLS.drop(columns="Metadata_Control").to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(
        UserError, match=r"w\.csv: 1 required column\(s\) missing: Metadata_Control"
    ):
        read_layout(tmp_path / "w.csv")
