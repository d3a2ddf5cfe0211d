"""Names, merged groups, scales and wells of protein tables: the stated rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phenoprot.core.errors import UserError
from phenoprot.imports.proteins import ProteinOptions, read_proteins
from phenoprot.imports.proteins.groups import merge_groups, name_groups
from phenoprot.imports.proteins.samples import place_samples
from phenoprot.imports.proteins.scale import scale_of, told_by

from . import protein_files as files

NAN = float("nan")


def named(*pairs: tuple[str | None, str | None]) -> list[str | None]:
    rows = pd.DataFrame(pairs, columns=["gene", "protein"], dtype=object)
    return name_groups(rows).names.tolist()


@pytest.mark.parametrize(
    ("gene", "protein", "name"),
    [
        ("AKT1", "P31749", "AKT1"),
        ("AKT1;AKT2", "P31749;P31751", "AKT1"),
        (";AKT2", "P31749;P31751", "AKT2"),
        ("AKT1, AKT2", "", "AKT1"),
        ("nan", "P31749", "P31749"),
        (None, "P31749-2;P31751", "P31749-2"),
        ("", "sp|P31749|AKT1_HUMAN", "P31749"),
        ("", "tr|A0A024|A0A024_HUMAN;sp|P1|X", "A0A024"),
        ("HLA-A", "P04439", "HLA-A"),
        ("  AKT1 ", "", "AKT1"),
        (None, "NA", None),
        ("", "", None),
    ],
)
def test_the_name_of_a_group(gene: str | None, protein: str | None, name: str | None) -> None:
    assert named((gene, protein)) == [name]


@pytest.mark.parametrize(
    ("separators", "names"),
    [(";,", ["IL-12 p40", "A"]), (";", ["IL-12 p40, p70", "A"]), ("", ["IL-12 p40, p70", "A;B"])],
)
def test_what_separates_the_members_of_a_group(separators: str, names: list[str]) -> None:
    rows = pd.DataFrame({"gene": ["IL-12 p40, p70", "A;B"], "protein": None})
    assert name_groups(rows, separators).names.tolist() == names


def test_names_of_wells_columns_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('plate,well,"IL-12 p40, p70",IL6\nP1,A01,500,600\n')
    assert read_proteins(path).table["Metadata_Protein"].tolist() == ["IL-12 p40, p70", "IL6"]


def test_spellings_of_a_gene_are_one() -> None:
    assert named(("Nt5e", ""), ("NT5E", ""), ("nt5e", "")) == ["Nt5e"] * 3
    assert named(("HLA\u2011A", ""), ("HLA-A", "")) == ["HLA\u2011A"] * 2


def test_what_is_reported_of_names() -> None:
    rows = pd.DataFrame(
        [("A;B", "P1"), ("A;A", "P2"), ("", "P3"), ("1-Mar", "P4"), ("2-SEP", "P5")],
        columns=["gene", "protein"],
    )
    found = name_groups(rows)
    assert found.several == ["A"]
    assert found.without_gene == ["P3"]
    assert found.dates == ["1-Mar", "2-SEP"]


def test_the_best_group_of_a_gene_by_hand() -> None:
    values = np.array(
        [
            [9.0, NAN, 9.0],  # A: two values
            [1.0, 2.0, 3.0],  # A: three values, median 2
            [1.0, 1.0, 3.0],  # A: three values, median 1
            [5.0, 5.0, 5.0],  # B
            [NAN, NAN, NAN],  # C
            [NAN, 7.0, NAN],  # C
        ]
    )
    names, merged, counts = merge_groups(pd.Series(list("AAABCC")), values, "best")
    assert names == ["A", "B", "C"]
    np.testing.assert_array_equal(merged, values[[1, 3, 5]])
    assert counts == {"A": 3, "C": 2}
    _, total, _ = merge_groups(pd.Series(list("AAABCC")), values, "sum")
    np.testing.assert_array_equal(total, [[11.0, 3.0, 15.0], [5.0] * 3, [NAN, 7.0, NAN]])


def test_of_equal_groups_the_first_is_read() -> None:
    values = np.array([[1.0, 3.0], [2.0, 2.0]])
    _, merged, _ = merge_groups(pd.Series(["A", "A"]), values, "best")
    np.testing.assert_array_equal(merged, values[:1])


@given(st.data())
def test_groups_against_brute_force(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    names = pd.Series(data.draw(st.lists(st.sampled_from("ABCD"), min_size=n, max_size=n)))
    cells = st.one_of(st.just(NAN), st.integers(1, 4).map(float))
    values = np.array(data.draw(st.lists(st.tuples(cells, cells, cells), min_size=n, max_size=n)))
    order = list(dict.fromkeys(names))
    summed = pd.DataFrame(values).groupby(names).sum(min_count=1).loc[order]
    np.testing.assert_array_equal(merge_groups(names, values, "sum")[1], summed)

    def rank(row: int) -> tuple[int, float, int]:
        present = [v for v in values[row] if np.isfinite(v)]
        return len(present), float(np.median(present)) if present else -1.0, -row

    best = [max((r for r in range(n) if names[r] == name), key=rank) for name in order]
    found, merged, counts = merge_groups(names, values, "best")
    assert found == order
    np.testing.assert_array_equal(merged, values[best])
    assert counts == {k: v for k, v in names.value_counts().items() if v > 1}


def test_several_groups_of_a_gene_in_a_file(tmp_path: Path) -> None:
    path = files.maxquant(tmp_path)
    path.write_text(path.read_text().replace("\tBAX\t", "\tAKT1\t"))
    found = read_proteins(path)
    expected = files.expected()
    assert found.report.merged == {"AKT1": 2}
    assert any("1 gene(s) with several groups, read is the one" in line for line in found.lines)
    kept = expected[expected["Metadata_Protein"] != "BAX"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.table, kept)
    total = read_proteins(path, ProteinOptions(genes="sum")).table
    first = total[total["Metadata_Protein"] == "AKT1"]["Value"]
    assert first.tolist() == [2.54e6, 3.0e6, 2.06e6, 1.55e6]


def test_a_row_without_gene_and_protein_is_left_out(tmp_path: Path) -> None:
    path = files.diann(tmp_path)
    path.write_text(path.read_text().replace("Q07812\tX_HUMAN\tBAX", "\tX_HUMAN\t"))
    found = read_proteins(path)
    assert found.report.left_out["neither gene nor protein"] == ["row 2"]
    assert found.report.proteins == 4
    long = files.long(tmp_path)
    long.write_text(long.read_text().replace("BAX", "nan"))
    with pytest.raises(UserError, match=r"4 row\(s\) have no protein: row 6, 7, 8, 9"):
        read_proteins(long)


# --- scale

PROTEOME = np.exp(np.random.default_rng(0).normal(14, 2, 500))
"""Intensities over several decades."""


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (PROTEOME, "linear"),
        (np.log2(PROTEOME), "log"),
        (np.log(PROTEOME), "log"),
        (np.log10(PROTEOME), None),
        (np.log2(PROTEOME / np.median(PROTEOME)), "signed"),
        (PROTEOME / np.median(PROTEOME), "linear"),
        (np.array([0.5, 1.0, 2.0]), None),
        (np.array([NAN, 0.0]), None),
        (np.array([101.0, 8.0]), "linear"),
    ],
)
def test_what_values_tell(values: np.ndarray, told: str | None) -> None:
    assert told_by(values) == told


@pytest.mark.parametrize(
    ("values", "stated", "by_format", "centred", "scale"),
    [
        (PROTEOME, None, None, False, "linear"),
        (PROTEOME, "linear", "log2", False, "linear"),
        (np.log2(PROTEOME), None, "log2", False, "log2"),
        (np.log2(PROTEOME), "ln", None, False, "ln"),
        (np.log10(PROTEOME), "log10", None, False, "log10"),
        (np.array([-1.0, 2.0]), None, None, True, "level"),
        (np.array([-1.0, 2.0]), "log2", None, True, "log2"),
        (np.array([-1.0, 2.0]), "level", None, False, "level"),
        (np.array([0.5, 2.0]), None, "linear", False, "linear"),
    ],
)
def test_the_scale(
    values: np.ndarray, stated: str, by_format: str, centred: bool, scale: str
) -> None:
    assert scale_of(values, stated, by_format, centred, "x") == scale  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "stated", "by_format", "match"),
    [
        (np.log2(PROTEOME), None, None, "the scale is open: 500 value.*look like logarithms"),
        (np.array([0.5, 2.0]), None, None, "the scale is open.*from 0.5 to 2; they may be"),
        (np.array([-1.0, 2.0]), None, None, "the scale is open.*some are negative"),
        (np.log2(PROTEOME), "linear", None, "--scale linear, but they look like logarithms"),
        (np.log2(PROTEOME), None, "linear", "the format says linear, but they look like"),
        (np.array([-1.0, 200.0]), "linear", None, "--scale linear, but some values are negative"),
        (PROTEOME, "log2", None, "--scale log2, but the largest value is no log2"),
        (PROTEOME, "log10", None, "--scale log10, but"),
        (PROTEOME, None, "log2", "the format says log2, but"),
        (PROTEOME, "level", None, "--scale level, but no value is negative"),
    ],
)
def test_a_scale_that_is_open_or_contradicts(
    values: np.ndarray, stated: str, by_format: str, match: str
) -> None:
    with pytest.raises(UserError, match=match) as caught:
        scale_of(values, stated, by_format, False, "x")  # type: ignore[arg-type]
    assert "--scale" in str(caught.value)


@pytest.mark.parametrize(("scale", "base"), [("log2", 2), ("log10", 10), ("ln", np.e)])
def test_logarithms_become_intensities(scale: str, base: float, tmp_path: Path) -> None:
    values = np.log(files.VALUES) / np.log(base)
    path = files.curvecurator(tmp_path)
    table = pd.read_csv(path, sep="\t", dtype=str)[:5]
    for n in range(4):
        table[f"Raw {n}"] = values[:, n]
    table.to_csv(path, sep="\t", index=False)
    options = ProteinOptions(samples=files.sample_map(tmp_path), scale=scale)  # type: ignore[arg-type]
    found = read_proteins(path, options)
    pd.testing.assert_frame_equal(found.table, files.expected(), rtol=1e-5)
    assert f"scale: {scale} -> intensities" in found.lines


def test_zeros_are_missing_in_intensities_and_counted(tmp_path: Path) -> None:
    found = read_proteins(files.maxquant(tmp_path))
    assert found.report.zeros == 3
    assert found.lines[1] == "scale: linear; 3 zeros taken as missing"


def test_levels_have_zeros_and_no_sum(tmp_path: Path) -> None:
    path = tmp_path / "wells.csv"
    path.write_text("plate,well,IL6,IL8\nP1,A01,0,-1\nP1,A02,1.5,2\n")
    found = read_proteins(path, ProteinOptions(scale="level"))
    assert found.table["Value"].tolist() == [0.0, -1.0, 1.5, 2.0]
    with pytest.raises(UserError, match="centred levels have no sum"):
        read_proteins(path, ProteinOptions(scale="level", genes="sum"))


# --- wells


def samples(*names: str, **more: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"column": [f"Intensity {n}" for n in names], "sample": names, **more})


def placed(*names: str, **options: object) -> list[str]:
    found = place_samples(samples(*names), "t.tsv", **options)  # type: ignore[arg-type]
    return [
        f"{p}/{w}" if w is not None else "-"
        for p, w in found.wells.itertuples(index=False, name=None)
    ]


def test_wells_by_pattern() -> None:
    assert placed("P1_A01", "P1 x_b2") == ["P1/A01", "P1 x/B02"]
    pattern = r"(?P<plate>\d+)-(?P<well>[A-P]\d+)"
    assert placed("run 7-C3 x", "7-D12", pattern=pattern) == ["7/C03", "7/D12"]
    assert placed("x A1", "pool", pattern="(?P<well>A.)", plate="P9") == ["P9/A01", "-"]


def test_columns_without_a_well_are_reported(tmp_path: Path) -> None:
    path = files.fragpipe(tmp_path)
    path.write_text(path.read_text().replace("P1_B02 MaxLFQ Intensity", "pool MaxLFQ Intensity"))
    found = read_proteins(path)
    assert found.report.unmatched == ["pool MaxLFQ Intensity"]
    assert found.report.wells == 3
    assert any(line.startswith("1 column(s) without a well") for line in found.lines)


@pytest.mark.parametrize(
    ("names", "options", "match"),
    [
        (("x", "y"), {}, "none of 2 column.*'x', 'y'. Say it by --pattern"),
        (("x",), {"pattern": "(?P<well>"}, "is no regular expression"),
        (("x",), {"pattern": "(?P<well>.)"}, "has no group plate"),
        (("x",), {"pattern": "(?P<plate>.)"}, "has no group well"),
        (("P1_A01", "P1_a1"), {}, r"1 well.*P1/A01 \(2 columns\)"),
        (("P1_A00",), {}, "'A00' has column 0"),
        (("P1_A01",), {"pattern": "x", "file": Path("y")}, "both --pattern and --samples"),
    ],
)
def test_faults_of_patterns(names: tuple[str, ...], options: dict, match: str) -> None:
    with pytest.raises(UserError, match=match):
        placed(*names, **options)


def test_wells_by_file(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("column,plate,well\nIntensity x,P1,A1\ny,P1,A2\ngone,P1,A3\n")
    found = place_samples(samples("x", "y", "z"), "t.tsv", file=path)
    assert found.wells["Metadata_Well"].tolist() == ["A01", "A02", None]
    assert found.unmatched == ["Intensity z"]
    assert found.absent == ["gone"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("column,well\nx,A1\n", "has no column 'plate'"),
        ("plate,well\nP1,A1\n", "has no column 'column'"),
        ("column,plate,well\nx,P1,A1\nx,P1,A2\n", "1 column.*mapped twice: x"),
        ("column,plate,well\n,P1,A1\n", r"1 row\(s\) name no column"),
        ("column,plate,well\nq,P1,A1\n", "none of 1 column"),
        ("column,plate,well\nx,P1\n", "line 2 has 2"),
    ],
)
def test_faults_of_files(text: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=match):
        place_samples(samples("x"), "t.tsv", file=path)


def test_the_layout_is_compared(tmp_path: Path) -> None:
    layout = pd.DataFrame(
        {
            "Metadata_Plate": ["P1"] * 4 + ["P2"],
            "Metadata_Well": ["A01", "A02", "B01", "C01", "A01"],
        }
    )
    report = read_proteins(files.diann(tmp_path), wells=layout).report
    assert report.no_layout == ["P1/B02"]
    assert report.no_sample == ["P1/C01"]  # of the plates that have a readout


def test_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("Protein.Group\tGenes\tP1_A01\nP1\tG1\t\nP2\tG2\t0\n")
    with pytest.raises(UserError, match="no value is left"):
        read_proteins(path)
