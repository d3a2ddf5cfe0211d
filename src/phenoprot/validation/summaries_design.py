"""Summaries of the design: doses, replicates, and how profiles and readout match."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.screens.contract import (
    COMPOUND,
    CONCENTRATION,
    CONTROL,
    POSITIVE_CONTROL,
    TREATMENT_KEY,
    WELL_KEY,
)
from phenoprot.validation.rule import TABLE
from phenoprot.validation.summaries_layout import is_treated


def treatments(wells: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Treated wells that were measured: compound, concentration, control type."""
    dosed = wells[CONCENTRATION].gt(0) & np.isfinite(wells[CONCENTRATION])
    treated = wells[is_treated(wells) & dosed]
    columns = [*WELL_KEY, *TREATMENT_KEY, CONTROL]
    return treated[columns].merge(measured[WELL_KEY].drop_duplicates(), on=WELL_KEY)


def dose_summary(treated: pd.DataFrame, table: str, dose_response: bool) -> pd.DataFrame:
    """One row per compound: number of concentrations (of a dose-response: no positive controls)."""
    if dose_response:
        treated = treated[treated[CONTROL] != POSITIVE_CONTROL]
    doses = treated.groupby(COMPOUND, observed=True)[CONCENTRATION].nunique()
    return doses.rename("n_doses").rename_axis("compound").reset_index().assign(**{TABLE: table})


def replicate_summary(treated: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row per treatment: number of wells."""
    counts = treated.groupby(TREATMENT_KEY, observed=True).size().rename("n_wells").reset_index()
    counts["treatment"] = treatment_names(counts)
    return counts.assign(**{TABLE: table})


def matching_summary(
    profile: pd.DataFrame, readout: pd.DataFrame, table: str, readout_table: str
) -> pd.DataFrame:
    """Two rows: treatments of the profile without readout, and the reverse."""
    sides = (
        (profile, readout, f"a profile but no readout in {readout_table}"),
        (readout, profile, "a readout but no profile"),
    )
    rows = []
    for one, other, side in sides:
        mine = one[TREATMENT_KEY].drop_duplicates().sort_values(TREATMENT_KEY)
        theirs = pd.MultiIndex.from_frame(other[TREATMENT_KEY])
        alone = mine[~pd.MultiIndex.from_frame(mine).isin(theirs)]
        rows.append(
            {
                TABLE: table,
                "side": side,
                "n_treatments": len(mine),
                "n_unmatched": len(alone),
                "share": len(alone) / max(len(mine), 1),
                "examples": listed(treatment_names(alone).tolist()),
            }
        )
    return pd.DataFrame(rows)


def overlap_summary(profile: pd.DataFrame, readout: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row: compounds that have both."""
    both = set(profile[COMPOUND]) & set(readout[COMPOUND])
    return pd.DataFrame(
        {
            TABLE: [table],
            "n_compounds": [len(both)],
            "what": ["both a profile and a readout"],
        }
    )


def treatment_names(rows: pd.DataFrame) -> pd.Series:
    """Compound and concentration of each row, in words."""
    return rows[COMPOUND] + " at " + rows[CONCENTRATION].map("{:g}".format)
