"""Build the comas screen from its upstream files.

Cell Painting of reference compounds in U2OS (Pahl et al. 2023, similarities to clusters of
bioactivity) and consensus signatures of LINCS L1000 (Himmelstein et al. 2017,
doi:10.7554/eLife.26726), matched by the connectivity of the compound; targets from ChEMBL. The
upstream tables have one row per compound and concentration, so the screen is one of treatments.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.files import write_parquet, write_text
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    INCHIKEY,
    PROTEIN,
    SMILES,
    SOURCE,
    TARGET,
    TREATMENT_KEY,
    VALUE,
)
from phenoprot.screens.structures import connectivity, inchikey
from phenoprot.screens.tables import canonical_compound, folded_name, read_table
from phenoprot.screens.upstream import UpstreamFile, find_upstream

_COMAS = (
    "mpimp-comas/2022_pahl_ziegler_subprofiles",
    "094e277c67d93b84d9d88b9fcebe54475bbce459",
)
_LINCS = "dhimmel/lincs"
_CHEMBL = ("jump-cellpainting/compound-annotator", "f621419bde2539ff0bad7b65c45e758661006739")

PROFILE_FILE = UpstreamFile(
    "ds_refs_sim_to_clusters_webapp.tsv",
    *_COMAS,
    "09cab2fb44e1519416946faeda894cb4b1f025132e5bccce943ca9bade817a40",
)
CLUSTER_FILE = UpstreamFile(
    "cluster_cpds.tsv",
    *_COMAS,
    "6d5ca06a4d7e963c21aea4743378bb0ce924f067b1b5fe695f75cc686465e07e",
)
SIGNATURE_FILE = UpstreamFile(
    "consensi-drugbank.tsv.gz",
    _LINCS,
    "ff88e02ba45d62a5e7874c05c3ef019d06e235ed",
    "f36371a1acc0c4f7cbd20a35969af5447cfadac1c36a640ae892243562847ce2",
)
GENE_FILE = UpstreamFile(
    "genes.tsv",
    _LINCS,
    "726793b5ce36576f6f17a0e015a4196113da270c",
    "4b79462a64302bbcc944762b7196441b5b11efae08019370b6564db366a7da0c",
)
ACTIVITY_FILE = UpstreamFile(
    "chembl_annotation_filtered.csv.gz",
    *_CHEMBL,
    "d9d194ed062976c2712739be1c5796da873ca53333375bf7701550992356f1e5",
)
PROTEIN_FILE = UpstreamFile(
    "chembl_uniprot_mapping.txt",
    "Govindakc/MySQLchembl",
    "76a2b6e41e8dc091f21db324a9f11d40f1f8114d",
    "59c427862e093660f248d3b34bb3321a0006d8caf5e162d8a1c6131d3aa1cfea",
)
LINKS = "drugbank.csv"
"""In the screen folder, not made here: DrugBank's accession by connectivity."""

CELL_COUNT = "Rel_Cell_Count"
INDUCTION = "Induction"
MIN_CONFIDENCE, MIN_PCHEMBL = 8, 6.0
"""ChEMBL's confidence that the protein was measured itself (9) or a homologue (8), and the median
-log10 of molar potency (1 uM) from which a protein counts as a target."""
_BLOCK = "block"


def read_measurements(upstream: Path) -> pd.DataFrame:
    """Measurements by compound and concentration, named as one compound per connectivity.

    Salts, stereoisomers and batches of one connectivity are one compound, as in the signatures. It
    has the first name, SMILES and InChIKey that the table gives; without a name, its COMAS number.
    """
    table = pd.read_csv(
        find_upstream(upstream, PROFILE_FILE), sep="\t", dtype=str, keep_default_na=False
    )
    table[_BLOCK] = table["Smiles"].map({text: connectivity(text) for text in set(table["Smiles"])})
    unread = table.loc[table[_BLOCK] == "", "Compound_Id"].unique()
    if len(unread):
        raise UserError(
            f"{len(unread)} compounds without a structure that can be read: {listed(list(unread))}",
            where=PROFILE_FILE.name,
        )
    named = table.assign(name=table["Trivial_Name"].map(canonical_compound))
    named["name"] = named["name"].where(named["name"] != "")
    names = named.groupby(_BLOCK)["name"].first()
    numbers = "COMAS " + named.groupby(_BLOCK)["Compound_Id"].first()
    shared = names.map(folded_name, na_action="ignore").duplicated(keep=False) & names.notna()
    names = names.where(~shared, names + " (" + numbers + ")").fillna(numbers)
    smiles = table.groupby(_BLOCK)["Smiles"].first()
    features = [name for name in table if _is_feature(name)]
    return pd.DataFrame(
        {
            _BLOCK: table[_BLOCK],
            COMPOUND: table[_BLOCK].map(names),
            CONCENTRATION: table["Conc_uM"].astype(float),
            INCHIKEY: table[_BLOCK].map(smiles.map(inchikey)),
            SMILES: table[_BLOCK].map(smiles),
            **{name: table[name].astype(float) for name in (*features, CELL_COUNT)},
        }
    )


def _is_feature(column: str) -> bool:
    """Similarities to clusters, and the share of features that changed."""
    best = ("Cluster_High", "Cluster_Sim")  # which one is highest, and how high
    return column == INDUCTION or (column.startswith("Cluster_") and column not in best)


def build_treatments(measurements: pd.DataFrame) -> pd.DataFrame:
    """Mean of the measurements of each treatment, 14 features and the relative cell count."""
    keys = [*TREATMENT_KEY, INCHIKEY, SMILES]
    means = measurements.drop(columns=_BLOCK).groupby(keys, sort=True).mean().round(4)
    return means.reset_index()


def build_highest(measurements: pd.DataFrame) -> pd.DataFrame:
    """Highest concentration at which a compound is listed: what the choice of doses gives away."""
    highest = np.log10(measurements.groupby(COMPOUND)[CONCENTRATION].max()).round(6)
    table = measurements[TREATMENT_KEY].drop_duplicates().sort_values(TREATMENT_KEY)
    column = "HighestConcentration_Log10"
    return table.assign(**{column: table[COMPOUND].map(highest)}).reset_index(drop=True)


def build_labels(upstream: Path, links: pd.DataFrame, compounds: pd.Series) -> pd.DataFrame:
    """Consensus z of the measured genes, one row per compound and gene symbol.

    Parameters
    ----------
    upstream
        Folder of the upstream files.
    links
        Columns ``Metadata_Block`` and ``Metadata_DrugBank``.
    compounds
        Compounds by connectivity.
    """
    wide = pd.read_csv(find_upstream(upstream, SIGNATURE_FILE), sep="\t", index_col="perturbagen")
    genes = pd.read_csv(
        find_upstream(upstream, GENE_FILE), sep="\t", dtype=str, keep_default_na=False
    ).set_index("entrez_gene_id")
    wide.columns = pd.Index(genes.loc[wide.columns, "symbol"], name=PROTEIN)
    wide = wide.loc[links["Metadata_DrugBank"]]
    wide.index = pd.Index(compounds.loc[links["Metadata_Block"]], name=COMPOUND)
    long = wide.reset_index().melt(id_vars=COMPOUND, value_name=VALUE)
    return long.sort_values([COMPOUND, PROTEIN], ignore_index=True)


def build_targets(upstream: Path, compounds: pd.Series) -> pd.DataFrame:
    """Proteins that a compound binds at a median pChEMBL of 6 or more, but for cluster compounds.

    Similarity to a cluster is similarity to compounds that were chosen by their target: as labels
    of a target task they would be circular.

    Parameters
    ----------
    upstream
        Folder of the upstream files.
    compounds
        Compounds by connectivity.
    """
    activities = pd.read_csv(find_upstream(upstream, ACTIVITY_FILE))
    proteins = pd.read_csv(
        find_upstream(upstream, PROTEIN_FILE), sep="\t", comment="#", header=None,
        names=["accession", "target_chembl_id", "name", "kind"],
    )  # fmt: skip
    clusters = pd.read_csv(find_upstream(upstream, CLUSTER_FILE), sep="\t", dtype=str)
    circular = {connectivity(smiles) for smiles in clusters["Smiles"]}
    activities[_BLOCK] = activities["standard_inchi_key"].str.partition("-")[0]
    binding = activities[
        (activities["assay_type"] == "B")
        & (activities["confidence_score"] >= MIN_CONFIDENCE)
        & activities[_BLOCK].isin(compounds.index.difference(list(circular)))
    ]
    potency = binding.groupby([_BLOCK, "target_chembl_id"])["pchembl_value"].median()
    bound = potency[potency >= MIN_PCHEMBL].reset_index()
    single = proteins[proteins["kind"] == "SINGLE PROTEIN"]
    bound = bound.merge(single, on="target_chembl_id")
    named = pd.DataFrame(
        {
            COMPOUND: bound[_BLOCK].map(compounds),
            TARGET: bound["name"].str.strip() + " (" + bound["accession"] + ")",
            SOURCE: "ChEMBL",
        }
    )
    return named.drop_duplicates().sort_values([COMPOUND, TARGET], ignore_index=True)


def build_screen(upstream: Path, folder: Path) -> None:
    """Write all tables; ``screen.yaml``, the links and the notices are written by hand and stay.

    Parameters
    ----------
    upstream
        Folder that holds the upstream files, at any depth.
    folder
        The screen folder.
    """
    measurements = read_measurements(upstream)
    compounds = measurements.drop_duplicates(_BLOCK).set_index(_BLOCK)[COMPOUND]
    write_parquet(
        folder / "labels.parquet", build_labels(upstream, read_table(folder / LINKS), compounds)
    )
    tables = {
        "treatments.csv": build_treatments(measurements),
        "profiles/highest_concentration.csv": build_highest(measurements),
        "chembl/targets.csv": build_targets(upstream, compounds),
    }
    for name, table in tables.items():
        write_text(folder / name, table.to_csv(index=False, lineterminator="\n"))
