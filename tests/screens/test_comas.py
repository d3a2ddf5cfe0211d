"""The builder of comas on small made-up upstream files, and what the shipped tables promise."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.readout.given import given_labels
from phenoprot.screens import comas
from phenoprot.screens.contract import UNIQUE_KEYS
from phenoprot.screens.loader import Screen, load_screen
from phenoprot.screens.structures import connectivity
from phenoprot.tasks.classification import classification_labels
from phenoprot.tasks.settings import ClassificationSettings, TargetSettings
from phenoprot.tasks.targets import target_labels

FOLDER = Path(__file__).parents[2] / "data" / "screens" / "comas"
ETHANOL, PROPANOL, BUTANOL = connectivity("CCO"), connectivity("CCCO"), connectivity("CCCCO")
HEADER = (
    "Compound_Id Conc_uM Rel_Cell_Count Induction Cluster_A Cluster_High Cluster_Sim Trivial_Name "
    "Smiles"
)
PROFILES = (
    "\t".join(HEADER.split())
    + """
7\t10.0\t80\t40\t1\tA\t1\t\tOCC
8\t10.0\t90\t50\t3\tA\t3\tethanol\tCCO
8\t2.0\t99\t9\t0\tA\t0\tethanol\tCCO
9\t30.0\t95\t9\t5\tA\t5\t\tCCCO
5\t10.0\t95\t9\t5\tA\t5\tEthanol\tCCCCO
"""
)
CLUSTERS = "Cluster\tSmiles\nA\tCCCCO\n"
SIGNATURES = "perturbagen\t10\t20\nDB1\t5.0\t-5.0\nDB2\t0.5\t0.25\n"
GENES = "entrez_gene_id\tsymbol\n20\tAAA\n10\tBBB\n"
ACTIVITIES = f"""target_chembl_id,assay_type,pchembl_value,confidence_score,standard_inchi_key
T1,B,5.0,9,{ETHANOL}-X-N
T1,B,6.5,9,{ETHANOL}-Y-N
T1,B,8.0,8,{ETHANOL}-X-N
T2,B,9.0,7,{ETHANOL}-X-N
T2,F,9.0,9,{ETHANOL}-X-N
T2,B,5.9,9,{PROPANOL}-X-N
T3,B,9.0,9,{PROPANOL}-X-N
T1,B,9.0,9,{BUTANOL}-X-N
T1,B,9.0,9,UNKNOWN-X-N
"""
PROTEINS = """# comment
P1\tT1\tKinase 1\tSINGLE PROTEIN
P2\tT2\tKinase 2\tSINGLE PROTEIN
P3\tT3\tComplex\tPROTEIN COMPLEX
"""


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    contents = {
        "PROFILE_FILE": PROFILES.encode(),
        "CLUSTER_FILE": CLUSTERS.encode(),
        "SIGNATURE_FILE": SIGNATURES.encode(),
        "GENE_FILE": GENES.encode(),
        "ACTIVITY_FILE": ACTIVITIES.encode(),
        "PROTEIN_FILE": PROTEINS.encode(),
    }
    for constant, content in contents.items():
        file: comas.UpstreamFile = getattr(comas, constant)
        name = file.name.removesuffix(".gz")
        (tmp_path / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        expected = comas.UpstreamFile(name, file.repository, file.commit, digest)
        monkeypatch.setattr(comas, constant, expected)
    return tmp_path


def test_one_connectivity_is_one_compound(upstream: Path) -> None:
    measurements = comas.read_measurements(upstream)
    names = dict(zip(measurements["block"], measurements["Metadata_Compound"], strict=True))
    # Two spellings of one name are two compounds; one without a name has its number.
    assert names == {
        ETHANOL: "ethanol (COMAS 7)",
        PROPANOL: "COMAS 9",
        BUTANOL: "Ethanol (COMAS 5)",
    }
    treatments = comas.build_treatments(measurements)
    ethanol = treatments[treatments["Metadata_Compound"] == "ethanol (COMAS 7)"]
    assert ethanol["Metadata_Concentration"].tolist() == [2.0, 10.0]
    assert ethanol["Rel_Cell_Count"].tolist() == [99.0, 85.0]  # of two measurements
    assert ethanol["Metadata_SMILES"].tolist() == ["OCC"] * 2
    features = [name for name in treatments if not name.startswith("Metadata_")]
    assert features == ["Induction", "Cluster_A", "Rel_Cell_Count"]


def test_highest_concentration(upstream: Path) -> None:
    table = comas.build_highest(comas.read_measurements(upstream))
    ethanol = table[table["Metadata_Compound"] == "ethanol (COMAS 7)"]
    assert ethanol["HighestConcentration_Log10"].tolist() == [1.0, 1.0]


def test_labels_and_targets(upstream: Path) -> None:
    measurements = comas.read_measurements(upstream)
    compounds = measurements.drop_duplicates("block").set_index("block")["Metadata_Compound"]
    links = pd.DataFrame({"Metadata_Block": [PROPANOL], "Metadata_DrugBank": ["DB1"]})
    labels = comas.build_labels(upstream, links, compounds)
    assert labels.to_numpy().tolist() == [["COMAS 9", "AAA", -5.0], ["COMAS 9", "BBB", 5.0]]
    targets = comas.build_targets(upstream, compounds)
    # The median of 5, 6.5 and 8; no functional assay, low confidence, weak binder, complex, nor
    # compound that defines a cluster.
    assert targets.to_numpy().tolist() == [["ethanol (COMAS 7)", "Kinase 1 (P1)", "ChEMBL"]]


def test_a_structure_that_cannot_be_read(upstream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = PROFILES.replace("\tCCCO", "\tC(C").encode()
    (upstream / comas.PROFILE_FILE.name).write_bytes(content)
    file = comas.PROFILE_FILE
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(
        comas, "PROFILE_FILE", comas.UpstreamFile(file.name, file.repository, file.commit, digest)
    )
    with pytest.raises(UserError, match="1 compounds without a structure that can be read: 9"):
        comas.read_measurements(upstream)


@pytest.fixture(scope="module")
def screen() -> Screen:
    return load_screen(FOLDER)


def test_shipped_tables_are_small_and_unique(screen: Screen) -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 5e6
    for kind, table in (("treatments", screen.treatments(chosen=False)),
                        ("labels", screen.labels()), ("targets", screen.targets())):  # fmt: skip
        assert not table.duplicated(UNIQUE_KEYS[kind]).any()


def test_shipped_labels(screen: Screen) -> None:
    described, layout = screen.info.tables.labels, screen.layout()
    assert described is not None
    assert screen.labels()["Metadata_Compound"].nunique() == 372
    limits = ClassificationSettings(min_positives=10, min_negatives=10)
    for own, n_compounds, n_tasks in (
        (layout, 204, (290, 314)),
        (screen.treatments(chosen=False), 372, (592, 522)),
    ):
        labels = given_labels(screen.labels(), described, own)
        assert labels["Metadata_Compound"].nunique() == n_compounds
        found = [classification_labels(labels, kind, limits) for kind in ("up", "down")]
        assert tuple(table.shape[1] - 1 for table in found) == n_tasks


def test_shipped_targets(screen: Screen) -> None:
    limits = TargetSettings(min_compounds=5)
    compounds = screen.layout()["Metadata_Compound"]
    assert target_labels(screen.targets(), compounds, limits).shape[1] - 1 == 48
    assert "CC BY-SA 3.0" in (FOLDER / "README.md").read_text()
    assert "Attribution-ShareAlike 3.0" in (FOLDER / "chembl/NOTICE.md").read_text()


def test_shipped_features_are_finite(screen: Screen) -> None:
    features = screen.profile("subprofiles").drop(columns=["Metadata_Compound"])
    assert features.shape[1] == 1 + 14
    assert np.isfinite(features.to_numpy()).all()
    highest = screen.profile("highest_concentration")
    assert (10 ** highest["HighestConcentration_Log10"] >= 0.999 * highest[
        "Metadata_Concentration"]).all()  # fmt: skip
