"""Make the outer folds: grouped so that no compound stands on two sides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import UserError
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, CONTROL, INCHIKEY, NEGATIVE_CONTROL
from phenoprot.screens.tables import folded_name
from phenoprot.tasks.columns import FOLD, GROUP


def compound_groups(wells: pd.DataFrame) -> pd.DataFrame:
    """Compounds that must stay together: one row per compound with its group.

    Compounds with one connectivity (first block of the InChIKey: salts, stereoisomers and isotopes
    of one skeleton) are one group; without an InChIKey a compound is its own group. Spellings of
    one name (case, white space, Unicode form) are one compound, whatever validation says of them.
    """
    treated = wells[(wells[CONTROL] != NEGATIVE_CONTROL) & wells[CONCENTRATION].gt(0)]
    compounds = treated.drop_duplicates(COMPOUND).sort_values(COMPOUND, ignore_index=True)
    group = compounds[COMPOUND]
    if INCHIKEY in compounds:
        block = compounds[INCHIKEY].fillna("").str.split("-").str[0]
        group = block.where(block != "", compounds[COMPOUND])
    return pd.DataFrame({COMPOUND: compounds[COMPOUND], GROUP: _joined(compounds[COMPOUND], group)})


def _joined(names: pd.Series, groups: pd.Series) -> pd.Series:
    """Groups, with those joined that hold spellings of one name; the first stands for all."""
    first: dict[str, str] = {}
    stands_for: dict[str, str] = {}

    def leader(group: str) -> str:
        while (other := stands_for.get(group, group)) != group:
            group = other
        return group

    for name, group in zip(names.map(folded_name), groups, strict=True):
        one, other = leader(first.setdefault(name, group)), leader(group)
        if one != other:
            stands_for[other] = one
    return groups.map(leader)


def make_folds(groups: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Assign every compound to an outer fold.

    Groups go, in random order and largest first, each to the fold with the fewest compounds so
    far: fold sizes differ by no more than the largest group, and no fold is empty.

    Returns
    -------
    pandas.DataFrame
        ``Metadata_Compound``, ``Metadata_Group``, ``Fold`` (0-based), sorted by compound.

    Raises
    ------
    UserError
        Fewer groups than folds.
    """
    size = groups.groupby(GROUP, sort=True).size()
    if len(size) < folds:
        raise UserError(
            f"{len(size)} compound(s) cannot fill {folds} folds",
            where="tasks.splits.folds",
            remedy="Lower the number of folds or add compounds.",
        )
    order = np.random.default_rng(seed).permutation(len(size))
    order = order[np.argsort(-size.to_numpy()[order], kind="stable")]
    filled = np.zeros(folds, dtype=np.int64)
    fold_of: dict[str, int] = {}
    for i in order:
        fold = int(filled.argmin())
        fold_of[size.index[i]] = fold
        filled[fold] += size.iloc[i]
    return groups.assign(**{FOLD: groups[GROUP].map(fold_of)})
