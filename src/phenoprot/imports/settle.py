"""One spelling, structure and rounding of each compound over all plates of a screen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed, quoted
from phenoprot.screens.contract import COMPOUND, CONCENTRATION, INCHIKEY, SMILES
from phenoprot.screens.structures import read_smiles
from phenoprot.screens.tables import folded_name

ROUNDING = 0.01
"""Relative difference below which two concentrations of a compound are roundings of one."""


def settled(wells: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    """The layout of all plates, with one spelling, structure and rounding for each compound.

    Of several spellings the commonest stands for all; of several InChIKeys or SMILES of one name
    those of its first well that has them; of concentrations of a compound that differ by less than
    :data:`ROUNDING` the commonest. What was changed is added to `lines`.
    """
    wells = wells.reset_index(drop=True)
    names = wells[COMPOUND]
    folded = names.map({name: folded_name(name) for name in names.unique()})
    spelt = names.groupby(folded).agg(lambda each: each.mode()[0])
    changed = names != folded.map(spelt)
    if changed.any():
        lines.append(
            f"{names[changed].nunique()} spelling(s) of compounds changed to the commonest: "
            f"{listed([quoted(n) for n in names[changed].unique()])}"
        )
    wells[COMPOUND] = folded.map(spelt)
    wells = _structures(wells, lines)
    return _roundings(wells, lines)


def _structures(wells: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    columns = [column for column in (INCHIKEY, SMILES) if column in wells]
    for column in columns:
        wells[column] = wells[column].where(wells[column].notna(), None)
    if INCHIKEY in wells:
        whole = wells[INCHIKEY].str.fullmatch(r"[A-Z]{14}-[A-Z]{10}-[A-Z]").eq(True)
        cut = wells[INCHIKEY].notna() & ~whole
        if cut.any():
            lines.append(f"{wells[INCHIKEY][cut].nunique()} InChIKey(s) are not whole: left out")
        wells[INCHIKEY] = wells[INCHIKEY].where(whole, None)
    for column in columns:
        given = wells[[COMPOUND, column]].dropna()
        several = given.groupby(COMPOUND)[column].nunique()
        several = several[several > 1]
        if len(several):
            lines.append(
                f"{len(several)} compound(s) have several {column.removeprefix('Metadata_')}s, the "
                f"first stands for all: {listed(list(several.index))}"
            )
        first = given.drop_duplicates(COMPOUND).set_index(COMPOUND)[column]
        wells[column] = wells[COMPOUND].map(first)
    if SMILES in wells:
        smiles = wells[[COMPOUND, SMILES]].dropna().drop_duplicates(COMPOUND)
        if INCHIKEY in wells:
            known = set(wells[COMPOUND][wells[INCHIKEY].notna()])
            smiles = smiles[~smiles[COMPOUND].isin(known)]
        keys = {name: _inchikey(its) for name, its in smiles.to_numpy()}
        keys = {name: key for name, key in keys.items() if key}
        if keys:
            lines.append(f"{len(keys)} InChIKey(s) made from the SMILES")
            made = wells[COMPOUND].map(keys)
            had = wells.get(INCHIKEY, made)
            wells[INCHIKEY] = had.where(had.notna(), made)
    return wells


def _inchikey(smiles: str) -> str:
    """Standard InChIKey of a structure; empty if none can be made."""
    from rdkit import rdBase
    from rdkit.Chem import inchi

    molecule = read_smiles(smiles)
    if molecule is None:
        return ""
    with rdBase.BlockLogs():
        return str(inchi.MolToInchiKey(molecule))


def _roundings(wells: pd.DataFrame, lines: list[str]) -> pd.DataFrame:
    changed: list[str] = []
    doses = wells[CONCENTRATION].to_numpy(copy=True)
    for compound, rows in wells.groupby(COMPOUND, sort=True).indices.items():
        counts = pd.Series(doses[rows]).value_counts()
        unique = np.sort(counts.index.to_numpy())
        gaps = np.diff(unique) > ROUNDING * unique[1:]
        if gaps.all():
            continue
        for group in np.split(unique, np.flatnonzero(gaps) + 1):
            if len(group) > 1:
                best = min(group, key=lambda d: (-counts[d], len(repr(float(d))), d))
                doses[rows] = np.where(np.isin(doses[rows], group), best, doses[rows])
                changed.append(str(compound))
    if changed:
        lines.append(
            f"{len(changed)} compound(s) have concentrations that differ by less than "
            f"{ROUNDING:.0%}, made one: {listed(list(dict.fromkeys(changed)))}"
        )
    wells[CONCENTRATION] = doses
    return wells
