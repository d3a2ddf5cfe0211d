"""Summaries of what each table covers: plates, and wells of treatments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from phenoprot.core.errors import listed
from phenoprot.screens.contract import CONCENTRATION, PLATE, TREATMENT_KEY, WELL_KEY
from phenoprot.validation.rule import TABLE
from phenoprot.validation.summaries_design import treatment_names, treatments
from phenoprot.validation.summaries_layout import is_treated


def layout_plate_summary(
    wells: pd.DataFrame, tables: Mapping[str, pd.DataFrame], table: str
) -> pd.DataFrame:
    """One row per plate with treated wells: is it in any of the other tables?

    Parameters
    ----------
    wells
        Plate layout.
    tables
        Plate and well of the other tables, by file.
    table
        File of the layout.
    """
    if not tables:
        return pd.DataFrame()
    counts = wells[_is_dosed(wells)].groupby(PLATE, observed=True).size()
    there = set().union(*(frame[PLATE].dropna() for frame in tables.values()))
    summary = counts.rename("n_treated").reset_index()
    return summary.assign(**{TABLE: table}, measured=summary[PLATE].isin(there).astype(int))


def table_plate_summary(
    wells: pd.DataFrame, tables: Mapping[str, pd.DataFrame], images: str | None
) -> pd.DataFrame:
    """One row per table: plates that it lacks.

    Cells and proteins may be measured on plates of their own. Tables that share a plate are taken
    to be of the same plates: what one of them has, the others should have, too.

    Parameters
    ----------
    wells
        Plate layout.
    tables
        Plate and well of each table, by file.
    images
        The images among them: they may be of a part of the plates, and are not judged.
    """
    treated = set(wells.loc[_is_dosed(wells), PLATE])
    plates = {name: treated & set(frame[PLATE].dropna()) for name, frame in tables.items()}
    rows = []
    for name, mine in plates.items():
        if name == images:
            continue
        expected = mine.union(*(other for other in plates.values() if other & mine))
        lost = sorted(expected - mine)
        rows.append(
            {
                TABLE: name,
                "n_plates": len(expected),
                "n_missing": len(lost),
                "missing_share": len(lost) / max(len(expected), 1),
                "examples": listed(lost),
            }
        )
    return pd.DataFrame(rows)


def thinned_summary(wells: pd.DataFrame, measured: pd.DataFrame, table: str) -> pd.DataFrame:
    """One row: treatments of which more than half of the wells are not in a table.

    Only plates that the table has are looked at; others may belong to other tables.
    """
    on_plates = wells[wells[PLATE].isin(measured[PLATE]) & _is_dosed(wells)]
    expected = on_plates.groupby(TREATMENT_KEY, observed=True).size()
    found = treatments(wells, measured).groupby(TREATMENT_KEY, observed=True).size()
    found = found.reindex(expected.index, fill_value=0)
    lost = expected.index[2 * found < expected].to_frame(index=False)
    return pd.DataFrame(
        {
            TABLE: [table],
            "n_treatments": [len(expected)],
            "n_lost": [len(lost)],
            "n_gone": [int((found == 0).sum())],
            "examples": [listed(treatment_names(lost).tolist())],
        }
    )


def _is_dosed(wells: pd.DataFrame) -> pd.Series:
    dosed = wells[CONCENTRATION].gt(0) & np.isfinite(wells[CONCENTRATION])
    return is_treated(wells) & dosed & wells[WELL_KEY].notna().all(axis=1)
