"""Target annotations: every source in its exact format, and how its compounds are found."""

from __future__ import annotations

import gc
import gzip
import tracemalloc
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.imports.compounds import Compounds, block_of, plain_name, without_salt
from phenoprot.imports.targets import TargetOptions, Targets, read_targets
from phenoprot.imports.targets.drugbank import read_drugbank

from . import target_files as files


def pairs(found: Targets) -> set[tuple[str, str]]:
    table = found.table
    assert list(table) == ["Metadata_Compound", "Metadata_Target", "Metadata_Source"]
    assert not table.duplicated().any()
    return set(zip(table["Metadata_Compound"], table["Metadata_Target"], strict=True))


def read(paths: Path | list[Path], **options: object) -> Targets:
    return read_targets(paths, files.compounds(), TargetOptions(**options))  # type: ignore[arg-type]


# --- DrugBank

KNOWN = {
    ("imatinib", "ABL1"), ("imatinib", "GABRA1"), ("imatinib", "GABRB1"), ("imatinib", "A3A3A3"),
    ("aspirin", "PTGS1"), ("haloperidol", "DRD2"),
}  # fmt: skip


def test_drugbank(tmp_path: Path) -> None:
    found = read(files.drugbank(tmp_path / "full database.xml"))
    # Not: the enzyme, the drugs of the pathways, the bacterium's protein.
    assert pairs(found) == {*KNOWN, ("imatinib", "KIT")}
    report = found.report
    assert set(found.table["Metadata_Source"]) == {"DrugBank 5.1"}
    assert report.by_structure == ["AMG-900", "aspirin", "imatinib"]  # aspirin by a salt
    assert report.by_name == ["haloperidol"]
    assert report.without_target == ["AMG-900"]
    assert report.unmatched == ["caffeine", "unheard of"]
    assert report.left_out == {"of other organisms": 1, "no protein": 1}
    assert report.drugs == 3
    assert any(
        line.startswith("licence: CC BY-NC 4.0, with DrugBank's terms") for line in found.lines
    )


def test_drugbank_known_actions_only(tmp_path: Path) -> None:
    path = files.drugbank(tmp_path / "x.xml")
    found = read(path, known_action=True)
    assert pairs(found) == KNOWN
    assert found.report.left_out["no known action"] == 1
    assert ("imatinib", "fabG") in pairs(read(path, all_organisms=True))


def test_drugbank_packed(tmp_path: Path) -> None:
    path = files.drugbank(tmp_path / "x.xml")
    packed = tmp_path / "x.xml.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.write(path, "full database.xml")
    assert pairs(read(packed)) == pairs(read(archive)) == pairs(read(path))


def test_memory_does_not_grow_with_drugbank(tmp_path: Path) -> None:
    least = []
    for repeats in (50, 500):
        path = files.drugbank(tmp_path / "x.xml", repeats)
        peaks = []
        for _ in range(3):  # other threads of the process and garbage count too, by chance
            gc.collect()
            tracemalloc.start()
            count = sum(1 for _ in read_drugbank(path).drugs)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert count == repeats + 4
        least.append(min(peaks))
    assert path.stat().st_size > 6e5
    assert least[1] < 1.2 * least[0] < 1e6


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: text[: len(text) // 2], "is no whole XML file"),
        (lambda text: text.replace("<name>Imatinib</name>", "<name></name>"), "has no name"),
        (lambda text: text.replace('"true"', '"false"'), "not one primary id"),
        (lambda text: text.replace("www.drugbank.ca", "other.org"), "is no DrugBank file"),
        (lambda text: "", "is no whole XML file"),
        (lambda text: text.replace("&amp;", "&unknown;"), "is no whole XML file"),
    ],
    ids=["cut", "no-name", "no-id", "other", "empty", "entity"],
)
def test_damaged_drugbank(change, match: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = files.drugbank(tmp_path / "x.xml")
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=match) as caught:
        read(path)
    assert "x.xml" in str(caught.value)


# --- TTD


def test_ttd(tmp_path: Path) -> None:
    found = read(files.ttd(tmp_path))
    assert pairs(found) == {
        ("imatinib", "ABL1"),
        ("imatinib", "GABRA1"),
        ("imatinib", "GABRB1"),
        ("AMG-900", "GABRA1"),
        ("AMG-900", "GABRB1"),
        ("caffeine", "ADORA2A"),  # P1-07 alone has this pair
    }
    report = found.report
    assert set(found.table["Metadata_Source"]) == {"TTD 10.1.01"}
    assert report.by_structure == ["imatinib"]
    assert report.by_name == ["AMG-900", "caffeine"]  # by name only: P1-02 has no structure
    assert report.left_out == {
        "targets of P1-07 that P1-01 lacks": 1,
        "of other organisms": 1,
        "without a gene": 1,
    }
    assert any("licence: CC BY-NC" in line for line in found.lines)


def test_ttd_in_parts(tmp_path: Path) -> None:
    files.ttd(tmp_path)
    targets = tmp_path / "P1-01-TTD_target_download.txt"
    found = read(targets)
    assert found.report.by_structure == []
    assert ("imatinib", "ABL1") in pairs(found)
    assert "no structures (P1-02): drugs are found by name only" in found.lines
    with pytest.raises(UserError, match="P1-01 is missing"):
        read(tmp_path / "P1-02-TTD_drug_download.txt")


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("T47101\tFORMERID", "T47102\tFORMERID", "line 12 is of 'T47102'.*block of 'T47101'"),
        ("T47101\tFORMERID\tTTDC0001", "some words", "line 12 is no line of TTD: 'some words'"),
        ("T00002\tTARGETID\tT00002", "T47101\tTARGETID\tT47101", "'T47101' has two blocks"),
        ("\tImatinib\tApproved", "", "DRUGINFO of 'T47101' has no drug and name"),
    ],
)
def test_damaged_ttd(before: str, after: str, match: str, tmp_path: Path) -> None:
    files.ttd(tmp_path)
    path = tmp_path / "P1-01-TTD_target_download.txt"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(UserError, match=match):
        read(path)


# --- Guide to Pharmacology


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_guide_to_pharmacology(suffix: str, tmp_path: Path) -> None:
    found = read(files.guide(tmp_path, suffix))
    assert pairs(found) == {
        ("imatinib", "ABL1"),
        ("imatinib", "GABRA1"),
        ("imatinib", "GABRB1"),
        ("caffeine", "ADORA2A"),
    }
    assert set(found.table["Metadata_Source"]) == {"Guide to Pharmacology 2024.1"}
    assert found.report.left_out == {"of other or no species": 2, "without a gene": 1}
    assert found.report.by_structure == ["caffeine", "imatinib"]
    # mouse and human write one gene in two ways
    everything = read(tmp_path, all_organisms=True)
    assert ("haloperidol", "DRD2") in pairs(everything)
    assert ("imatinib", "ABL1") in pairs(everything)
    assert ("imatinib", "Abl1") not in pairs(everything)


def test_the_guide_without_its_ligands(tmp_path: Path) -> None:
    files.guide(tmp_path)
    found = read(tmp_path / "interactions.csv")
    assert found.report.by_name == ["imatinib"]
    assert "no structures (ligands.csv): ligands are found by name only" in found.lines
    with pytest.raises(UserError, match="the table of interactions is missing"):
        read(tmp_path / "ligands.csv")


def test_lines_below_a_banner_are_counted_from_the_first(tmp_path: Path) -> None:
    files.guide(tmp_path)
    path = tmp_path / "interactions.csv"
    lines = path.read_text().splitlines()
    lines[3] += ',"x"'
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"1 line\(s\).*line 4 has 16"):
        read(path)


# --- ChEMBL


def test_activities_of_chembl(tmp_path: Path) -> None:
    path = files.activities(tmp_path)
    found = read(path)
    assert pairs(found) == {
        ("imatinib", "CHEMBL1862"),
        ("caffeine", "CHEMBL251"),
        ("caffeine", "CHEMBL5555"),
    }
    assert found.report.left_out == {
        "rows of other assays than binding": 1,
        "rows of a confidence below 8": 1,
        "rows without a pChEMBL": 1,
        "pairs of a median pChEMBL below 6": 2,
    }
    lower = read(path, min_pchembl=5.5)
    assert {("imatinib", "CHEMBL1936"), ("aspirin", "CHEMBL221")} < pairs(lower)
    assert "licence: CC BY-SA 3.0: name ChEMBL, pass on under the same terms" in found.lines


def test_names_of_targets_of_chembl(tmp_path: Path) -> None:
    paths = [files.activities(tmp_path), files.mapping(tmp_path)]
    assert pairs(read(paths)) == {("imatinib", "P00519"), ("caffeine", "P29274")}
    found = read(paths, genes=files.genes(tmp_path))
    assert pairs(found) == {("imatinib", "ABL1"), ("caffeine", "ADORA2A")}
    assert found.report.left_out["pairs of complexes"] == 1


def test_exports_of_the_site_of_chembl(tmp_path: Path) -> None:
    found = read(files.site_export(tmp_path))
    assert pairs(found) == {("caffeine", "CHEMBL251"), ("haloperidol", "CHEMBL217")}
    assert found.report.by_structure == ["caffeine"]  # by its SMILES
    assert found.report.by_name == ["haloperidol"]
    assert found.report.left_out == {
        "rows of no single protein": 1,
        "rows of doubtful validity": 1,
        "rows of other organisms": 1,
    }
    found = read([files.mechanisms(tmp_path), files.mapping(tmp_path)], genes=files.genes(tmp_path))
    assert pairs(found) == {("imatinib", "ABL1")}
    with pytest.raises(UserError, match="no compound of the screen has a target"):
        read(tmp_path / "mechanisms.tsv", evidence="activities")


def test_the_sqlite_release_of_chembl(tmp_path: Path) -> None:
    path = files.sqlite(tmp_path)
    before = path.read_bytes()
    found = read(path)
    assert pairs(found) == {
        ("imatinib", "ABL1"),
        ("caffeine", "A3"),  # no symbol: the UniProt identifier
        ("haloperidol", "GABRA1"),  # a mechanism, of all proteins of a complex
        ("haloperidol", "GABRB1"),
    }
    assert set(found.table["Metadata_Source"]) == {"ChEMBL 35"}
    assert found.report.left_out == {
        "rows of other organisms": 2,
        "rows of no single protein": 1,
        "pairs of a median pChEMBL below 6": 1,
    }
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["chembl_35.db"]
    only = pairs(read(path, evidence="mechanisms"))
    assert only == {("haloperidol", "GABRA1"), ("haloperidol", "GABRB1")}
    assert len(pairs(read(path, evidence="activities"))) == 2


def test_a_release_that_is_cut(tmp_path: Path) -> None:
    """Where a page lacks its end SQLite reads zeros: fewer annotations, without a word."""
    path = files.sqlite(tmp_path)
    content = path.read_bytes()
    size = len(content) - 1
    path.write_bytes(content[:size])
    with pytest.raises(
        UserError, match=rf"chembl_35\.db: is cut: it has {size} bytes, its 12 pages"
    ):
        read(path)
    path.write_bytes(content[: size // 2])
    with pytest.raises(UserError, match="is no release of ChEMBL: database disk image is malform"):
        read(path)
    path.write_bytes(content)
    assert len(pairs(read(path))) == 4


def test_another_database(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "x.db"
    with sqlite3.connect(path) as database:
        database.execute("create table activities (a)")
    database.close()
    with pytest.raises(UserError, match=r"lacks 10 table\(s\) of ChEMBL: molecule_dictionary"):
        read(path)
    whole = files.sqlite(tmp_path)
    with sqlite3.connect(whole) as database:
        database.execute("alter table assays drop column assay_type")
    database.close()
    with pytest.raises(UserError, match=r"is no release of ChEMBL: no such column: y\.assay_type"):
        read(whole)


# --- plain tables, and what is none


def test_a_plain_table(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text(
        "pert_iname\tInChIKey\ttarget_list\n"
        f"Gleevec\t{files.KEYS['imatinib']}\tABL1|KIT | PDGFRA\n"
        "amg 900\t\tAURKA;aurka;AURKB\ncaffeine\t\t\n"
    )
    found = read(path)
    assert pairs(found) == {
        ("imatinib", "ABL1"),
        ("imatinib", "KIT"),
        ("imatinib", "PDGFRA"),
        ("AMG-900", "AURKA"),
        ("AMG-900", "AURKB"),
    }
    assert set(found.table["Metadata_Source"]) == {"mine"}
    assert found.report.left_out == {"rows without a target": 1}
    assert set(read(path, source="my notes").table["Metadata_Source"]) == {"my notes"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n", "of no known source"),
        ("compound,target\n,ABL1\n", r"1 row\(s\) have a target and no compound: row 2"),
        ("compound,target\nnobody,ABL1\n", "no compound of the screen has a target: 1 substance"),
        ("compound,target\n", "the table has no row"),
    ],
)
def test_faults_of_plain_tables(text: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=match):
        read(path)


def test_files_of_two_sources(tmp_path: Path) -> None:
    paths = [files.drugbank(tmp_path / "x.xml"), files.activities(tmp_path)]
    with pytest.raises(UserError, match="of 2 sources: chembl, drugbank"):
        read(paths)
    with pytest.raises(UserError, match="several files are 'drugbank'"):
        read([paths[0], paths[0]])


# --- compounds


@pytest.mark.parametrize(
    ("key", "block"),
    [
        ("KTUFNOKKBVMGRW-UHFFFAOYSA-N", "KTUFNOKKBVMGRW"),
        (" InChIKey=KTUFNOKKBVMGRW-UHFFFAOYSA-N", "KTUFNOKKBVMGRW"),
        ("KTUFNOKKBVMGRW", "KTUFNOKKBVMGRW"),
        ("ktufnokkbvmgrw-uhfffaoysa-n", "KTUFNOKKBVMGRW"),
        ("KTUFNOKKBVMGRW-UHFFFAOYSA", None),
        ("CC(=O)O", None),
        ("", None),
        (None, None),
    ],
)
def test_blocks_of_inchikeys(key: str | None, block: str | None) -> None:
    assert block_of(key) == block


def test_names_are_compared_by_letters_and_digits() -> None:
    assert plain_name("AMG-900") == plain_name("amg 900") == plain_name("AMG\u2011900") == "amg900"
    assert plain_name("\u03b1-Tocopherol") == "\u03b1tocopherol"
    assert without_salt("Imatinib mesylate") == "Imatinib"
    assert without_salt("Sodium") == "Sodium"
    assert without_salt("metformin hydrochloride (hydrate)") == "metformin"


def test_structure_goes_before_the_name() -> None:
    index = Compounds(files.compounds())
    both = index.find([files.KEYS["aspirin"]], ["imatinib"])
    assert (both.compounds, both.how) == (("aspirin",), "structure")
    name = index.find(["CCCCCCCCCCCCCC-UHFFFAOYSA-N"], ["Imatinib mesylate"])
    assert (name.compounds, name.how, name.differs) == (("imatinib",), "name", True)
    assert not index.find([], ["haloperidol"]).differs
    assert index.find([None], ["", "nan"]).compounds == ()


def test_stereoisomers_share_a_block_and_salts_their_largest_part() -> None:
    table = pd.DataFrame(
        {
            "Metadata_Compound": ["r", "s", "salt"],
            "Metadata_SMILES": ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CCN.OS(=O)(=O)C(F)(F)F"],
            "Metadata_InChIKey": None,
        }
    )
    index = Compounds(table)
    assert index.find(["QNAYBMKLOCPYGJ-UHFFFAOYSA-N"], []).compounds == ("r", "s")
    # of salts the part with the most heavy atoms: here the anion
    assert index.find(["ITMCEJHCFYSIIV-UHFFFAOYSA-N"], []).compounds == ("salt",)


def test_a_name_of_several_compounds_fits_none() -> None:
    index = Compounds(pd.DataFrame({"Metadata_Compound": ["A-1", "A 1", "B"]}))
    assert index.find([], ["a1"]).compounds == ()
    assert index.find([], ["b"]).compounds == ("B",)


def test_negative_controls_are_no_compounds() -> None:
    table = pd.DataFrame({"Metadata_Compound": ["DMSO", "x"], "Metadata_Control": ["negcon", None]})
    assert Compounds(table).names == ["x"]
    with pytest.raises(UserError, match="no compound is known"):
        Compounds(table[:1])


def test_a_panel_of_252_targets(tmp_path: Path) -> None:
    """The poster's panel: counted are targets with at least five compounds."""
    rows = [(f"c{n}", f"T{t}") for t in range(300) for n in range(5 if t < 252 else 4)]
    pd.DataFrame(rows, columns=["compound", "target"]).to_csv(tmp_path / "x.csv", index=False)
    table = pd.DataFrame({"Metadata_Compound": [f"c{n}" for n in range(5)]})
    report = read_targets(tmp_path / "x.csv", table).report
    assert (report.pairs, report.targets, report.panel) == (len(rows), 300, 252)
