"""One proteome of five proteins and four wells, as each source writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

GENES = ("AKT1", "BAX", "CDK1", "DDX5", "")
ACCESSIONS = ("P31749", "Q07812", "P06493", "P17844", "P99999")
NAMES = (*GENES[:4], "P99999")
"""What each protein is called: the last one has no gene."""
WELLS = ("A01", "A02", "B01", "B02")
SAMPLES = tuple(f"P1_{well}" for well in WELLS)
VALUES = np.array(
    [
        [2.5e6, 3.0e6, 2.0e6, 1.5e6],
        [4.0e4, np.nan, 6.0e4, 5.0e4],
        [8.0e7, 8.5e7, 1.0e7, 9.0e7],
        [1.2e5, 1.1e5, np.nan, np.nan],
        [7.0e3, 6.5e3, 6.0e3, 9.0e3],
    ]
)
"""(protein, well); MaxQuant, FragPipe and others write 0 where a value is missing."""
CONTAMINANT = "P02769"
DECOY = "Q99999"


def expected() -> pd.DataFrame:
    """The readout that every file below holds."""
    rows = [
        ("P1", well, name, VALUES[p, w])
        for w, well in enumerate(WELLS)
        for p, name in sorted(enumerate(NAMES), key=lambda pair: pair[1])
        if np.isfinite(VALUES[p, w])
    ]
    names = ["Metadata_Plate", "Metadata_Well", "Metadata_Protein", "Value"]
    return pd.DataFrame(rows, columns=names).astype({"Value": "float32"})


def _text(value: float, missing: str) -> str:
    return missing if np.isnan(value) else repr(float(value))


def _grid(columns: list[str], missing: str, values: np.ndarray = VALUES) -> pd.DataFrame:
    """Columns of values, with a row of a contaminant and one of a decoy below."""
    more = np.vstack([values, values[:1], values[:1]])
    return pd.DataFrame(
        {column: [_text(v, missing) for v in more[:, w]] for w, column in enumerate(columns)}
    )


def _write(table: pd.DataFrame, path: Path, **options: object) -> Path:
    table.to_csv(path, sep="\t", index=False, **options)
    return path


def maxquant(folder: Path, *, new: bool = False, quantity: str = "LFQ intensity") -> Path:
    """proteinGroups.txt; `new`: flag columns of version 2.5, and no column of genes."""
    prefixes = [*ACCESSIONS, f"CON__{CONTAMINANT}", f"REV__{DECOY}"]
    genes = [*GENES, "ALB", ""]
    table = pd.DataFrame({"Protein IDs": prefixes, "Majority protein IDs": prefixes})
    table["Protein IDs"] = [f"{name};A0A0{row}" for row, name in enumerate(prefixes)]
    if not new:
        table["Gene names"] = genes
    headers = [
        f'>sp|{a}|X_HUMAN Some "protein", OS=Homo sapiens OX=9606{f" GN={g}" if g else ""} PE=1'
        for a, g in zip(prefixes, genes, strict=True)
    ]
    table["Fasta headers"] = headers
    table["Peptides P1_A01"] = 7
    table["Intensity"] = 9e9
    for sample in SAMPLES:
        table[f"Intensity {sample}"] = 5e8
    table["iBAQ peptides"] = 12
    for sample in SAMPLES:
        table[f"iBAQ {sample}"] = 3e8
    for column, values in _grid([f"{quantity} {s}" for s in SAMPLES], "0").items():
        table[column] = values
    plus = [""] * 5
    table["Only identified by site"] = [*plus, "", ""]
    table["Decoy" if new else "Reverse"] = [*plus, "", "+"]
    table["Contaminant" if new else "Potential contaminant"] = [*plus, "+", ""]
    return _write(table, folder / "proteinGroups.txt")


def diann(folder: Path) -> Path:
    """report.pg_matrix.tsv of version 2: paths of raw files as names, empty where missing."""
    names = [*ACCESSIONS, f"Cont_{CONTAMINANT}", f"rev_{DECOY}"]
    table = pd.DataFrame(
        {
            "Protein.Group": names,
            "Protein.Names": "X_HUMAN",
            "Genes": [*GENES, "ALB", ""],
            "First.Protein.Description": "it's a \"protein",
            "N.Sequences": 3,
            "N.Proteotypic.Sequences": 2,
        }
    )
    grid = _grid([rf"D:\runs 2025\{sample}.raw" for sample in SAMPLES], "")
    return _write(pd.concat([table, grid], axis=1), folder / "report.pg_matrix.tsv", quoting=3)


def diann_report(folder: Path, suffix: str = "parquet") -> Path:
    """Report by precursor: two precursors a group, decoys and doubtful rows among them."""
    rows = []
    for p, (accession, gene) in enumerate(zip(ACCESSIONS, GENES, strict=True)):
        for w, sample in enumerate(SAMPLES):
            if np.isnan(VALUES[p, w]):
                continue
            for _ in (2, 3):
                rows.append((sample, accession, gene, float(VALUES[p, w]), 0.001, 0.002, 0))
            # what a q-value keeps out must not get in by its quantity
            rows.append((sample, "Q00000", "WRONG", 1e5, 0.2, 0.002, 0))
            rows.append((sample, "Q00001", "WRONG2", 1e5, 0.001, 0.3, 0))
    rows.append((SAMPLES[0], f"Cont_{CONTAMINANT}", "ALB", 1e6, 0.001, 0.001, 0))
    rows.append((SAMPLES[0], DECOY, "NOTHING", 1e6, 0.001, 0.001, 1))
    names = ["Run", "Protein.Group", "Genes", "PG.MaxLFQ", "Q.Value", "PG.Q.Value", "Decoy"]
    table = pd.DataFrame(rows, columns=names)
    table.insert(1, "Precursor.Id", [f"PEPTIDE{n}" for n in range(len(table))])
    table["Protein.Ids"] = table["Protein.Group"]
    table["Lib.PG.Q.Value"] = 0.005
    path = folder / f"report.{suffix}"
    if suffix == "parquet":
        table.to_parquet(path, index=False)
        return path
    return _write(table, path)


def fragpipe(folder: Path) -> Path:
    """combined_protein.tsv."""
    names = [f"sp|{a}|X_HUMAN" for a in ACCESSIONS]
    names += [f"contam_sp|{CONTAMINANT}|ALBU_BOVIN", f"rev_sp|{DECOY}|X_HUMAN"]
    table = pd.DataFrame(
        {
            "Protein": names,
            "Protein ID": [*ACCESSIONS, CONTAMINANT, DECOY],
            "Entry Name": "X_HUMAN",
            "Gene": [*GENES, "ALB", "ZZ"],
            "Protein Length": 400,
            "Organism": "Homo sapiens OX=9606",
            "Combined Total Peptides": 9,
        }
    )
    for sample in SAMPLES:
        table[f"{sample} Spectral Count"] = 5
        table[f"{sample} Intensity"] = 4e5
        table[f"{sample} Unique Intensity"] = 3e5
        table[f"{sample} Total Intensity"] = 6e5
        table[f"{sample} MaxLFQ Unique Intensity"] = 2e5
    grid = _grid([f"{sample} MaxLFQ Intensity" for sample in SAMPLES], "0.0")
    table = pd.concat([table, grid], axis=1)
    table["Indistinguishable Proteins"] = ""
    return _write(table, folder / "combined_protein.tsv")


def fragpipe_tmt(folder: Path, *, by_gene: bool = False) -> Path:
    """abundance_protein_MD.tsv or abundance_gene_MD.tsv: log2, empty where missing."""
    names = [*ACCESSIONS, f"contam_{CONTAMINANT}", f"rev_{DECOY}"]
    genes = [*GENES, "ALB", ""]
    table = pd.DataFrame({"Index": genes if by_gene else names, "NumberPSM": 4})
    table["ProteinID" if by_gene else "Gene"] = names if by_gene else genes
    table["MaxPepProb"] = 1.0
    table["ReferenceIntensity"] = 21.5
    grid = _grid(list(SAMPLES), "", np.log2(VALUES))
    path = folder / f"abundance_{'gene' if by_gene else 'protein'}_MD.tsv"
    return _write(pd.concat([table, grid], axis=1), path)


def spectronaut(folder: Path) -> Path:
    """Pivot report: numbered samples, and ``Filtered`` for what is below the limits."""
    names = [*ACCESSIONS, f"CON__{CONTAMINANT}", f"decoy_{DECOY}"]
    table = pd.DataFrame(
        {
            "PG.ProteinGroups": names,
            "PG.Genes": [*GENES, "ALB", ""],
            "PG.ProteinDescriptions": "a; b",
        }
    )
    columns = [f"[{n}] {s}.raw.PG.Quantity" for n, s in enumerate(SAMPLES, 1)]
    grid = _grid(columns, "Filtered")
    for n, sample in enumerate(SAMPLES, 1):
        table[f"[{n}] {sample}.raw.PG.IsSingleHit"] = "False"
    return _write(pd.concat([table, grid], axis=1), folder / "pivot.tsv")


def proteome_discoverer(folder: Path) -> Path:
    """Proteins.txt: every field in quotes, genes in the description only, masters marked."""
    accessions = [*ACCESSIONS, CONTAMINANT, f"decoy_{DECOY}", "Q5VWC4"]
    genes = [*GENES, "ALB", "ZZ", "CAND"]
    table = pd.DataFrame(
        {
            "Checked": "False",
            "Protein FDR Confidence: Combined": "High",
            "Master": [*["IsMasterProtein"] * 7, "IsMasterProteinCandidate"],
            "Accession": accessions,
            "Description": [
                f'A "kinase" OS=Homo sapiens OX=9606{f" GN={g}" if g else ""} PE=1' for g in genes
            ],
            "Contaminant": [*["False"] * 5, "True", "False", "False"],
        }
    )
    for n, sample in enumerate(SAMPLES, 1):
        table[f"Abundance: F{n}: Sample, {sample}"] = 4e5
        table[f"Abundances (Scaled): F{n}: Sample, {sample}"] = 100.0
        table[f"Found in Sample: [S{n}] F{n}: Sample, {sample}"] = "High"
    columns = [f"Abundances (Normalized): F{n}: Sample, {s}" for n, s in enumerate(SAMPLES, 1)]
    grid = _grid(columns, "")
    grid = pd.concat([grid, grid.tail(1)], ignore_index=True)
    return _write(pd.concat([table, grid], axis=1), folder / "Proteins.txt", quoting=1)


def curvecurator(folder: Path) -> Path:
    """CurveCurator's input: Name and Raw columns; experiments are numbered."""
    table = pd.DataFrame({"Name": [*NAMES, f"CON__{CONTAMINANT}", f"REV__{DECOY}"]})
    grid = _grid([f"Raw {n}" for n in range(4)], "")
    return _write(pd.concat([table, grid], axis=1), folder / "curves.tsv")


def sample_map(folder: Path) -> Path:
    """Wells of the experiments of CurveCurator's input."""
    table = pd.DataFrame({"column": [str(n) for n in range(4)], "plate": "P1", "well": WELLS})
    table.to_csv(folder / "samples.csv", index=False)
    return folder / "samples.csv"


def gct(folder: Path) -> Path:
    """GCT 1.3 with log2 values and wells that lack their zero."""
    lines = ["#1.3", "7\t4\t2\t3"]
    lines.append("\t".join(["id", "pr_gene_symbol", "pr_uniprot_id", *(f"c{n}" for n in range(4))]))
    lines.append("\t".join(["det_plate", "", "", *["P1"] * 4]))
    lines.append("\t".join(["det_well", "", "", *(w.replace("0", "") for w in WELLS)]))
    lines.append("\t".join(["pert_iname", "", "", "DMSO", "b", "c", "-666"]))
    names = [*ACCESSIONS, f"CON__{CONTAMINANT}", f"REV__{DECOY}"]
    genes = [*GENES, "ALB", "ZZ"]
    for row, (name, gene) in enumerate(zip(names, genes, strict=True)):
        values = np.log2(VALUES[row if row < 5 else 0])
        cells = [_text(v, "NaN") for v in values]
        lines.append("\t".join([f"id{row}", gene or "-666", name, *cells]))
    (folder / "plate.gct").write_text("\n".join(lines) + "\n")
    return folder / "plate.gct"


def long(folder: Path) -> Path:
    """A long table with names of its own."""
    rows = [
        ("P1", well, name, _text(VALUES[p, w], ""))
        for p, name in enumerate(NAMES)
        for w, well in enumerate(WELLS)
    ]
    rows += [("P1", "A01", "Cont_ALB", "5.0"), ("P1", "A01", "rev_ZZ", "5.0")]
    table = pd.DataFrame(rows, columns=["plate", "Well position", "Gene symbol", "Intensity"])
    table.to_csv(folder / "long.csv", index=False)
    return folder / "long.csv"


def wells(folder: Path) -> Path:
    """One row per well, one column per protein, a unit behind each."""
    table = pd.DataFrame({"Metadata_Plate": "P1", "Metadata_Well": WELLS})
    table["Metadata_pert_iname"] = ["DMSO", "b", "c", "d"]
    for p, name in enumerate([*NAMES, "Cont_ALB", "rev_ZZ"]):
        table[f"{name} [a.u.]"] = VALUES[p if p < 5 else 0]
    table.to_csv(folder / "wells.csv", index=False)
    return folder / "wells.csv"
