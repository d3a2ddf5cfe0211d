"""Long tables of a screen, and the protein tables of search engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.curves.designs import mean_ratios, screen_curves
from phenoprot.curves.long import check_long
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.wide import read_wide

DOSES = [0.0, 0.01, 0.1, 1.0, 10.0, 100.0]


def long_table(proteins: tuple[str, ...] = ("g", "h")) -> pd.DataFrame:
    rows = [
        {
            "Metadata_Compound": "a" if dose else "DMSO",
            "Metadata_Concentration": dose,
            "Metadata_Replicate": 1,
            "Metadata_Protein": protein,
        }
        for protein in proteins
        for dose in DOSES
    ]
    return pd.DataFrame(rows).assign(Value=np.arange(len(rows)) + 1000.0)


def ratios_of(table: pd.DataFrame, settings: CurveSettings) -> pd.DataFrame:
    return mean_ratios(screen_curves(table, settings), settings)


def test_proteins_without_a_value_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    table = long_table(("g", "h", "i"))
    table.loc[table["Metadata_Protein"] == "h", "Value"] = np.nan
    table.loc[table["Metadata_Protein"] == "i", "Value"] = 0.0
    checked = check_long(table, CurveSettings(), "long.csv")
    said = capsys.readouterr().err
    assert set(checked["Metadata_Protein"]) == {"g"}
    assert "2 of 3 protein(s) have no value anywhere and are left out: h, i" in said
    pd.testing.assert_frame_equal(checked, check_long(long_table(("g",)), CurveSettings(), ""))
    assert set(ratios_of(table, CurveSettings())["Metadata_Protein"]) == {"g"}


def test_categories_are_text_and_numbers() -> None:
    table = long_table()
    expected = check_long(table, CurveSettings(), "")
    for column in table:
        given = table.assign(**{column: table[column].astype("category")})
        pd.testing.assert_frame_equal(check_long(given, CurveSettings(), ""), expected)


def test_the_control_may_be_called_none() -> None:
    table = long_table().replace("DMSO", "none")
    assert check_long(table, CurveSettings(control_compound="none"), "")["is_control"].sum() == 2
    with pytest.raises(UserError, match=r"2 row\(s\) have no compound \('none'\)"):
        check_long(table, CurveSettings(), "")


def test_doses_that_differ_by_rounding_are_one() -> None:
    table = long_table()
    other = table.copy()
    rows = other["Metadata_Protein"] == "h"
    other.loc[rows, "Metadata_Concentration"] *= 1 + 1e-12
    (left,), (right,) = (screen_curves(t, CurveSettings()).designs for t in (table, other))
    pd.testing.assert_frame_equal(left.key, right.key)
    np.testing.assert_array_equal(left.values, right.values)
    assert left.design == right.design


def test_negative_values_are_clipped_as_ratio_range_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = long_table()
    table.loc[5, "Value"] = -1.0
    with pytest.raises(UserError, match="1 negative"):
        check_long(table, CurveSettings(), "")
    clip = CurveSettings(ratio_range=(0.0, np.inf))
    ratios = ratios_of(table, clip)
    assert "1 negative intensity(ies): their ratios are clipped" in capsys.readouterr().err
    assert ratios["Ratio"].min() == 0.0
    table.loc[0, "Value"] = -5.0
    with pytest.raises(UserError, match=r"1 mean control .* -5 of 'g'"):
        check_long(table, clip, "")


def test_scale(capsys: pytest.CaptureFixture[str]) -> None:
    table = long_table()
    check_long(table, CurveSettings(), "long.csv")
    assert capsys.readouterr().err == ""
    check_long(table.assign(Value=np.log2(table["Value"])), CurveSettings(), "long.csv")
    assert "long.csv: all 12 intensities" in capsys.readouterr().err
    table["Metadata_Concentration"] *= 1e3
    check_long(table, CurveSettings(), "long.csv")
    assert "the highest dose is 0.1 M" in capsys.readouterr().err


ENGINES = {
    "maxquant": ("Protein IDs", "Gene names", "LFQ intensity s{}"),
    "diann": ("Protein.Group", "Genes", "s{}.raw"),
    "fragpipe": ("Protein", "Gene", "s{} MaxLFQ Intensity"),
}


def samples(engine: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "column": [ENGINES[engine][2].format(i) for i in range(6)],
            "Metadata_Compound": ["DMSO", *["X"] * 5],
            "Metadata_Concentration": DOSES,
            "Metadata_Replicate": "1",
        }
    )


def wide(engine: str, rows: list[tuple[str, str]], **columns: list[str]) -> str:
    protein, gene, _ = ENGINES[engine]
    names = [protein, gene, *columns, *samples(engine)["column"]]
    lines = ["\t".join(names)]
    for number, (identifier, symbol) in enumerate(rows, 1):
        more = [values[number - 1] for values in columns.values()]
        lines.append("\t".join([identifier, symbol, *more, *[str(100 * number)] * 6]))
    return "\n".join(lines) + "\n"


def genes_of(path: Path, engine: str, text: str, **options: str) -> dict[str, float]:
    path.write_text(text)
    long = read_wide(path, engine, samples(engine), CurveSettings(), **options)
    return dict(zip(long["Metadata_Protein"], long["Value"], strict=True))


CLEAN = [("P1", "G1"), ("P2", "G2"), ("P3", ""), ("P4", "nan")]


@pytest.mark.parametrize("engine", ENGINES)
def test_lone_quotes_move_nothing(engine: str, tmp_path: Path) -> None:
    text = wide(engine, CLEAN, **{"Fasta headers": ['"a', "b", '"c', 'd"']})
    assert genes_of(tmp_path / "t.tsv", engine, text) == {
        "G1": 100,
        "G2": 200,
        "P3": 300,
        "P4": 400,
    }
    with pytest.raises(UserError, match=r"1 line\(s\) do not have"):
        genes_of(tmp_path / "t.tsv", engine, text.replace("\t400\n", "\t400\t\n"))


MARKS = [
    ("maxquant", {"Reverse": ["", "+"]}, [], "1 decoys"),
    ("maxquant", {"Decoy": ["", "+"]}, [], "1 decoys"),
    ("maxquant", {"Potential contaminant": ["", "+"]}, [], "1 contaminants"),
    ("maxquant", {"Potential.contaminant": ["", "+"]}, [], "1 contaminants"),
    ("maxquant", {"Contaminant": ["nan", "+"]}, [], "1 contaminants"),
    ("maxquant", {"Only identified by site": ["", "+"]}, [], "1 identified by site only"),
    ("maxquant", {}, [("CON__P9", "")], "1 contaminants"),
    ("maxquant", {}, [("REV__P9", "")], "1 decoys"),
    ("maxquant", {"Potential contaminant": ["", ""]}, [("Cont_P9;P8", "ALB")], "1 contaminants"),
    ("diann", {}, [("Cont_P02769", "ALB")], "1 contaminants"),
    ("diann", {}, [("cRAP-P00761", "")], "1 contaminants"),
    ("diann", {}, [("P00761", "cRAP-TRYP")], "1 contaminants"),
    ("diann", {}, [("P02768;Cont_P02769", "ALB")], "1 contaminants"),
    ("diann", {"Protein.Ids": ["P1", "Cont_P02769"]}, [("P02769", "ALB")], "1 contaminants"),
    ("fragpipe", {}, [("contam_sp|P02769|ALBU_BOVIN", "ALB")], "1 contaminants"),
    ("fragpipe", {}, [("sp|Cont_P02769|ALBU_BOVIN", "ALB")], "1 contaminants"),
    ("fragpipe", {}, [("rev_sp|P9|X_HUMAN", "G9")], "1 decoys"),
    ("fragpipe", {"Is Decoy": ["false", "true"]}, [], "1 decoys"),
    ("fragpipe", {"Is Contaminant": ["False", "True"]}, [], "1 contaminants"),
]


@pytest.mark.parametrize(("engine", "columns", "row", "said"), MARKS)
def test_contaminants_and_decoys_are_left_out(
    engine: str,
    columns: dict[str, list[str]],
    row: list[tuple[str, str]],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = wide(engine, [("P1", "G1"), *(row or [("P5", "G5")])], **columns)
    assert genes_of(tmp_path / "t.tsv", engine, text) == {"G1": 100}
    told = capsys.readouterr().err
    assert "1 of 2 row(s) are left out" in told
    assert said in told


def test_proteins_that_look_alike_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("P1", "REV1"), ("P2", "REV3L"), ("P3", "CONT1"), ("P4;REV__P9", "CRABP1")]
    flags = {"Potential contaminant": [""] * 4, "Reverse": [""] * 4}
    assert len(genes_of(tmp_path / "t.tsv", "maxquant", wide("maxquant", rows, **flags))) == 4
    assert capsys.readouterr().err == ""
    # The engine has judged this group; its leading protein is the sample's.
    rows = [("P1;CON__P9", "G1"), ("P2", "G2"), ("P3", "G3"), ("P4", "G4")]
    assert len(genes_of(tmp_path / "t.tsv", "maxquant", wide("maxquant", rows, **flags))) == 4
    ids = {"Protein.Ids": ["Cont_P9;P1", *["P"] * 3]}
    assert len(genes_of(tmp_path / "t.tsv", "diann", wide("diann", CLEAN, **ids))) == 4


def test_tables_that_tell_no_contaminants_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for engine, said in [("maxquant", "contaminants and decoys"), ("diann", "contaminants:")]:
        genes_of(tmp_path / "t.tsv", engine, wide(engine, CLEAN))
        assert f"no column and no prefix marks {said}" in capsys.readouterr().err


def test_faults_of_flags(tmp_path: Path) -> None:
    text = wide("maxquant", CLEAN[:2], Reverse=["", "perhaps"])
    with pytest.raises(UserError, match=r"1 value.*'Reverse' are neither.*'perhaps'"):
        genes_of(tmp_path / "t.tsv", "maxquant", text)
    text = wide("maxquant", CLEAN[:2], Reverse=["+", "+"])
    with pytest.raises(UserError, match="all 2 row"):
        genes_of(tmp_path / "t.tsv", "maxquant", text)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (wide("diann", CLEAN).encode("utf-16"), "UTF-16"),
        (wide("diann", [("P1", "\u00b5")]).encode("latin-1"), "line 2"),
        (wide("diann", [("", "")]).encode(), r"6 row\(s\) have no protein"),
        (wide("diann", CLEAN).replace("200", "2e2e", 1).encode(), "'2e2e' of 'G2'"),
        (wide("diann", CLEAN).split("\n")[0].encode(), "no row"),
    ],
)
def test_bad_wide_tables(content: bytes, match: str, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=match):
        read_wide(path, "diann", samples("diann"), CurveSettings())
