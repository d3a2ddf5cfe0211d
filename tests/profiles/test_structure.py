"""Structure and dose as profiles: against RDKit called directly, and by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from phenoprot.core.errors import UserError
from phenoprot.wells.dose import concentration_profile, treatments
from phenoprot.wells.structure import fingerprints, structure_profile

KEY = ["Metadata_Compound", "Metadata_Concentration"]
SMILES = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "salicylic acid": "O=C(O)c1ccccc1O",
}


def wells(smiles: dict[str, str], doses: tuple[float, ...] = (10.0, 0.1)) -> pd.DataFrame:
    rows = [(f"A{i}", name, dose, "", text) for dose in doses for i, (name, text) in
            enumerate(smiles.items())]  # fmt: skip
    rows.append(("B1", "DMSO", 0.0, "negcon", "CS(C)=O"))
    rows.append(("B2", "", np.nan, "", ""))
    names = ["Metadata_Well", *KEY, "Metadata_Control", "Metadata_SMILES"]
    return pd.DataFrame(rows, columns=names).assign(Metadata_Plate="P")


def on_bits(smiles: str) -> set[int]:
    """Bits of the sparse fingerprint, folded by hand: another way through RDKit than ours."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, includeChirality=False)
    counts = generator.GetSparseCountFingerprint(Chem.MolFromSmiles(smiles))
    return {bit % 2048 for bit in counts.GetNonzeroElements()}


def test_bits_are_those_of_rdkit() -> None:
    for row, text in zip(fingerprints(SMILES.values()), SMILES.values(), strict=True):
        assert set(np.flatnonzero(row)) == on_bits(text)
        assert set(np.unique(row)) == {0, 1}


def tanimoto(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def test_similarities() -> None:
    same = ["OC(=O)c1ccccc1OC(C)=O", "[H]OC(=O)C1=CC=CC=C1OC(C)=O", "Cl.CC(=O)Oc1ccccc1C(O)=O"]
    first, *others = fingerprints([SMILES["aspirin"], *same])
    assert [tanimoto(first, other) for other in others] == [1, 1, 1]
    # Enantiomers look alike to it.
    left, right = fingerprints(["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"])
    assert tanimoto(left, right) == 1
    # Others as RDKit's own measure says.
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    bits = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in SMILES.values()]
    rows = fingerprints(SMILES.values())
    for i in range(4):
        expected = DataStructs.BulkTanimotoSimilarity(bits[i], bits)
        assert [tanimoto(rows[i], row) for row in rows] == pytest.approx(expected)


def test_a_profile_for_every_treatment() -> None:
    profile = structure_profile(wells(SMILES))
    expected = pd.DataFrame([(name, dose) for name in SMILES for dose in (0.1, 10.0)], columns=KEY)
    pd.testing.assert_frame_equal(profile[KEY], expected)
    bits = {name: on_bits(text) for name, text in SMILES.items()}
    every, any_of = set.intersection(*bits.values()), set.union(*bits.values())
    names = [f"Morgan_{bit:04d}" for bit in sorted(any_of - every)]
    assert list(profile) == [*KEY, *names]
    assert (profile.dtypes[names] == np.float32).all()
    for _, row in profile.iterrows():
        on = {int(name[-4:]) for name in names if row[name] == 1}
        assert on == bits[row["Metadata_Compound"]] - every
    # Doses of one compound are alike, order of wells plays no part.
    again = structure_profile(wells(SMILES).sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(profile, again)


def test_compounds_without_a_structure_are_left_out_and_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    profile = structure_profile(wells(SMILES | {"broken": "c1cc(", "none": ""}))
    assert sorted(set(profile["Metadata_Compound"])) == sorted(SMILES)
    assert capsys.readouterr().err == (
        "warning: structure: 2 of 6 compounds have no SMILES that can be read, and are not in the "
        "rows with structures: broken, none\n"
    )
    structure_profile(wells(SMILES))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (wells(SMILES).drop(columns="Metadata_SMILES"), "structure: .*no column Metadata_SMILES"),
        (wells({"a": "c1cc(", "b": ""}), "Metadata_SMILES: none of the 1 compounds' SMILES can be"),
        (wells({"a": "CCO", "b": "OCC"}), "the structures of the 2 compounds have the same"),
    ],
)
def test_no_structures(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(UserError, match=message):
        structure_profile(table)


def test_concentration() -> None:
    table = wells(SMILES, (10.0, 0.1, 1.0))
    table = table[~((table["Metadata_Compound"] == "caffeine") & table[KEY[1]].eq(1))]
    profile = concentration_profile(table)
    pd.testing.assert_frame_equal(profile[KEY], treatments(table))
    assert profile["Concentration_Log10"].tolist()[:5] == [-1, 0, 1, -1, 1]
    assert profile["Concentration_Log10"].dtype == np.float32
    assert list(profile) == [*KEY, "Concentration_Log10"]


def test_one_concentration_is_no_feature() -> None:
    with pytest.raises(UserError, match="concentration: all treatments have one concentration"):
        concentration_profile(wells(SMILES, (5.0,)))


@pytest.mark.parametrize("make", [structure_profile, concentration_profile])
def test_input_is_left_alone(make: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = wells(SMILES)
    copy = table.copy()
    make(table)
    pd.testing.assert_frame_equal(table, copy)
