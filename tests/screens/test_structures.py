"""Structures read from SMILES: known scaffolds, keys and parts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from phenoprot.core.errors import UserError
from phenoprot.screens.loader import load_screen
from phenoprot.screens.structures import (
    canonical_smiles,
    compound_smiles,
    connectivity,
    largest_part,
    read_smiles,
    scaffold,
)

FOLDER = Path(__file__).parents[2] / "data" / "screens" / "cpjump1"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.mark.parametrize(
    "text", ["", " ", "nan", "NA", "None", "c1cc(", "C(C)(C)(C)(C)C", "\u00e9"]
)
def test_what_is_no_smiles(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert read_smiles(text) is None
    assert largest_part(text) is None
    assert scaffold(text) == ""
    assert connectivity(text) == ""
    assert canonical_smiles(text) == text
    assert capfd.readouterr() == ("", "")  # RDKit's own complaints are not for users


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        (ASPIRIN, "c1ccccc1"),
        ("c1ccccc1", "c1ccccc1"),
        ("OC1CCCCC1", "C1CCCCC1"),
        ("c1ccc(CCNc2ncccn2)cc1", "c1ccc(CCNc2ncccn2)cc1"),  # the chain between rings belongs to it
        ("CC1CCCC(=O)C1", "O=C1CCCCC1"),  # and an atom double-bonded to a ring
        ("C[C@H]1CC[C@@H](C)NC1", "C1CCNCC1"),  # stereochemistry does not
        ("CCO", ""),
        ("CC(C)CC(=O)O", ""),
        ("OC1CCCCC1.Cl", "C1CCCCC1"),
        ("O=S(=O)(O)c1ccccc1.CCCCCCCCCCCCCCN", ""),  # the larger part has no ring
    ],
)
def test_scaffolds(smiles: str, expected: str) -> None:
    assert scaffold(smiles) == expected


def test_writings_of_one_structure() -> None:
    assert canonical_smiles("OC(=O)c1ccccc1OC(C)=O") == canonical_smiles(ASPIRIN)
    assert canonical_smiles("C[C@H](N)C(=O)O") != canonical_smiles("C[C@@H](N)C(=O)O")
    assert connectivity("C[C@H](N)C(=O)O") == connectivity("C[C@@H](N)C(=O)O") == "QNAYBMKLOCPYGJ"
    assert connectivity(ASPIRIN) == "BSYNRYMUTXBXSQ"


def wells(smiles: list[str | None] | None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "Metadata_Compound": ["b", "a", "a", "c", "DMSO", "empty"],
            "Metadata_Concentration": [1.0, 5.0, 1.0, 1.0, 0.0, float("nan")],
            "Metadata_Control": ["", "", "", "poscon", "negcon", ""],
        }
    )
    return table if smiles is None else table.assign(Metadata_SMILES=smiles)


def test_smiles_of_compounds() -> None:
    found = compound_smiles(wells([None, "", " CCO ", "CC", "CS(C)=O", "C"]), "a test")
    assert found.to_dict() == {"a": "CCO", "b": "", "c": "CC"}


@pytest.mark.parametrize(
    ("smiles", "what"),
    [
        (None, "no column Metadata_SMILES"),
        (["", "", "", "", "CS(C)=O", ""], "no SMILES in the column Metadata_SMILES"),
    ],
)
def test_layouts_without_structures(smiles: list[str | None] | None, what: str) -> None:
    with pytest.raises(UserError) as error:
        compound_smiles(wells(smiles), "a test")
    assert str(error.value) == (
        f"a test: the wells have {what}. Add the SMILES of the compounds to the wells table, or do "
        "without structures."
    )


def test_shipped_structures_fit_their_keys() -> None:
    """All 302 compounds: RDKit's own InChIKey of the SMILES is the shipped one, stereo included."""
    from rdkit.Chem import inchi

    table = load_screen(FOLDER).wells()
    keys = table.drop_duplicates("Metadata_Compound").set_index("Metadata_Compound")
    smiles = compound_smiles(table, "a test")
    assert len(smiles) == 302
    made = {name: inchi.MolToInchiKey(read_smiles(text)) for name, text in smiles.items()}
    assert made == keys["Metadata_InChIKey"].drop("DMSO").to_dict()
