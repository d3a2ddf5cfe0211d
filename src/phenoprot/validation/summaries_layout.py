"""Summaries of the plate layout, its compounds and their targets, for the rules to judge."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed, quoted
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    INCHIKEY,
    NEGATIVE_CONTROL,
    PLATE,
    SMILES,
    TARGET,
    WELL,
    ScreenInfo,
)
from phenoprot.screens.structures import canonical_smiles, connectivity, read_smiles
from phenoprot.screens.tables import folded_name
from phenoprot.validation.rule import TABLE

TO_UM = {"M": 1e6, "mM": 1e3, "uM": 1.0, "nM": 1e-3, "pM": 1e-6}


def folded(names: pd.Series) -> pd.Series:
    """Names without what two spellings of one thing differ by; missing names stay missing."""
    return names.map({name: folded_name(name) for name in names.dropna().unique()})


def is_treated(wells: pd.DataFrame) -> pd.Series:
    """Wells that hold a treatment: a named compound that is no negative control."""
    named = wells[COMPOUND].notna() & (wells[COMPOUND] != "")
    return (wells[CONTROL] != NEGATIVE_CONTROL) & named


def spellings(names: pd.Series, table: str) -> pd.DataFrame:
    """One row per name, as `folded`: ``name``, ``n_spellings``, ``spellings``."""
    unique = pd.Series(sorted(names.dropna().unique()), dtype=object)
    groups = unique.groupby(folded(unique))
    return pd.DataFrame(
        {
            TABLE: table,
            "name": groups.first(),
            "n_spellings": groups.size(),
            "spellings": groups.agg(lambda same: " = ".join(_told_apart(list(same)))),
        }
    )


def _told_apart(names: list[str]) -> list[str]:
    """Names in quotes; with the code points of letters beyond ASCII if they look alike."""
    shown = {unicodedata.normalize("NFKC", name) for name in names}
    if len(shown) == len(names):
        return [quoted(name) for name in names]
    return [quoted(name.encode("ascii", "backslashreplace").decode()) for name in names]


def well_summary(wells: pd.DataFrame, info: ScreenInfo) -> pd.DataFrame:
    """The layout with one column per demand; values that a rule does not concern are missing.

    Returns
    -------
    pandas.DataFrame
        One row per well: ``named``, ``foreign_control`` and ``unmarked_control`` (0 or 1),
        ``given_dose``, ``treatment_dose``, ``control_dose``.
    """
    summary = wells.assign(**{TABLE: info.tables.layout})
    dose = wells[CONCENTRATION]
    is_negcon = wells[CONTROL] == NEGATIVE_CONTROL
    treated = is_treated(wells)
    # Only the spelling rule speaks of spellings.
    holds_control = folded(wells[COMPOUND]) == folded(pd.Series([info.negative_control]))[0]
    has_name = wells[COMPOUND].notna() & (wells[COMPOUND] != "")
    empty = dose.isna() & (wells[CONTROL] == "")
    summary["named"] = (has_name | empty).astype(int)
    summary["foreign_control"] = (is_negcon & has_name & ~holds_control).astype(int)
    summary["unmarked_control"] = (~is_negcon & holds_control).astype(int)
    finite = dose.where(np.isfinite(dose))
    treated &= ~holds_control
    summary["given_dose"] = finite.where(treated, 0.0)
    summary["treatment_dose"] = finite.where(treated & finite.ge(0))
    # A control without a concentration would be parted from those at 0.
    summary["control_dose"] = dose.fillna(np.inf).where(is_negcon & ~dose.lt(0))
    return summary


def key_summary(wells: pd.DataFrame, table: str) -> pd.DataFrame:
    """Wells that have an InChIKey, and their ``place``; none if the optional column is not there.

    The place of a treatment without wells is its compound.
    """
    if INCHIKEY not in wells:
        return pd.DataFrame()
    keyed = wells[wells[INCHIKEY] != ""].assign(**{TABLE: table})
    place = keyed[PLATE] + " " + keyed[WELL] if PLATE in keyed else keyed[COMPOUND]
    return keyed.assign(place=place)


def compound_summary(wells: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row per compound: spellings, numbers of InChIKeys and of structures by SMILES."""
    named = wells[is_treated(wells)]
    summary = spellings(wells[COMPOUND][wells[COMPOUND] != ""], table)
    for column, count in ((INCHIKEY, "n_inchikeys"), (SMILES, "n_smiles")):
        summary[count] = 1
        if column in named:
            given = named.loc[named[column] != "", [COMPOUND, column]].drop_duplicates()
            if column == SMILES:  # one structure may be written in many ways
                given[column] = given[column].map(canonical_smiles)
            counts = given.groupby(COMPOUND)[column].nunique()
            most = counts.groupby(folded(counts.index.to_series())).max()
            summary[count] = most.reindex(summary.index).fillna(1).astype(int)
    return summary


def dose_spacing_summary(wells: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row per compound of two or more concentrations: the two that lie closest together.

    ``gap`` is ``high / low - 1``.
    """
    treated = wells[is_treated(wells) & wells[CONCENTRATION].gt(0)]
    treated = treated[np.isfinite(treated[CONCENTRATION])]
    doses = treated[[COMPOUND, CONCENTRATION]].drop_duplicates().sort_values(CONCENTRATION)
    doses["low"] = doses.groupby(COMPOUND, observed=True)[CONCENTRATION].shift()
    doses["gap"] = doses[CONCENTRATION] / doses["low"] - 1
    closest = doses.dropna(subset="gap").sort_values(["gap", COMPOUND]).drop_duplicates(COMPOUND)
    names = {COMPOUND: "compound", CONCENTRATION: "high"}
    return closest.rename(columns=names).assign(**{TABLE: table})


def structure_summary(wells: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row per InChIKey: under how many compounds it stands (spellings aside)."""
    if INCHIKEY not in wells:
        return pd.DataFrame()
    keyed = wells[is_treated(wells) & (wells[INCHIKEY] != "")].assign(
        folded=lambda rows: folded(rows[COMPOUND])
    )
    first = keyed.drop_duplicates([INCHIKEY, "folded"]).sort_values([INCHIKEY, COMPOUND])
    groups = first.groupby(INCHIKEY)[COMPOUND]
    return pd.DataFrame(
        {
            TABLE: table,
            "n_compounds": groups.size(),
            "compounds": groups.agg(lambda names: " = ".join(f"'{name}'" for name in names)),
        }
    )


def smiles_summary(wells: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row per compound and SMILES.

    Returns
    -------
    pandas.DataFrame
        ``compound``, ``smiles``; ``readable`` and ``fits_key`` (0 or 1): RDKit can read it, and it
        has the connectivity of the InChIKey beside it (missing where there is none to compare).
    """
    if SMILES not in wells:
        return pd.DataFrame()
    given = wells[is_treated(wells) & (wells[SMILES] != "")]
    given = given.drop_duplicates([COMPOUND, SMILES]).sort_values([COMPOUND, SMILES])
    blocks = given[INCHIKEY].str.split("-").str[0] if INCHIKEY in given else ""
    summary = pd.DataFrame({TABLE: table, "compound": given[COMPOUND], "smiles": given[SMILES]})
    summary["readable"] = [int(read_smiles(text) is not None) for text in given[SMILES]]
    own = given[SMILES].map(connectivity)
    comparable = (own != "") & (blocks != "")
    summary["fits_key"] = (own == blocks).astype(float).where(comparable)
    return summary


def screen_summary(wells: pd.DataFrame, info: ScreenInfo) -> pd.DataFrame:
    """One row: the highest concentration of the screen."""
    doses = wells.loc[is_treated(wells), CONCENTRATION]
    doses = doses[np.isfinite(doses) & (doses > 0)]
    if doses.empty:
        return pd.DataFrame()
    top, unit = float(doses.max()), info.concentration_unit
    return pd.DataFrame(
        {
            TABLE: [info.tables.layout],
            "top_dose": [top],
            "top_dose_um": [top * TO_UM[unit]],
            "unit": [unit],
        }
    )


def target_summary(targets: pd.DataFrame, table: str) -> pd.DataFrame:
    """The targets with ``row``, ``complete`` (0: a part of the key is missing), ``repeated``."""
    complete = targets[[COMPOUND, TARGET]].notna().all(axis=1)
    return targets.assign(
        **{TABLE: table},
        # Counted as a spreadsheet does: the header is row 1.
        row=np.arange(2, len(targets) + 2),
        complete=complete.astype(int),
        repeated=(targets.duplicated([COMPOUND, TARGET]) & complete).astype(int),
    )


def target_compound_summary(targets: pd.DataFrame, wells: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row: compounds of the targets that are in no well."""
    compounds = targets[COMPOUND].dropna().unique()
    unknown = sorted(set(compounds) - set(wells[COMPOUND].dropna()))
    return pd.DataFrame(
        {
            TABLE: [table],
            "n_compounds": [len(compounds)],
            "n_unknown": [len(unknown)],
            "share": [len(unknown) / max(len(compounds), 1)],
            "examples": [listed(unknown)],
            "place": ["well"],
        }
    )
