"""Chemical structure as features: what can be predicted without any cell."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenoprot.core.errors import UserError, listed
from phenoprot.core.notices import warn
from phenoprot.screens.contract import COMPOUND, SMILES
from phenoprot.screens.structures import compound_smiles, largest_part
from phenoprot.wells.dose import treatments
from phenoprot.wells.names import STRUCTURE

RADIUS, N_BITS = 2, 2048
"""Bonds around an atom that a bit stands for, and bits of a fingerprint: the usual ECFP4."""


def fingerprints(smiles: Iterable[str]) -> npt.NDArray[np.float32]:
    """Morgan fingerprints: which surroundings of atoms a molecule has.

    Rogers & Hahn 2010, doi:10.1021/ci100050t (ECFP4), as RDKit makes them: radius 2, folded to
    2,048 bits, without chirality. Of a salt the largest part counts.

    Parameters
    ----------
    smiles
        SMILES that can be read.

    Returns
    -------
    numpy.ndarray
        (molecules, 2048), 0 or 1.
    """
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    generator = GetMorganGenerator(radius=RADIUS, fpSize=N_BITS)
    rows = [generator.GetFingerprintAsNumPy(largest_part(text)) for text in smiles]
    return np.array(rows, dtype=np.float32).reshape(-1, N_BITS)


def structure_profile(wells: pd.DataFrame) -> pd.DataFrame:
    """Fingerprint of each treatment's compound, the same at every concentration.

    Bits that all compounds or none have are left out. Compounds without a SMILES that can be read
    are left out, too, and named on stderr.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Concentration`` and float32 columns ``Morgan_0000`` to
        ``Morgan_2047``; one row per treatment, sorted.

    Raises
    ------
    UserError
        The layout has no SMILES, or none that can be read; all structures have the same bits.
    """
    smiles = compound_smiles(wells, STRUCTURE)
    known = smiles[[largest_part(text) is not None for text in smiles]]
    if known.empty:
        raise UserError(
            f"none of the {(smiles != '').sum()} compounds' SMILES can be read",
            where=SMILES,
            remedy="Write SMILES that RDKit reads.",
        )
    unknown = smiles.index.difference(known.index)
    if len(unknown):
        warn(
            f"{len(unknown)} of {len(smiles)} compounds have no SMILES that can be read, and are "
            f"not in the rows with structures: {listed(list(unknown))}",
            where=STRUCTURE,
        )
    bits = fingerprints(known)
    varying = np.flatnonzero(bits.min(axis=0) != bits.max(axis=0))
    if not varying.size:
        raise UserError(
            f"the structures of the {len(known)} compounds have the same fingerprint",
            where=STRUCTURE,
            remedy=f"Take {STRUCTURE} out of the rows of this screen in params.yaml.",
        )
    names = [f"Morgan_{bit:04d}" for bit in varying]
    table = treatments(wells)
    table = table[table[COMPOUND].isin(known.index)].reset_index(drop=True)
    rows = known.index.get_indexer(table[COMPOUND])
    features = pd.DataFrame(bits[np.ix_(rows, varying)], columns=names)
    return pd.concat([table, features], axis=1)
