"""The builder on small made-up upstream files, and its promises on the shipped tables."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.screens import cpjump1
from phenoprot.screens.contract import UNIQUE_KEYS
from phenoprot.screens.loader import Screen, load_screen

FOLDER = Path(__file__).parents[2] / "data" / "screens" / "cpjump1"
# JUMP-Target's own keys and SMILES are of other tautomers, and not taken.
TARGET_TSV = """broad_sample\tpert_iname\tcontrol_type\ttarget_list\tInChIKey\tsmiles
NA\tDMSO\tnegcon\tNA\tNA\tCS(C)=O
S1\tdrug-a\t\tEGFR|KDR\tOTHER\tC=CO
S2\tdrug-a\t\tMTOR\tOTHER\tC=CO
S3\tdrug-b\tposcon_diverse\tNA\tOTHER\tC
"""
STRUCTURE_TSV = "broad_sample\tInChIKey\tsmiles\nS1\tKEY-1\tCCO\nS2\tKEY-2\tCCO\nS3\tKEY-3\tCC\n"
MAP_TSV = "well_position\tbroad_sample\nA01\tS1\nA02\t\nA03\tS2\nA04\tS3\n"


def place(folder: Path, monkeypatch: pytest.MonkeyPatch, constant: str, content: bytes) -> Path:
    """Write a made-up upstream file and make the builder expect its bytes."""
    file: cpjump1.UpstreamFile = getattr(cpjump1, constant)
    path = folder / file.repository.split("/")[1] / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    expected = cpjump1.UpstreamFile(file.name, file.repository, file.commit, digest)
    monkeypatch.setattr(cpjump1, constant, expected)
    return path


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place(tmp_path, monkeypatch, "TARGET_FILE", TARGET_TSV.encode())
    place(tmp_path, monkeypatch, "STRUCTURE_FILE", STRUCTURE_TSV.encode())
    place(tmp_path, monkeypatch, "PLATE_MAP_FILE", MAP_TSV.encode())
    return tmp_path


def test_missing_upstream_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not there.*Fetch it from github\.com/jump-cell"):
        cpjump1.find_upstream(tmp_path, cpjump1.TARGET_FILE)


def test_other_bytes(tmp_path: Path) -> None:
    (tmp_path / cpjump1.TARGET_FILE.name).write_text("another version")
    with pytest.raises(UserError, match=f"SHA-256 is not {cpjump1.TARGET_FILE.sha256}"):
        cpjump1.find_upstream(tmp_path, cpjump1.TARGET_FILE)


def test_one_name_is_one_compound(upstream: Path) -> None:
    compounds = cpjump1.read_compounds(upstream)
    assert compounds.index.tolist() == ["S1", "S2", "S3"]
    assert compounds["Metadata_Compound"].tolist() == ["drug-a", "drug-a", "drug-b"]
    # The second Broad sample of drug-a takes structure and targets of the first.
    assert compounds["Metadata_InChIKey"].tolist() == ["KEY-1", "KEY-1", "KEY-3"]
    assert compounds["Metadata_SMILES"].tolist() == ["CCO", "CCO", "CC"]
    assert compounds["targets"].tolist() == ["EGFR|KDR", "EGFR|KDR", "NA"]
    assert compounds["Metadata_Control"].tolist() == ["", "", "poscon"]


def test_sample_without_structure(upstream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(
        upstream, monkeypatch, "STRUCTURE_FILE", b"broad_sample\tInChIKey\tsmiles\nS1\tKEY-1\tC\n"
    )
    with pytest.raises(UserError, match="2 Broad samples without a structure: S2, S3"):
        cpjump1.read_compounds(upstream)


def test_layout(upstream: Path) -> None:
    wells = cpjump1.build_wells(upstream, cpjump1.read_compounds(upstream), ["protein_1"])
    assert wells["Metadata_Plate"].nunique() == 9
    plate = wells[wells["Metadata_Plate"] == "protein_1"]
    assert plate["Metadata_Well"].tolist() == ["A01", "A02", "A03", "A04"]
    assert plate["Metadata_Compound"].tolist() == ["drug-a", "DMSO", "drug-a", "drug-b"]
    assert plate["Metadata_Concentration"].tolist() == [5.0, 0.0, 5.0, 5.0]
    assert plate["Metadata_Control"].tolist() == ["", "negcon", "", "poscon"]
    assert plate["Metadata_InChIKey"].tolist() == ["KEY-1", "", "KEY-1", "KEY-3"]
    assert plate["Metadata_SMILES"].tolist() == ["CCO", "", "CCO", "CC"]


def test_targets(upstream: Path) -> None:
    targets = cpjump1.build_targets(cpjump1.read_compounds(upstream))
    assert targets.to_numpy().tolist() == [
        ["drug-a", "EGFR", "JUMP-Target"],
        ["drug-a", "KDR", "JUMP-Target"],
    ]


def test_readout_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = tmp_path / "made.parquet"
    pd.DataFrame(
        {
            "Metadata_Plate": ["q", "p"],
            "Metadata_user_sample_well_loc": ["A01", "A02"],
            "IL-6 [NSU]": [1.0, 2.0],
            "BDNF [NSU]": [3.0, 4.0],
            "other": [0, 0],
        }
    ).to_parquet(upstream)
    place(tmp_path, monkeypatch, "PROTEIN_FILE", upstream.read_bytes())
    long = cpjump1.build_proteomics(tmp_path)
    assert long.to_numpy().tolist() == [
        ["p", "A02", "BDNF", 4.0],
        ["p", "A02", "IL-6", 2.0],
        ["q", "A01", "BDNF", 3.0],
        ["q", "A01", "IL-6", 1.0],
    ]
    assert long["Value"].dtype == np.float32


def test_cell_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = tmp_path / "made.parquet"
    pd.DataFrame(
        {
            "Metadata_Plate": ["p", "p", "p", "q"],
            "Metadata_Well": ["A01", "A01", "A02", "A01"],
            "cell_count": [10, 10, 20, 30],
            "Metadata_model_type": ["final", "shuffled", "final", "final"],
        }
    ).to_parquet(upstream)
    place(tmp_path, monkeypatch, "CELL_COUNT_FILE", upstream.read_bytes())
    counts = cpjump1.build_cell_counts(tmp_path, ("p",))
    assert counts.to_numpy().tolist() == [["p", "A01", 10.0], ["p", "A02", 20.0]]
    assert counts["Cells_Count"].dtype == np.float32


@pytest.fixture(scope="module")
def screen() -> Screen:
    return load_screen(FOLDER)


def test_shipped_layout(screen: Screen) -> None:
    wells = screen.wells()
    per_plate = wells.groupby("Metadata_Plate")["Metadata_Control"].value_counts().unstack()
    assert len(per_plate) == 12
    assert (per_plate[["", "negcon", "poscon"]] == [260, 64, 60]).all(axis=None)
    treated = wells[wells["Metadata_Control"] != "negcon"]
    assert (treated["Metadata_Concentration"] == cpjump1.CONCENTRATION_UM).all()
    assert treated["Metadata_Compound"].nunique() == 302
    assert treated.groupby("Metadata_Compound")["Metadata_InChIKey"].nunique().eq(1).all()


def test_shipped_profiles(screen: Screen) -> None:
    plates = {
        "cellprofiler": cpjump1.IMAGED_PLATES,
        "cell_count": cpjump1.IMAGED_PLATES,
        "cell_count_readout": cpjump1.READOUT_CELL_PLATES,
    }
    assert set(screen.info.tables.profiles) == set(plates)
    for method, expected in plates.items():
        profile = screen.profile(method)
        assert set(profile["Metadata_Plate"]) == set(expected)
        assert not profile.duplicated(UNIQUE_KEYS["profiles"]).any()
        assert (profile.dtypes.drop(UNIQUE_KEYS["profiles"]) == np.float32).all()
    assert screen.profile("cellprofiler").shape == (1536, 2 + 904)


def test_shipped_readout_and_targets(screen: Screen) -> None:
    proteomics = screen.proteomics()
    assert proteomics["Metadata_Protein"].nunique() == 191
    assert proteomics["Metadata_Plate"].nunique() == 4
    assert not proteomics.duplicated(UNIQUE_KEYS["proteomics"]).any()
    targets = screen.targets()
    assert not targets.duplicated(UNIQUE_KEYS["targets"]).any()
    assert set(targets["Metadata_Compound"]) <= set(screen.wells()["Metadata_Compound"])


def test_shipped_tables_are_small() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".tiff"]
    assert sum(path.stat().st_size for path in files) < 12e6
