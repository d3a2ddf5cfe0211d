"""Chemical structures: what RDKit reads from the SMILES of the compounds.

Of a salt or a mixture the largest part counts, the one with the most heavy atoms: a counter-ion
says nothing about the compound. RDKit is imported on first use.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import COMPOUND, SMILES, treated_wells

if TYPE_CHECKING:
    from rdkit.Chem import Mol


@lru_cache(maxsize=4096)
def read_smiles(smiles: str) -> Mol | None:
    """The molecule that a SMILES names; None if RDKit cannot read it, or it has no atom."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():  # RDKit explains on stderr, in several lines
        molecule = Chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


@lru_cache(maxsize=4096)
def largest_part(smiles: str) -> Mol | None:
    """The part of a molecule with the most heavy atoms; None if the SMILES cannot be read.

    Of parts of one size the last by canonical SMILES is taken.
    """
    from rdkit import Chem

    molecule = read_smiles(smiles)
    if molecule is None:
        return None
    parts = Chem.GetMolFrags(molecule, asMols=True)
    return max(parts, key=lambda part: (part.GetNumHeavyAtoms(), Chem.MolToSmiles(part)))


def canonical_smiles(smiles: str) -> str:
    """RDKit's one way to write the molecule; the text itself if it cannot be read."""
    from rdkit import Chem

    molecule = read_smiles(smiles)
    return smiles if molecule is None else str(Chem.MolToSmiles(molecule))


def connectivity(smiles: str) -> str:
    """First block of the InChIKey: atoms and bonds without stereochemistry and charge.

    Empty if the SMILES cannot be read, or no InChI can be made of it.
    """
    return inchikey(smiles).partition("-")[0]


def inchikey(smiles: str) -> str:
    """Standard InChIKey; empty if the SMILES cannot be read, or no InChI can be made of it."""
    from rdkit import rdBase
    from rdkit.Chem import inchi

    molecule = read_smiles(smiles)
    if molecule is None:
        return ""
    with rdBase.BlockLogs():
        return str(inchi.MolToInchiKey(molecule))


def scaffold(smiles: str) -> str:
    """Bemis-Murcko scaffold: rings, the chains between them, and atoms double-bonded to these.

    Bemis & Murcko 1996, doi:10.1021/jm9602928, as RDKit makes it; without stereochemistry.

    Returns
    -------
    str
        Canonical SMILES of the scaffold; empty for a molecule without a ring, and for a SMILES
        that cannot be read.
    """
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    molecule = largest_part(smiles)
    if molecule is None:
        return ""
    core = MurckoScaffold.GetScaffoldForMol(molecule)
    return str(Chem.MolToSmiles(core, isomericSmiles=False))


def compound_smiles(wells: pd.DataFrame, where: str) -> pd.Series:
    """SMILES of every treated compound, its first in the layout; empty where it has none.

    Parameters
    ----------
    wells
        Plate layout.
    where
        What asks for structures, for the message.

    Returns
    -------
    pandas.Series
        Text, by compound, sorted.

    Raises
    ------
    UserError
        The layout has no column ``Metadata_SMILES``, or no compound has a SMILES.
    """
    treated = treated_wells(wells)
    texts = treated[SMILES].fillna("").str.strip() if SMILES in treated else None
    if texts is None or (texts == "").all():
        what = "no column" if texts is None else "no SMILES in the column"
        raise UserError(
            f"the wells have {what} {SMILES}",
            where=where,
            remedy="Add the SMILES of the compounds to the wells table, or do without structures.",
        )
    names = treated[COMPOUND]
    first = texts.where(texts != "").groupby(names, sort=True).first()
    return first.fillna("").astype(object)
