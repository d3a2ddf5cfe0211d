"""Every source gives the same readout of the same proteome, without what is not of the sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.imports.proteins import ProteinOptions, read_matrix, read_proteins, wells_of

from . import protein_files as files

Writer = Callable[[Path], Path]
LOG2 = ProteinOptions(scale="log2")
ONE_OF_EACH = {"contaminants": 1, "decoys": 1}
SOURCES: dict[str, tuple[Writer, ProteinOptions, str, dict[str, int]]] = {
    "maxquant": (files.maxquant, ProteinOptions(), "MaxQuant", ONE_OF_EACH),
    "maxquant-2.5": (
        lambda folder: files.maxquant(folder, new=True),
        ProteinOptions(),
        "LFQ",
        ONE_OF_EACH,
    ),
    "diann": (files.diann, ProteinOptions(), "DIA-NN pg_matrix", ONE_OF_EACH),
    "diann-report": (
        files.diann_report,
        ProteinOptions(),
        "DIA-NN report",
        {**ONE_OF_EACH, "above the limits of q-values": 2},
    ),
    "diann-report-tsv": (
        lambda folder: files.diann_report(folder, "tsv"),
        ProteinOptions(),
        "DIA-NN report",
        {**ONE_OF_EACH, "above the limits of q-values": 2},
    ),
    "fragpipe": (files.fragpipe, ProteinOptions(), "FragPipe combined_protein", ONE_OF_EACH),
    "fragpipe-tmt": (files.fragpipe_tmt, ProteinOptions(), "TMT-Integrator", ONE_OF_EACH),
    "fragpipe-tmt-gene": (
        lambda folder: files.fragpipe_tmt(folder, by_gene=True),
        ProteinOptions(),
        "TMT-Integrator",
        ONE_OF_EACH,
    ),
    "spectronaut": (files.spectronaut, ProteinOptions(), "Spectronaut", ONE_OF_EACH),
    "proteome-discoverer": (
        files.proteome_discoverer,
        ProteinOptions(pattern="(?P<plate>P1)_(?P<well>...)"),
        "Abundances (Normalized)",
        {**ONE_OF_EACH, "no master protein of their group": 1},
    ),
    "curvecurator": (files.curvecurator, ProteinOptions(), "CurveCurator", ONE_OF_EACH),
    "gct": (files.gct, LOG2, "GCT", ONE_OF_EACH),
    "long": (files.long, ProteinOptions(), "long table", ONE_OF_EACH),
    "wells": (files.wells, ProteinOptions(), "table of wells, a.u.", ONE_OF_EACH),
}


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_gives_the_same_readout(source: str, tmp_path: Path) -> None:
    write, options, title, left_out = SOURCES[source]
    path = write(tmp_path)
    if source == "curvecurator":
        options = ProteinOptions(samples=files.sample_map(tmp_path))
    found = read_proteins(path, options)
    expected = files.expected()
    pd.testing.assert_frame_equal(found.table, expected, rtol=1e-6)
    assert found.kind == "intensity"
    assert title in found.report.title
    assert {kind: len(names) for kind, names in found.report.left_out.items()} == left_out
    # 17 of 20 values were measured
    assert "5 proteins x 4 wells, 85.0% measured" in found.lines[0]
    for kind, count in left_out.items():
        assert any(line.startswith(f"{count} left out, {kind}: ") for line in found.lines)
    assert found.report.without_gene == ([] if source in NAMED else ["P99999"])


NAMED = {"curvecurator", "long", "wells"}
"""Sources that have one column of names."""


@pytest.mark.parametrize(
    ("write", "quantity", "value"),
    [
        (files.maxquant, "Intensity", 5e8),
        (files.maxquant, "iBAQ", 3e8),
        (files.fragpipe, "Intensity", 4e5),
        (files.proteome_discoverer, "Abundance", 4e5),
    ],
)
def test_another_quantity(write: Writer, quantity: str, value: float, tmp_path: Path) -> None:
    options = ProteinOptions(quantity=quantity, pattern="(?P<plate>P1)_(?P<well>[AB]0.)")
    found = read_proteins(write(tmp_path), options)
    assert set(found.table["Value"]) == {value}
    assert set(found.table["Metadata_Well"]) == set(files.WELLS)  # no sample "peptides", no total
    assert not found.report.unmatched


def test_a_quantity_that_is_not_there(tmp_path: Path) -> None:
    path = files.fragpipe(tmp_path)
    with pytest.raises(UserError, match=r"no column of 'iBAQ'.*'MaxLFQ Intensity', 'Intensity'"):
        read_proteins(path, ProteinOptions(quantity="iBAQ"))


@pytest.mark.parametrize("column", ["Only identified by site", "Only.identified.by.site"])
def test_identified_by_site_only(column: str, tmp_path: Path) -> None:
    path = files.maxquant(tmp_path)
    table = pd.read_csv(path, sep="\t", dtype=str)
    table["Only identified by site"] = ["", "+", *[""] * 5]
    table = table.rename(columns={"Only identified by site": column})
    table.to_csv(path, sep="\t", index=False)
    found = read_proteins(path)
    assert found.report.left_out["identified by site only"] == ["BAX"]
    assert "BAX" not in set(found.table["Metadata_Protein"])


@pytest.mark.parametrize(
    "prefix", ["CON__", "Cont_", "contam_", "cRAP-", "contaminant_", "sp|Cont_", "REV__CON__"]
)
def test_prefixes_of_contaminants(prefix: str, tmp_path: Path) -> None:
    path = files.spectronaut(tmp_path)
    path.write_text(path.read_text().replace("CON__", prefix))
    assert sum(map(len, read_proteins(path).report.left_out.values())) >= 2
    pd.testing.assert_frame_equal(read_proteins(path).table, files.expected())


def test_genes_that_look_like_marks_stay(tmp_path: Path) -> None:
    path = files.spectronaut(tmp_path)
    text = path.read_text()
    for gene, other in (("AKT1", "REV3L"), ("BAX", "CONT1"), ("CDK1", "CRABP1")):
        text = text.replace(gene, other)
    path.write_text(text)
    assert {"REV3L", "CONT1", "CRABP1"} <= set(read_proteins(path).table["Metadata_Protein"])


def test_what_nothing_marks_is_said(tmp_path: Path) -> None:
    path = files.diann(tmp_path)
    path.write_text("\n".join(path.read_text().splitlines()[:6]) + "\n")
    assert "no column and no prefix marks contaminants" in read_proteins(path).lines[-1]


def test_annotations_of_perseus(tmp_path: Path) -> None:
    path = files.maxquant(tmp_path)
    header, *rows = path.read_text().splitlines()
    marks = "\t".join(["#!{Type}T", *["E"] * header.count("\t")])
    path.write_text("\n".join([header, marks, *rows]) + "\n")
    found = read_proteins(path)
    pd.testing.assert_frame_equal(found.table, files.expected())
    assert "1 row(s) of annotations by Perseus are no proteins" in found.lines


def test_a_report_whose_quantities_contradict(tmp_path: Path) -> None:
    path = files.diann_report(tmp_path)
    table = pd.read_parquet(path)
    table.loc[0, "PG.MaxLFQ"] *= 2
    table.to_parquet(path, index=False)
    with pytest.raises(UserError, match=r"1 protein group.*several quantities.*P31749 in P1_A01"):
        read_proteins(path)


def test_a_report_of_several_channels(tmp_path: Path) -> None:
    path = files.diann_report(tmp_path)
    table = pd.read_parquet(path)
    table["Channel"] = np.where(np.arange(len(table)) % 2, "L", "H")
    table.to_parquet(path, index=False)
    with pytest.raises(UserError, match="several channels"):
        read_proteins(path)


def test_numbers_with_decimal_commas(tmp_path: Path) -> None:
    path = files.spectronaut(tmp_path)
    path.write_text(path.read_text().replace("2500000.0", "2500000,0"))
    with pytest.raises(UserError, match=r"PG.Quantity.*3 value.*decimal points, not commas"):
        read_proteins(path)


def test_wells_and_their_annotations_of_gct(tmp_path: Path) -> None:
    layout = wells_of(read_matrix(files.gct(tmp_path), LOG2), "plate.gct", LOG2)
    assert layout["Metadata_Well"].tolist() == list(files.WELLS)
    assert layout["pert_iname"].tolist() == ["DMSO", "b", "c", None]  # -666 is missing
    plain = ProteinOptions()
    layout = wells_of(read_matrix(files.long(tmp_path), plain), "long.csv", plain)
    assert list(layout) == ["Metadata_Plate", "Metadata_Well"]


def test_sites_are_part_of_the_name_in_gct(tmp_path: Path) -> None:
    path = files.gct(tmp_path)
    path.write_text(path.read_text().replace("pr_uniprot_id", "pr_p100_phosphosite"))
    found = read_proteins(path, LOG2)
    assert "AKT1 P31749" in set(found.table["Metadata_Protein"])
    found = read_proteins(path, ProteinOptions(scale="log2", name="id"))
    assert set(found.table["Metadata_Protein"]) == {f"id{n}" for n in range(7)}


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("7\t4\t2\t3", "8\t4\t2\t3", "line 2 counts 8 rows and 4 columns, the table has 7 and 4"),
        ("7\t4\t2\t3", "7\t4\t1\t3", "the table has 7 and 5"),
        ("7\t4\t2\t3", "7\t4", "does not count rows, columns and annotations"),
        ("A2\tB1", "A2\tA2", r"P1/A02 \(2 columns\)"),
        ("A2\tB1", "A2\tZ99", "'Z99' lies beyond"),
        ("\tP1\tP1\tP1\tP1", "\t\t\t\t", "none of 4 column"),
    ],
)
def test_faults_of_gct(before: str, after: str, match: str, tmp_path: Path) -> None:
    path = files.gct(tmp_path)
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(UserError, match=match):
        read_proteins(path, LOG2)


def test_lines_of_gct_are_counted_from_its_first(tmp_path: Path) -> None:
    path = files.gct(tmp_path)
    lines = path.read_text().splitlines()
    lines[8] += "\t1"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"1 line\(s\).*line 9 has 8"):
        read_proteins(path, LOG2)


def test_gct_12_has_no_annotations(tmp_path: Path) -> None:
    path = tmp_path / "x.gct"
    path.write_text("#1.2\n2\t2\nName\tDescription\tP1_A01\tP1_A02\nA\tx\t500\t600\nB\ty\t1\t2\n")
    table = read_proteins(path).table
    assert table["Metadata_Protein"].tolist() == ["A", "B", "A", "B"]


def test_an_unknown_table(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("a\tb\n1\t2\n")
    with pytest.raises(UserError, match=r"no protein table that is known.*'a', 'b'.*MaxQuant"):
        read_proteins(path)
    with pytest.raises(UserError, match=r"1 column.*missing: 'Protein IDs'"):
        read_proteins(path, ProteinOptions(dialect="maxquant"))
    with pytest.raises(UserError, match="--dialect: is unknown: 'mascot'"):
        read_proteins(path, ProteinOptions(dialect="mascot"))


def test_the_shipped_immunoassay_as_a_table_of_wells(tmp_path: Path) -> None:
    """The wide table that nELISA gives is read into the shipped readout, bit by bit."""
    folder = Path(__file__).parents[2] / "data" / "screens" / "cpjump1"
    shipped = pd.read_parquet(folder / "proteomics.parquet")
    key = ["Metadata_Plate", "Metadata_Well"]
    wide = shipped.pivot(index=key, columns="Metadata_Protein", values="Value")
    wide.columns = [f"{name} [NSU]" for name in wide.columns]
    path = tmp_path / "nelisa.parquet"
    wide.reset_index().to_parquet(path, index=False)
    layout = pd.read_csv(folder / "wells.csv", dtype=dict.fromkeys(key, str))
    found = read_proteins(path, wells=layout)
    assert found.kind == "level"  # told from the controls: centred on 0
    order = [*key, "Metadata_Protein"]
    left = found.table.sort_values(order, ignore_index=True)
    right = shipped.sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(left, right, check_dtype=False, check_exact=True)
    assert found.content == "table of wells, NSU, 191 proteins"
    with pytest.raises(UserError, match=r"scale is open.*some are negative"):
        read_proteins(path)
