"""Long tables of a screen, and the protein tables of search engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.curves.labels import ratio_targets
from phenoprot.curves.screen import design_tables
from phenoprot.curves.settings import CurveSettings
from phenoprot.curves.tables import check_long, read_wide

DOSES = [0.0, 0.01, 0.1, 1.0, 10.0, 100.0]


def long_table(genes: tuple[str, ...] = ("g", "h")) -> pd.DataFrame:
    rows = [
        {"compound": "a" if dose else "DMSO", "concentration": dose, "replicate": 1, "gene": gene}
        for gene in genes
        for dose in DOSES
    ]
    return pd.DataFrame(rows).assign(intensity=np.arange(len(rows)) + 1000.0)


def test_genes_without_a_value_are_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    table = long_table(("g", "h", "i"))
    table.loc[table["gene"] == "h", "intensity"] = np.nan
    table.loc[table["gene"] == "i", "intensity"] = 0.0
    checked = check_long(table, CurveSettings(), "long.csv")
    said = capsys.readouterr().err
    assert set(checked["gene"]) == {"g"}
    assert "2 of 3 gene(s) have no value anywhere and are left out: h, i" in said
    pd.testing.assert_frame_equal(checked, check_long(long_table(("g",)), CurveSettings(), ""))
    assert set(ratio_targets(table, CurveSettings())["gene"]) == {"g"}


def test_categories_are_text_and_numbers() -> None:
    table = long_table()
    expected = check_long(table, CurveSettings(), "")
    for column in table:
        given = table.assign(**{column: table[column].astype("category")})
        pd.testing.assert_frame_equal(check_long(given, CurveSettings(), ""), expected)


def test_the_control_may_be_called_none() -> None:
    table = long_table().replace("DMSO", "none")
    assert check_long(table, CurveSettings(control_compound="none"), "")["control"].sum() == 2
    with pytest.raises(UserError, match=r"2 row\(s\) have no compound \('none'\)"):
        check_long(table, CurveSettings(), "")


def test_doses_that_differ_by_rounding_are_one() -> None:
    table = long_table()
    other = table.copy()
    rows = other["gene"] == "h"
    other.loc[rows, "concentration"] *= 1 + 1e-12
    left = list(design_tables(table, CurveSettings()))
    right = list(design_tables(other, CurveSettings()))
    assert len(left) == len(right) == 1
    pd.testing.assert_frame_equal(left[0][0], right[0][0], check_exact=True)
    assert left[0][1] == right[0][1]


def test_negative_values_are_clipped_as_ratio_range_has_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = long_table()
    table.loc[5, "intensity"] = -1.0
    with pytest.raises(UserError, match="1 negative"):
        check_long(table, CurveSettings(), "")
    clip = CurveSettings(ratio_range=(0.0, np.inf))
    ratios = ratio_targets(table, clip)
    assert "1 negative intensity(ies): their ratios are clipped" in capsys.readouterr().err
    assert ratios["ratio"].min() == 0.0
    table.loc[0, "intensity"] = -5.0
    with pytest.raises(UserError, match=r"1 mean control .* -5 of 'g'"):
        check_long(table, clip, "")


def test_scale(capsys: pytest.CaptureFixture[str]) -> None:
    table = long_table()
    check_long(table, CurveSettings(), "long.csv")
    assert capsys.readouterr().err == ""
    check_long(table.assign(intensity=np.log2(table["intensity"])), CurveSettings(), "long.csv")
    assert "long.csv: all 12 intensities" in capsys.readouterr().err
    check_long(
        table.assign(concentration=table["concentration"] * 1e3), CurveSettings(), "long.csv"
    )
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
            "compound": ["DMSO", *["X"] * 5],
            "concentration": DOSES,
            "replicate": "1",
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
    return dict(zip(long["gene"], long["intensity"], strict=True))


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
        assert f"no column and no prefix tells {said}" in capsys.readouterr().err


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
        (wide("diann", [("", "")]).encode(), r"6 row\(s\) have no gene"),
        (wide("diann", CLEAN).replace("200", "2e2e", 1).encode(), "'2e2e' of 'G2'"),
        (wide("diann", CLEAN).split("\n")[0].encode(), "no row"),
    ],
)
def test_bad_wide_tables(content: bytes, match: str, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=match):
        read_wide(path, "diann", samples("diann"), CurveSettings())
