"""Build the cpjump1 screen from its upstream files.

Cell Painting profiles of U2OS cells (Chandrasekaran et al. 2024, doi:10.1038/s41592-024-02241-6)
and nELISA secreted proteins of A549 cells (Dagher et al. 2023, doi:10.1101/2023.04.17.535914),
matched by compound: the two assays share the plate map but neither the cells nor the wells.
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
    CONTROL,
    INCHIKEY,
    NEGATIVE_CONTROL,
    PLATE,
    POSITIVE_CONTROL,
    PROTEIN,
    SMILES,
    SOURCE,
    TARGET,
    VALUE,
    WELL,
    WELL_KEY,
)
from phenoprot.screens.cpjump1_images import build_images
from phenoprot.screens.upstream import UpstreamFile, find_upstream

_CHAMMI75 = ("CaicedoLab/CHAMMI-75", "b84a4ec")
_MAP = ("alxndrkalinin/2024_Kalinin_mAP", "e5be636")
_PHENOTYPES = ("WayScience/JUMP-single-cell", "d1c2eb1")
_CPJUMP1 = (
    "jump-cellpainting/2021_Chandrasekaran_submitted",
    "040170fff115b4cb407069cb9d4ccae20d0549ea",
)
_JUMP_TARGET = ("jump-cellpainting/JUMP-Target", "2da0551610a26548a384537b28d05f6fc72ea33c")

IMAGED_PLATES = ("BR00117010", "BR00117011", "BR00117012", "BR00117013")
"""U2OS, 48 h."""
READOUT_CELL_PLATES = ("BR00116991", "BR00116992", "BR00116993", "BR00116994")
"""A549, 24 h: the cells and time of the protein readout, imaged on plates of their own."""
CONCENTRATION_UM = 5.0
"""The dose of the JUMP-Target plates, as its README recommends and CPJUMP1 used."""
NEGATIVE_CONTROL_COMPOUND = "DMSO"


def _profiles_file(plate: str, sha256: str) -> UpstreamFile:
    return UpstreamFile(
        f"{plate}_normalized_feature_select_negcon_batch.csv.gz", *_CHAMMI75, sha256
    )


PROFILE_FILES = (
    _profiles_file(
        "BR00117010", "3df0391e6fac9985338ca10c87db55455b92c842a88902cd3a6f886b53b8d6e8"
    ),
    _profiles_file(
        "BR00117011", "32a158685c5074f0faf7546148148868d26241c7216cda49d2e53463739f9473"
    ),
    _profiles_file(
        "BR00117012", "c768e4de8a82fca675b5b882b8835b7219af346a19190535dca0b9e90f8c0fe6"
    ),
    _profiles_file(
        "BR00117013", "71f4d968c9d36eeacd4665d5b675d6f62cc9bfa3675237a7bd4961f56530220e"
    ),
)
PROTEIN_FILE = UpstreamFile(
    "nelisa_profiles.parquet",
    *_MAP,
    "6a40f89f42780766adbda0510a7777a4c21a980df3c5d3bad0ced8836872ba1c",
)
CELL_COUNT_FILE = UpstreamFile(
    "class_balanced_well_log_reg_areashape_aggregate_probabilities.parquet",
    *_PHENOTYPES,
    "4e66bab3d340029f77a9ce42dd9154b9de57c922f70129e5bb3d3e42f38064ff",
)
TARGET_FILE = UpstreamFile(
    "JUMP-Target-1_compound_metadata.tsv",
    *_JUMP_TARGET,
    "8a17b7c5136ca9c44097df581eca6d0ffa8fa8b6420a6429944a0091c30cbf77",
)
STRUCTURE_FILE = UpstreamFile(
    "JUMP-Target-1_compound_metadata_targets.tsv",
    *_CPJUMP1,
    "27ee1004447ec31b85e1cdce1fe28d44652a10635280e180434d66db371a11f0",
)
PLATE_MAP_FILE = UpstreamFile(
    "JUMP-Target-1_compound_platemap.tsv",
    *_JUMP_TARGET,
    "b22a82080fe75a761810040e5ed7f31e05a8d440c7f678030f8038e3b6932051",
)


def read_compounds(upstream: Path) -> pd.DataFrame:
    """Compounds by Broad sample: canonical name, InChIKey, SMILES, control type, target genes.

    The library holds four compounds twice, under two Broad samples with one name (other salts or
    stereo-annotations): they are one compound here, so that no fold can part them. InChIKeys and
    SMILES come from one file and fit each other. JUMP-Target's own SMILES are of other tautomers
    for a tenth of the compounds, and two cannot be read.
    """
    options = {"sep": "\t", "dtype": str, "keep_default_na": False}
    targets = pd.read_csv(find_upstream(upstream, TARGET_FILE), **options)
    structures = pd.read_csv(find_upstream(upstream, STRUCTURE_FILE), **options)
    compounds = targets.set_index("broad_sample").drop(index=["", "NA"], errors="ignore")
    structures = structures.set_index("broad_sample")[["InChIKey", "smiles"]]
    structures.columns = pd.Index([INCHIKEY, SMILES])
    unknown = compounds.index.difference(structures.index)
    if len(unknown):
        raise UserError(
            f"{len(unknown)} Broad samples without a structure: {listed(list(unknown))}",
            where=STRUCTURE_FILE.name,
        )
    # One structure and one list of targets per compound: those of its first Broad sample.
    first = compounds.join(structures).drop_duplicates("pert_iname").set_index("pert_iname")
    control = compounds["control_type"].str.startswith("poscon")
    names = compounds["pert_iname"]
    return pd.DataFrame(
        {
            COMPOUND: names,
            INCHIKEY: names.map(first[INCHIKEY]),
            SMILES: names.map(first[SMILES]),
            CONTROL: np.where(control, POSITIVE_CONTROL, ""),
            "targets": names.map(first["target_list"]),
        }
    )


def build_wells(upstream: Path, compounds: pd.DataFrame, protein_plates: list[str]) -> pd.DataFrame:
    """Plate layout: the same map on the imaged, the readout's imaged and the readout plates."""
    layout = pd.read_csv(
        find_upstream(upstream, PLATE_MAP_FILE), sep="\t", dtype=str, keep_default_na=False
    )
    wells = compounds.reindex(layout["broad_sample"])[[COMPOUND, CONTROL, INCHIKEY, SMILES]]
    wells = wells.reset_index(drop=True)
    empty = (layout["broad_sample"] == "").to_numpy()
    wells.loc[empty, COMPOUND] = NEGATIVE_CONTROL_COMPOUND
    wells.loc[empty, CONTROL] = NEGATIVE_CONTROL
    wells.loc[empty, [INCHIKEY, SMILES]] = ""
    wells.insert(1, CONCENTRATION, np.where(empty, 0.0, CONCENTRATION_UM))
    wells.insert(0, WELL, layout["well_position"])
    plates = [*IMAGED_PLATES, *READOUT_CELL_PLATES, *protein_plates]
    return pd.concat([wells.assign(**{PLATE: plate}) for plate in plates])[
        [PLATE, WELL, COMPOUND, CONCENTRATION, CONTROL, INCHIKEY, SMILES]
    ].reset_index(drop=True)


def build_cellprofiler(upstream: Path) -> pd.DataFrame:
    """CellProfiler well profiles of the imaged plates: 904 features, float32."""
    plates = [pd.read_csv(find_upstream(upstream, file), dtype={"Metadata_Plate": str})
              for file in PROFILE_FILES]  # fmt: skip
    table = pd.concat(plates, ignore_index=True)
    features = [column for column in table if not column.startswith("Metadata_")]
    return pd.concat([table[WELL_KEY].astype(str), table[features].astype("float32")], axis=1)


def build_proteomics(upstream: Path) -> pd.DataFrame:
    """nELISA levels, one row per well and protein, centred upstream on the plate's DMSO median."""
    table = pd.read_parquet(find_upstream(upstream, PROTEIN_FILE))
    unit = " [NSU]"
    proteins = [column for column in table if column.endswith(unit)]
    wide = table[["Metadata_Plate", "Metadata_user_sample_well_loc", *proteins]]
    wide.columns = pd.Index([PLATE, WELL, *(name.removesuffix(unit) for name in proteins)])
    long = wide.melt(id_vars=WELL_KEY, var_name=PROTEIN, value_name=VALUE)
    long[VALUE] = long[VALUE].astype("float32")
    return long.sort_values([*WELL_KEY, PROTEIN], ignore_index=True)


def build_cell_counts(upstream: Path, plates: tuple[str, ...]) -> pd.DataFrame:
    """Cells counted per well, one feature ``Cells_Count``."""
    table = pd.read_parquet(
        find_upstream(upstream, CELL_COUNT_FILE),
        columns=[*WELL_KEY, "cell_count", "Metadata_model_type"],
    )
    table = table[(table["Metadata_model_type"] == "final") & table[PLATE].isin(plates)]
    counts = table.groupby(WELL_KEY, as_index=False)["cell_count"].first()
    return counts.rename(columns={"cell_count": "Cells_Count"}).astype({"Cells_Count": "float32"})


def build_targets(compounds: pd.DataFrame) -> pd.DataFrame:
    """Annotated targets: one row per compound and gene symbol."""
    table = compounds.drop_duplicates(COMPOUND).set_index(COMPOUND)["targets"]
    genes = table.str.split("|").explode().str.strip()
    genes = genes[~genes.isin(["", "NA"])].rename(TARGET).reset_index()
    return (
        genes.drop_duplicates()
        .assign(**{SOURCE: "JUMP-Target"})
        .sort_values([COMPOUND, TARGET], ignore_index=True)
    )


def build_screen(upstream: Path, folder: Path) -> None:
    """Write all tables and images of the screen; ``screen.yaml`` is written by hand and stays.

    Parameters
    ----------
    upstream
        Folder that holds the upstream files, at any depth.
    folder
        The screen folder.
    """
    compounds = read_compounds(upstream)
    proteomics = build_proteomics(upstream)
    wells = build_wells(upstream, compounds, sorted(proteomics[PLATE].unique()))
    write_text(folder / "wells.csv", wells.to_csv(index=False, lineterminator="\n"))
    write_text(
        folder / "targets.csv", build_targets(compounds).to_csv(index=False, lineterminator="\n")
    )
    write_parquet(folder / "proteomics.parquet", proteomics)
    profiles = {
        "cellprofiler": build_cellprofiler(upstream),
        "cell_count": build_cell_counts(upstream, IMAGED_PLATES),
        "cell_count_readout": build_cell_counts(upstream, READOUT_CELL_PLATES),
    }
    for name, table in profiles.items():
        write_parquet(folder / "profiles" / f"{name}.parquet", table)
    build_images(upstream, folder)
