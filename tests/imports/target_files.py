"""Files of target annotations in the exact format of their sources; all content is made up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd

KEYS = {
    "imatinib": "KTUFNOKKBVMGRW-UHFFFAOYSA-N",
    "aspirin": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
    "AMG-900": "IVUGFMLRJOCGAS-UHFFFAOYSA-N",
    "caffeine": "RYYVLZVUVIJVGH-UHFFFAOYSA-N",
    "haloperidol": "LNEPOXFFQSENCJ-UHFFFAOYSA-N",
}


def compounds() -> pd.DataFrame:
    """Compounds of a screen; the last one has no structure, and one is in no source."""
    table = pd.DataFrame({"Metadata_Compound": [*KEYS, "unheard of"]})
    table["Metadata_InChIKey"] = [*KEYS.values(), None]
    table.loc[table["Metadata_Compound"] == "haloperidol", "Metadata_InChIKey"] = None
    return table


def _drug(
    identifier: str, name: str, key: str = "", targets: str = "", more: str = "", synonym: str = ""
) -> str:
    property_ = (
        f"<property><kind>InChIKey</kind><value>{key}</value><source>ChemAxon</source></property>"
    )
    return f"""
<drug type="small molecule" created="2005-06-13" updated="2024-01-02">
  <drugbank-id primary="true">{identifier}</drugbank-id>
  <drugbank-id>APRD00001</drugbank-id>
  <name>{name}</name>
  <description>Acts on &lt;things&gt; &amp; more.</description>
  <synonyms><synonym language="english" coder="">{synonym or name}</synonym></synonyms>
  {more}
  <pathways><pathway><smpdb-id>SMP1</smpdb-id><name>P</name><drugs>
    <drug><drugbank-id>DB90001</drugbank-id><name>caffeine</name></drug>
    <drug><drugbank-id>DB90002</drugbank-id><name>aspirin</name></drug>
  </drugs></pathway></pathways>
  <calculated-properties>
    <property><kind>SMILES</kind><value>C</value><source>ChemAxon</source></property>
    {property_ if key else ""}
  </calculated-properties>
  <targets>{targets}</targets>
  <enzymes><enzyme><id>BE1</id><name>Cytochrome</name><organism>Humans</organism><actions/>
    <known-action>yes</known-action>
    <polypeptide id="P08684" source="Swiss-Prot"><name>C</name><gene-name>CYP3A4</gene-name>
    </polypeptide></enzyme></enzymes>
  <carriers/><transporters/>
</drug>"""


def _target(genes: list[tuple[str, str]], organism: str = "Humans", known: str = "yes") -> str:
    parts = "".join(
        f'<polypeptide id="{accession}" source="Swiss-Prot"><name>x</name>'
        f"<gene-name>{gene}</gene-name></polypeptide>"
        for accession, gene in genes
    )
    return (
        f"<target position='1'><id>BE2</id><name>T</name><organism>{organism}</organism>"
        f"<actions><action>inhibitor</action></actions><known-action>{known}</known-action>{parts}"
        "</target>"
    )


def drugbank(path: Path, repeats: int = 0) -> Path:
    """The full database: `repeats` further drugs that no screen has."""
    salts = (
        "<salts><salt><drugbank-id>DBSALT1</drugbank-id><name>Imatinib mesylate</name>"
        f"<inchikey>{KEYS['aspirin'].replace('A-N', 'B-N')}</inchikey></salt></salts>"
    )
    drugs = [
        _drug(
            "DB00619",
            "Imatinib",
            KEYS["imatinib"],
            _target([("P00519", "ABL1")])
            + _target([("P10721", "KIT")], known="unknown")
            + _target([("P0AEK2", "fabG")], organism="Escherichia coli (strain K12)")
            + _target([])
            + _target([("A1A1A1", "GABRA1"), ("A2A2A2", "GABRB1"), ("A3A3A3", "")]),
        ),
        _drug("DB00945", "Acetylsalicylic acid", "", _target([("P23219", "PTGS1")]), salts),
        _drug("DB99999", "No target at all", KEYS["AMG-900"]),
        _drug(
            "DB00502", "Haloperidol", "AAAAAAAAAAAAAA-UHFFFAOYSA-N", _target([("P14416", "DRD2")])
        ),
    ]
    drugs += [
        _drug(f"DB5{n:04d}", f"other {n}", "", _target([("P1", f"GENE{n}")]))
        for n in range(repeats)
    ]
    with path.open("w", encoding="utf-8") as stream:
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        stream.write(
            '<drugbank xmlns="http://www.drugbank.ca" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:schemaLocation="http://www.drugbank.ca http://www.drugbank.ca/docs/drugbank.xsd" '
            'version="5.1" exported-on="2024-01-03">'
        )
        for drug in drugs:
            stream.write(drug)
        stream.write("\n</drugbank>\n")
    return path


PROSE = """TTD - Therapeutic Target Database
Version 10.1.01 (2024.01.10)
Title\tTarget information in raw format

Abbreviations:
TARGETID\tTTD Target ID
GENENAME\tTarget Gene Name
DRUGINFO\tTTD Drug ID\tDrug Name\tHighest Clinical Status
________________________________________________________________

"""


def ttd(folder: Path) -> Path:
    """P1-01, P1-02 and P1-07."""
    blocks = [
        ("T47101", "ABL1", "ABL1_HUMAN", [("D0AZ3C", "Imatinib", "Approved")]),
        (
            "T00002",
            "GABRA1; GABRB1",
            "GBRA1_HUMAN; GBRB1_HUMAN",
            [("D0AZ3C", "Imatinib", "Investigative"), ("D00002", "AMG 900", "Phase 1")],
        ),
        ("T00003", "", "POL_HV1B1", [("D00003", "Caffeine", "Approved")]),
        ("T00004", "", "", [("D00003", "Caffeine", "Approved")]),
        ("T00005", "ADORA2A", "AA2AR_HUMAN", []),
    ]
    lines = []
    for identifier, gene, uniprot, drugs in blocks:
        lines += [f"{identifier}\tTARGETID\t{identifier}", f"{identifier}\tFORMERID\tTTDC0001"]
        if uniprot:
            lines.append(f"{identifier}\tUNIPROID\t{uniprot}")
        lines.append(f'{identifier}\tTARGNAME\tA name (of "it")')
        if gene:
            lines.append(f"{identifier}\tGENENAME\t{gene}")
        lines.append(f"{identifier}\tSEQUENCE\tMKV")
        lines += [f"{identifier}\tDRUGINFO\t" + "\t".join(drug) for drug in drugs]
        lines.append("\t\t\t\t")
    (folder / "P1-01-TTD_target_download.txt").write_text(PROSE + "\n".join(lines) + "\n")
    drugs = []
    for identifier, trade, key in (
        ("D0AZ3C", "Gleevec; Glivec", KEYS["imatinib"]),
        ("D00009", "Unknown", "BBBBBBBBBBBBBB-UHFFFAOYSA-N"),
    ):
        drugs += [
            f"{identifier}\tDRUG__ID\t{identifier}",
            f"{identifier}\tTRADNAME\t{trade}",
            f"{identifier}\tDRUGSMIL\tCC",
            f"{identifier}\tDRUGINKE\t{key}",
            "",
        ]
    (folder / "P1-02-TTD_drug_download.txt").write_text(PROSE + "\n".join(drugs) + "\n")
    pairs = [
        ("T00005", "D00003", "Approved", "Antagonist"),
        ("T77777", "D00003", "Approved", "."),
    ]
    table = pd.DataFrame(pairs, columns=["TargetID", "DrugID", "Highest_status", "MOA"])
    table.to_csv(folder / "P1-07-Drug-TargetMapping.csv", index=False)
    return folder


def guide(folder: Path, suffix: str = "csv") -> Path:
    """Interactions and ligands of the Guide to Pharmacology: a banner line, all in quotes."""
    names = [
        "Target", "Target ID", "Target Subunit IDs", "Target Gene Symbol", "Target UniProt ID",
        "Target Ligand", "Target Species", "Ligand", "Ligand ID", "Ligand Type", "Type", "Action",
        "Primary Target", "Affinity Units", "Affinity Median",
    ]  # fmt: skip
    rows = [
        ("Abl", "1", "", "ABL1", "P00519", "", "Human", "imatinib", "5687"),
        ("Abl", "1", "", "Abl1", "P00520", "", "Mouse", "imatinib", "5687"),
        ("GABA<sub>A</sub>", "2", "", "GABRA1|GABRB1", "P1|P2", "", "Human", "imatinib", "5687"),
        ("", "", "", "", "", "TNF", "Human", "imatinib", "5687"),
        ("A2A", "3", "", "ADORA2A", "P29274", "", "Human", "&beta;-<i>caff</i>", "407"),
        ("D2", "4", "", "DRD2", "P14416", "", "", "haloperidol", "86"),
    ]
    table = pd.DataFrame([(*row, "Synthetic organic", "Inhibitor", "Inhibition", "t", "pIC50", "7")
                          for row in rows], columns=names)  # fmt: skip
    ligands = pd.DataFrame(
        [
            ("5687", "imatinib", "", KEYS["imatinib"], "Glivec&reg;|STI571"),
            ("407", "&beta;-<i>caff</i>", "", KEYS["caffeine"], ""),
            ("86", "haloperidol", "", "", ""),
        ],
        columns=["Ligand ID", "Name", "Species", "InChIKey", "Synonyms"],
    )
    separator = "," if suffix == "csv" else "\t"
    for name, content in (("interactions", table), ("ligands", ligands)):
        text = content.to_csv(index=False, quoting=1, sep=separator)
        path = folder / f"{name}.{suffix}"
        path.write_text(f'"# GtoPdb Version: 2024.1 - published: 2024-03-26"\n{text}')
    return folder


ACTIVITIES = [
    # molecule, target, pchembl, type, confidence, key
    ("CHEMBL941", "CHEMBL1862", "6.0", "B", "9", "imatinib"),
    ("CHEMBL941", "CHEMBL1862", "8.0", "B", "9", "imatinib"),
    ("CHEMBL941", "CHEMBL1862", "5.0", "B", "9", "imatinib"),  # median 6: in
    ("CHEMBL941", "CHEMBL1936", "5.9", "B", "9", "imatinib"),  # below
    ("CHEMBL941", "CHEMBL203", "9.0", "F", "9", "imatinib"),  # no binding assay
    ("CHEMBL941", "CHEMBL204", "9.0", "B", "7", "imatinib"),  # may be another target
    ("CHEMBL25", "CHEMBL221", "6.5", "B", "8", "aspirin"),
    ("CHEMBL26", "CHEMBL221", "4.5", "B", "8", "aspirin"),  # its salt form: one structure, 5.5
    ("CHEMBL113", "CHEMBL251", "6.2", "B", "9", "caffeine"),
    ("CHEMBL113", "CHEMBL5555", "7.0", "B", "9", "caffeine"),  # a family of proteins
    ("CHEMBL113", "CHEMBL256", "", "B", "9", "caffeine"),
    ("CHEMBL999", "CHEMBL251", "9.9", "B", "9", "nobody"),
]


def activities(folder: Path) -> Path:
    """A query of ChEMBL, as the one of the JUMP compounds."""
    rows = [
        (n, target, kind, molecule, value, score, KEYS.get(key, "ZZZZZZZZZZZZZZ-UHFFFAOYSA-N"), "")
        for n, (molecule, target, value, kind, score, key) in enumerate(ACTIVITIES)
    ]
    names = [
        "assay_chembl_id", "target_chembl_id", "assay_type", "molecule_chembl_id", "pchembl_value",
        "confidence_score", "standard_inchi_key", "pref_name",
    ]  # fmt: skip
    path = folder / "activities.csv.gz"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path


def mapping(folder: Path) -> Path:
    """chembl_uniprot_mapping.txt: a banner and no header."""
    lines = [
        "# chembl_25 target list, 01/02/2019",
        "P00519\tCHEMBL1862\tTyrosine-protein kinase ABL1\tSINGLE PROTEIN",
        "P29274\tCHEMBL251\tAdenosine A2a receptor\tSINGLE PROTEIN",
        "P29275\tCHEMBL5555\tAdenosine receptors\tPROTEIN FAMILY",
        "P29274\tCHEMBL5555\tAdenosine receptors\tPROTEIN FAMILY",
    ]
    (folder / "chembl_uniprot_mapping.txt").write_text("\n".join(lines) + "\n")
    return folder / "chembl_uniprot_mapping.txt"


def genes(folder: Path) -> Path:
    """A table of UniProt: genes of human proteins."""
    text = (
        "Entry\tReviewed\tGene Names (primary)\nP00519\treviewed\tABL1\nP29274\treviewed\tADORA2A\n"
    )
    (folder / "genes.tsv").write_text(text)
    return folder / "genes.tsv"


def site_export(folder: Path) -> Path:
    """What ChEMBL's site gives: semicolons, quotes, SMILES and no InChIKey."""
    names = [
        "Molecule ChEMBL ID", "Molecule Name", "Smiles", "Standard Type", "Standard Relation",
        "pChEMBL Value", "Data Validity Comment", "Assay Type", "Target ChEMBL ID", "Target Name",
        "Target Organism", "Target Type",
    ]  # fmt: skip
    human, one, doubtful = "Homo sapiens", "SINGLE PROTEIN", "Outside typical range"
    caffeine = ("CHEMBL113", "CAFFEINE", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "Ki", "'='")
    haloperidol = ("CHEMBL54", "HALOPERIDOL", "", "Ki", "'='")
    rows = [
        (*caffeine, "6.4", "", "B", "CHEMBL251", "A; B", human, one),
        (*caffeine, "9", doubtful, "B", "C1", "x", human, one),
        (*caffeine, "9", "", "B", "C2", "x", "Rattus norvegicus", one),
        (*caffeine, "9", "", "B", "C3", "x", human, "PROTEIN COMPLEX"),
        (*haloperidol, "9", "", "B", "CHEMBL217", "x", human, one),
    ]
    path = folder / "export.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, sep=";", index=False, quoting=1)
    return path


def mechanisms(folder: Path) -> Path:
    """The site's table of mechanisms: its first column stands again at the end."""
    header = (
        '"Parent Molecule ChEMBL ID"\t"Parent Molecule Name"\t"Smiles"\t"Action Type"\t'
        '"Target ChEMBL ID"\t"Target Type"\t"Target Organism"\t"Synonyms"\t'
        '"Parent Molecule ChEMBL ID"'
    )
    row = (
        '"CHEMBL941"\t"IMATINIB"\t""\t"INHIBITOR"\t"CHEMBL1862"\t"SINGLE PROTEIN"\t'
        '"Homo sapiens"\t"Gleevec|Glivec"\t"CHEMBL941"'
    )
    (folder / "mechanisms.tsv").write_text(f"{header}\n{row}\n")
    return folder / "mechanisms.tsv"


SCHEMA = """
create table version (name text, creation_date text);
create table molecule_dictionary (molregno integer primary key, pref_name text, chembl_id text);
create table compound_structures (molregno integer, standard_inchi_key text);
create table molecule_synonyms (molsyn_id integer, molregno integer, synonyms text);
create table target_dictionary (tid integer, target_type text, organism text, chembl_id text);
create table target_components (tid integer, component_id integer, targcomp_id integer);
create table component_sequences (component_id integer, accession text);
create table component_synonyms (compsyn_id integer, component_id integer,
    component_synonym text, syn_type text);
create table assays (assay_id integer, tid integer, assay_type text, confidence_score integer);
create table activities (activity_id integer, assay_id integer, molregno integer,
    pchembl_value numeric, potential_duplicate integer, data_validity_comment text);
create table drug_mechanism (mec_id integer, molregno integer, tid integer, action_type text);
"""


def sqlite(folder: Path) -> Path:
    """chembl_NN.db with the tables and columns that are read."""
    path = folder / "chembl_35.db"
    single, human = "SINGLE PROTEIN", "Homo sapiens"
    rows: dict[str, list[tuple[object, ...]]] = {
        "version": [("ChEMBL_35", "2024-12-01")],
        "molecule_dictionary": [
            (1, "IMATINIB", "CHEMBL941"),
            (2, "CAFFEINE", "CHEMBL113"),
            (3, "HALOPERIDOL", "CHEMBL54"),
            (4, "OTHER", "CHEMBL9"),
        ],
        "compound_structures": [(1, KEYS["imatinib"]), (2, KEYS["caffeine"]), (4, "ZZ")],
        "molecule_synonyms": [(1, 1, "Gleevec"), (2, 4, "Something")],
        "target_dictionary": [
            (10, single, human, "CHEMBL1862"),
            (11, single, "Rattus norvegicus", "CHEMBL2"),
            (12, "PROTEIN COMPLEX", human, "CHEMBL3"),
            (13, single, human, "CHEMBL4"),
        ],
        "target_components": [(10, 100, 1), (11, 101, 2), (12, 102, 3), (12, 103, 4), (13, 104, 5)],
        "component_sequences": [(100, "P00519"), (101, "P5"), (102, "A1"), (103, "A2"),
                                (104, "A3")],
        "component_synonyms": [
            (1, 100, "JTK7", "GENE_SYMBOL_OTHER"),
            (2, 100, "ABL1", "GENE_SYMBOL"),
            (3, 102, "GABRA1", "GENE_SYMBOL"),
            (4, 103, "GABRB1", "GENE_SYMBOL"),
        ],
        "assays": [(1, 10, "B", 9), (2, 11, "B", 9), (3, 12, "B", 9), (4, 13, "B", 9),
                   (5, 13, "F", 9), (6, 13, "B", 5)],
        "activities": [
            (1, 1, 1, 7.0, 0, None),
            (2, 2, 1, 9.0, 0, None),  # rat
            (3, 3, 1, 9.0, 0, None),  # a complex
            (4, 4, 1, 6.5, 0, None),  # A3: mean above, median below
            (5, 4, 1, 5.0, 0, "Manually validated"),
            (6, 4, 1, 5.5, 0, None),
            (7, 4, 1, 9.9, 1, None),  # repeats another
            (8, 4, 1, 9.9, 0, "Outside typical range"),
            (9, 5, 1, 9.9, 0, None),  # no binding assay
            (10, 6, 1, 9.9, 0, None),  # may be another target
            (11, 4, 1, None, 0, None),
            (12, 4, 2, 6.0, 0, None),
            (13, 1, 4, 9.0, 0, None),
        ],
        "drug_mechanism": [(1, 3, 12, "ANTAGONIST"), (2, 2, 11, "ANTAGONIST")],
    }  # fmt: skip
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        for table, content in rows.items():
            marks = ",".join("?" * len(content[0]))
            database.executemany(f"insert into {table} values ({marks})", content)
        database.commit()
    return path
